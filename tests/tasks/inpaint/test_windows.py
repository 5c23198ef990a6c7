from __future__ import annotations

import time
import tracemalloc
from dataclasses import replace
from threading import Event

import numpy as np
import pytest
import torch

from edlrr_cli.metrics import psnr
from edlrr_cli.parallel import map_in_threads
from edlrr_cli.tasks.inpaint import auto, windows
from edlrr_cli.tasks.inpaint.config import Config
from edlrr_cli.tasks.inpaint.fill import fill
from edlrr_cli.tasks.inpaint.lowrank.completion import inpaint, inpaint_each
from edlrr_cli.tasks.inpaint.restore import restore
from edlrr_cli.tasks.inpaint.stages import _factor, quality_of
from edlrr_cli.tasks.inpaint.windows import restore_in_windows, windows_of


def waves(height, width):
    y, x = np.mgrid[:height, :width]
    return np.repeat((0.5 + 0.2 * np.sin(x / 9) + 0.2 * np.cos(y / 7))[..., None], 3, axis=2)


def holes(shape, *squares):
    hole = np.zeros(shape, bool)
    for top, left, size in squares:
        hole[top : top + size, left : left + size] = True
    return hole


def in_windows(image, known, call, **settings):
    return restore_in_windows(
        image, known, windows_of(known), lambda window: call(image[window], known[window]), **settings
    )


class Seen:
    """A restoration that fills with the mean of what is known, and remembers what it was shown."""

    def __init__(self):
        self.shapes = []
        self.result = inpaint(waves(8, 8), ~holes((8, 8), (3, 3, 2)), Config(prior="global", steps=0))

    def __call__(self, image, known):
        self.shapes.append(known.shape)
        assert known.any()
        assert not known.all()
        filled = np.where(known[..., None], image, image[known].mean(0))
        return replace(self.result, restored=filled, error=np.where(known, 0.0, 0.1))


def test_small_images_are_restored_whole():
    seen, image = Seen(), waves(512, 400)
    in_windows(image, ~holes((512, 400), (0, 0, 4)), seen)
    assert seen.shapes == [(512, 400)]


def test_only_windows_with_holes_are_looked_at():
    seen, image = Seen(), waves(1000, 1400)
    hole = holes((1000, 1400), (10, 10, 5), (990, 1390, 10), (497, 500, 7))
    result = in_windows(image, ~hole, seen)
    # The third lies across the border of two cells of the grid.
    assert len(seen.shapes) == 4
    assert max(max(shape) for shape in seen.shapes) <= 320 + 2 * 48
    assert (result.restored[~hole] == image[~hole]).all()
    assert (result.error[~hole] == 0).all()
    assert result.error[hole] == pytest.approx(0.1)


def test_a_window_grows_until_enough_is_known():
    seen = Seen()
    hole = holes((900, 900), (100, 100, 600))
    in_windows(waves(900, 900), ~hole, seen)
    assert max(shape[0] for shape in seen.shapes) > 320 + 2 * 48


def test_windows_stay_small_where_little_is_known_everywhere():
    seen = Seen()
    known = np.random.default_rng(0).random((900, 900)) < 0.1
    in_windows(waves(900, 900), known, seen)
    assert len(seen.shapes) == 9
    assert max(max(shape) for shape in seen.shapes) <= 320 + 2 * 48


def test_no_seam_is_seen(monkeypatch):
    """A ramp of what windows return: neighbours differ by 0.2, the step must be spread over the margin."""
    monkeypatch.setattr(windows, "_WHOLE_PX", 64)
    image, known = np.zeros((64, 640, 1)), np.ones((64, 640), bool)
    known[30, 1:-1] = False
    values = iter([0.2, 0.4])
    seen = Seen()

    def restore_flat(image, known):
        return replace(seen.result, restored=np.where(known[..., None], image, next(values)))

    line = in_windows(image, known, restore_flat).restored[30, 1:-1, 0]
    assert line[0] == pytest.approx(0.2)
    assert line[-1] == pytest.approx(0.4)
    assert np.abs(np.diff(line)).max() < 0.01


