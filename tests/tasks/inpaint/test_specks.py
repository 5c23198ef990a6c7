from __future__ import annotations

import numpy as np
import pytest

from edlrr_cli.tasks.inpaint import stages
from edlrr_cli.tasks.inpaint.config import Config
from edlrr_cli.tasks.inpaint.problem import InpaintProblem
from edlrr_cli.tasks.inpaint.restore import restore
from edlrr_cli.tasks.inpaint.specks import specks_of
from edlrr_cli.tasks.inpaint.stages import stages_of
from edlrr_cli.tasks.inpaint.windows import num_px

SIZE_PX = (560, 600)


def dusty(rng, *, count=20, block=True):
    hole = np.zeros(SIZE_PX, bool)
    for top, left in rng.integers(10, 540, (count, 2)):
        hole[top : top + 3, left : left + 4] = True
    if block:
        hole[200:300, 200:320] = True
    return hole


def test_small_holes_are_specks_and_wide_ones_are_not():
    hole = dusty(np.random.default_rng(0))
    specks = specks_of(~hole)
    assert not specks.missing[200:300, 200:320].any()
    assert not (specks.missing & ~hole).any()
    assert specks.missing.sum() > 0.8 * hole[specks.missing | (np.indices(SIZE_PX)[0] > 320)].sum() > 0
    for rows, columns in specks.windows:
        assert specks.missing[rows, columns].any()
        assert max(rows.stop - rows.start, columns.stop - columns.start) <= 64 + 24


@pytest.mark.parametrize("fraction", [0.1, 0.5])
def test_scattered_pixels_are_no_specks(fraction):
    known = np.random.default_rng(0).random(SIZE_PX) >= fraction
    assert specks_of(known).windows == []


def test_a_speck_among_transparent_pixels_is_none():
    hole = np.zeros(SIZE_PX, bool)
    hole[100:103, 100:103] = hole[400:403, 400:403] = True
    visible = np.ones(SIZE_PX, bool)
    visible[80:120, 80:120] = False
    assert specks_of(~hole, visible).missing.sum() == 9
    assert not specks_of(~hole, visible).missing[100, 100]


@pytest.fixture
def little(monkeypatch):
    """Let the windows of few pixels be many."""
    monkeypatch.setattr(stages, "_UP_TO_PX", {"balanced": 1e4, "fast": 2e4})
    monkeypatch.setattr(stages, "_DRAFT_PX", 1e4)


def test_specks_keep_their_size_where_wide_holes_are_restored_in_a_reduced_image(little):
    hole = dusty(np.random.default_rng(0))
    problem = InpaintProblem(np.zeros((*SIZE_PX, 1)), ~hole)
    specks, rest = stages_of(problem, Config())
    assert (specks.quality, specks.factor) == ("draft", 1)
    assert (rest.quality, rest.factor) == ("draft", 4)
    assert not (specks.missing & rest.missing).any()
    np.testing.assert_array_equal(specks.missing | rest.missing, hole)
    assert num_px(specks.windows) < 0.2 * num_px(rest.windows)


def test_the_effort_of_the_rest_follows_its_windows(little):
    hole = dusty(np.random.default_rng(0), block=False)
    hole[300:304, 300:370] = True  # too long for a speck
    _, rest = stages_of(InpaintProblem(np.zeros((*SIZE_PX, 1)), ~hole), Config())
    assert (rest.quality, rest.factor) == ("fast", 1)
    assert rest.missing.sum() >= 280


@pytest.mark.parametrize("config", [Config(quality="fast"), Config(prior="local"), Config(quality="best")])
def test_a_requested_quality_or_prior_has_one_stage(little, config):
    hole = dusty(np.random.default_rng(0))
    (stage,) = stages_of(InpaintProblem(np.zeros((*SIZE_PX, 1)), ~hole), config)
    np.testing.assert_array_equal(stage.missing, hole)
    assert stage.factor == 1


def test_few_pixels_are_restored_as_before():
    hole = dusty(np.random.default_rng(0), count=4, block=False)
    (stage,) = stages_of(InpaintProblem(np.zeros((*SIZE_PX, 1)), ~hole), Config())
    assert stage.quality == "balanced"


def test_fine_specks_are_restored_from_fine_texture(little):
    """A texture of 5 pixels is lost in an image that is reduced by 4, and so are the specks on it."""
    y, x = np.mgrid[: SIZE_PX[0], : SIZE_PX[1]]
    image = (0.5 + 0.2 * np.sin(2 * np.pi * x / 5) + 0.2 * np.cos(2 * np.pi * (x + y) / 6))[..., None]
    hole = dusty(np.random.default_rng(0), count=12)
    result = restore(np.where(hole[..., None], 0.0, image), ~hole, Config(steps=20))
    fine = specks_of(~hole).missing
    assert np.sqrt(np.square(result.restored - image)[fine].mean()) < 0.05
    assert (result.restored[~hole] == image[~hole]).all()
    assert result.error is not None
    assert (result.error[hole] > 0).all()
    assert (result.error[~hole] == 0).all()
    assert result.quality == "draft"
