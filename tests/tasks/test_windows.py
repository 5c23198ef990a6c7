from __future__ import annotations

import time
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from edlrr_cli.metrics import psnr
from edlrr_cli.tasks import windows
from edlrr_cli.tasks.config import Config
from edlrr_cli.tasks.inpaint import inpaint
from edlrr_cli.tasks.restore import restore
from edlrr_cli.tasks.windows import restore_in_windows


def waves(height, width):
    y, x = np.mgrid[:height, :width]
    return np.repeat((0.5 + 0.2 * np.sin(x / 9) + 0.2 * np.cos(y / 7))[..., None], 3, axis=2)


def holes(shape, *squares):
    hole = np.zeros(shape, bool)
    for top, left, size in squares:
        hole[top : top + size, left : left + size] = True
    return hole


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


def test_small_pictures_are_restored_whole():
    seen, image = Seen(), waves(512, 400)
    restore_in_windows(image, ~holes((512, 400), (0, 0, 4)), seen)
    assert seen.shapes == [(512, 400)]


def test_only_windows_with_holes_are_looked_at():
    seen, image = Seen(), waves(1000, 1400)
    hole = holes((1000, 1400), (10, 10, 5), (990, 1390, 10), (497, 500, 7))
    result = restore_in_windows(image, ~hole, seen)
    # The third lies across the border of two cells of the grid.
    assert len(seen.shapes) == 4
    assert max(max(shape) for shape in seen.shapes) <= 320 + 2 * 48
    assert (result.restored[~hole] == image[~hole]).all()
    assert (result.error[~hole] == 0).all()
    assert result.error[hole] == pytest.approx(0.1)


def test_a_window_grows_until_enough_is_known():
    seen = Seen()
    hole = holes((900, 900), (100, 100, 600))
    restore_in_windows(waves(900, 900), ~hole, seen)
    assert max(shape[0] for shape in seen.shapes) > 320 + 2 * 48


def test_windows_stay_small_where_little_is_known_everywhere():
    seen = Seen()
    known = np.random.default_rng(0).random((900, 900)) < 0.1
    restore_in_windows(waves(900, 900), known, seen)
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

    line = restore_in_windows(image, known, restore_flat).restored[30, 1:-1, 0]
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
    assert sum(share for _, share in parts.shares) == pytest.approx(1)


def test_a_very_large_picture_takes_no_more_than_its_pixels():
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


def test_the_time_budget_is_of_the_whole_picture(monkeypatch):
    """When the first window has spent it, each other one takes a single step, and no prior a round."""
    for name, value in (("_WHOLE_PX", 40), ("_CELL_PX", 40), ("_MARGIN_PX", 8)):
        monkeypatch.setattr(windows, name, value)
    image = waves(40, 160)
    hole = np.random.default_rng(0).random((40, 160)) < 0.3
    told = []

    def slow_at_first(progress):
        time.sleep(0 if told else 3)
        told.append(progress.step)

    config = Config(quality="fast", steps=20, time_budget=3)
    result = restore(np.where(hole[..., None], 0.0, image), ~hole, config, callback=slow_at_first)
    assert told[-3:] == [1] * 3
    assert result.stop == "time budget"
    assert (result.restored[~hole] == image[~hole]).all()