def test_windows_come_to_what_the_whole_does(monkeypatch):
    image = waves(160, 200)
    hole = np.random.default_rng(0).random((160, 200)) < 0.3
    damaged = np.where(hole[..., None], 0.0, image)
    config = Config(quality="fast")
    whole = restore(damaged, ~hole, config)
    for name, value in (("_WHOLE_PX", 100), ("_CELL_PX", 90), ("_MARGIN_PX", 20)):
        monkeypatch.setattr(windows, name, value)
    parts = restore(damaged, ~hole, config)
    assert not (parts.restored == whole.restored).all()
    assert psnr(parts.restored, image, data_range=1) > psnr(whole.restored, image, data_range=1) - 2
    assert parts.expected_psnr == pytest.approx(whole.expected_psnr, abs=3)
    assert sum(parts.mixture_weights.values()) == pytest.approx(1)


def test_a_very_large_image_takes_no_more_than_its_pixels():
    """12 megapixels with some small holes: nothing is done where nothing is missing."""
    image = np.repeat(waves(300, 400)[..., :1], 1, axis=2)
    image = np.tile(image, (10, 10, 1))
    hole = holes(image.shape[:2], (1400, 1900, 6))
    tracemalloc.start()
    result = restore(np.where(hole[..., None], 0.0, image), ~hole, Config(quality="fast", steps=30))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (result.restored[~hole] == image[~hole]).all()
    assert psnr(result.restored, image, data_range=1, where=hole) > 30
    assert peak < 12 * image.nbytes


@pytest.fixture
def small_windows(monkeypatch):
    for name, value in (("_WHOLE_PX", 40), ("_CELL_PX", 40), ("_MARGIN_PX", 8)):
        monkeypatch.setattr(windows, name, value)


@pytest.fixture
def strip():
    image = waves(40, 160)
    hole = np.random.default_rng(0).random((40, 160)) < 0.3
    return np.where(hole[..., None], 0.0, image), ~hole


def test_the_time_budget_is_of_the_whole_image(monkeypatch, small_windows, strip):
    """When the first window has spent it, nothing is left for the others."""
    image, known = strip
    budgets = []

    def slow_at_first(images, config, **settings):
        budgets.append(config.time_budget)
        if len(budgets) == 1:
            time.sleep(config.time_budget)
        return inpaint_each(images, config, **settings)

    monkeypatch.setattr(auto, "inpaint_each", slow_at_first)
    monkeypatch.setattr("edlrr_cli.tasks.inpaint.restore.threads_for", lambda device, num_windows: 1)
    result = restore(image, known, Config(quality="fast", steps=20, time_budget=0.5))
    assert max(budgets[1:]) < 1e-6 < budgets[0]
    assert len(budgets) == len(windows.windows_of(known)) > 2
    assert result.stop == "time budget"
    assert (result.restored[known] == image[known]).all()


def test_windows_side_by_side_give_what_they_give_in_turn(monkeypatch, small_windows, strip, two_threads):
    config = Config(quality="draft", steps=10)
    reported = []
    together = restore(*strip, config, callback=lambda progress: reported.append(progress.step))
    assert reported == list(range(1, len(windows.windows_of(strip[1])) + 1))
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)
    in_turn = restore(*strip, config)
    assert (together.restored == in_turn.restored).all()
    assert together.mixture_weights == in_turn.mixture_weights


def test_an_interruption_ends_the_image(small_windows, strip, two_threads):
    def interrupted(progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restore(*strip, Config(quality="draft", steps=10), callback=interrupted)


def test_calls_at_work_hear_that_nobody_waits_for_them(two_threads):
    stopped = []
    stop, at_work = Event(), Event()

    def slow(item):
        if item == 1:
            at_work.set()
            stopped.append(stop.wait(timeout=300))
        return item

    results = map_in_threads(slow, [0, 1, 2, 3], num_threads=2, stop=stop)
    assert next(results) == 0
    assert at_work.wait(timeout=300)
    results.close()
    assert stopped == [True]


def test_after_ctrl_c_nobody_waits_for_calls_at_work(two_threads):
    stop, at_work, released = Event(), Event(), Event()

    def slow(item):
        if item == 0:
            at_work.wait(timeout=300)
            raise KeyboardInterrupt
        at_work.set()
        return released.wait(timeout=300)

    with pytest.raises(KeyboardInterrupt):
        list(map_in_threads(slow, [0, 1], num_threads=2, stop=stop))
    assert stop.is_set()
    assert not released.is_set()
    assert torch.get_num_threads() == 2
    released.set()


@pytest.mark.parametrize(
    ("num_windows", "quality"), [(1, "balanced"), (3, "balanced"), (4, "fast"), (7, "fast"), (8, "draft")]
)
def test_the_quality_meant_falls_with_the_pixels_to_work_on(num_windows, quality):
    several = [(slice(0, 416), slice(0, 312))] * num_windows
    assert quality_of("auto", windows.num_px(several)) == quality
    assert quality_of("best", windows.num_px(several)) == "best"


@pytest.mark.parametrize(("num_windows", "factor"), [(10, 1), (11, 2), (40, 2), (41, 4), (161, 8), (999, 8)])
def test_a_draft_of_many_pixels_is_made_in_a_smaller_image(num_windows, factor):
    several = [(slice(0, 416), slice(0, 312))] * num_windows
    lines = np.ones((320, 320), bool)
    lines[::160] = False
    assert _factor(lines, several) == factor


def test_scattered_pixels_are_not_known_in_a_smaller_image():
    known = np.random.default_rng(0).random((320, 320)) < 0.5
    assert _factor(known, [(slice(0, 4000), slice(0, 3000))]) == 1


def test_windows_are_larger_where_they_are_made_smaller():
    known = ~holes((3000, 4000), *((top, 500, 20) for top in range(100, 3000, 200)))
    sizes = [
        max(rows.stop - rows.start for rows, _ in windows.windows_of(known, factor)) for factor in (1, 2, 4)
    ]
    assert sizes[0] == sizes[1] < sizes[2] <= 640 + 2 * 96


def test_a_draft_by_a_smaller_image_fills_wide_holes(monkeypatch):
    """Waves under wide bars: continued from afar, they are met where the first fill is smooth."""
    image = waves(600, 520)
    hole = holes(
        image.shape[:2], *((top, left, 24) for top in range(60, 560, 90) for left in range(60, 480, 90))
    )
    damaged = np.where(hole[..., None], 0.0, image)
    monkeypatch.setattr("edlrr_cli.tasks.inpaint.stages._DRAFT_PX", 1e5)
    result = restore(damaged, ~hole, Config(quality="draft"))
    weights = result.mixture_weights
    assert set(weights) == {"biharmonic", "smaller"}
    assert weights["smaller"] > 0.2
    assert (result.restored[~hole] == image[~hole]).all()
    filled = fill(damaged, ~hole, "biharmonic")
    gain = [psnr(of, image, data_range=1, where=hole) for of in (result.restored, filled)]
    assert gain[0] > gain[1]
    assert result.expected_psnr == pytest.approx(psnr(result.restored, image, data_range=1), abs=4)


@pytest.mark.parametrize("shape", [(600, 12), (600, 60)])
def test_a_part_of_which_nothing_is_known_in_the_smaller_image_keeps_its_size(monkeypatch, shape):
    monkeypatch.setattr("edlrr_cli.tasks.inpaint.stages._factor", lambda known, windows: 8)
    known = np.ones(shape, bool)
    known[:200:3, ::3] = False  # scattered in one window, and elsewhere not
    image = waves(*shape)
    result = restore(np.where(known[..., None], image, 0.0), known, Config(quality="draft", steps=10))
    assert (result.restored[known] == image[known]).all()
    assert psnr(result.restored, image, data_range=1, where=~known) > 30
