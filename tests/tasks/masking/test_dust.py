"""Specks, hairs and scratches in photographs, and in photographs without any."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data

from edlrr_cli.bench.defects import dust_cover, painted, scratch_cover
from edlrr_cli.bench.mask import agreement, photographs
from edlrr_cli.tasks.masking.dust import find_dust
from edlrr_cli.tasks.masking.scratches import find_scratches

CLEAN = ("astronaut", "chelsea", "coffee", "rocket", "coins", "moon")
BOTH = pytest.mark.parametrize("find", [find_dust, find_scratches])


def clean(name):
    whole = np.atleast_3d(getattr(data, name)())[:300, :300] / 255.0
    return whole


@BOTH
def test_next_to_nothing_is_found_in_clean_photographs(find):
    fractions = [find(clean(name)).fraction for name in CLEAN]
    assert np.mean(fractions) <= 5e-4


@pytest.mark.parametrize("level", [0.0, 1.0])
@pytest.mark.parametrize("channels", [1, 3])
def test_specks_on_a_smooth_image_are_found(level, channels):
    ramp = np.linspace(0.3, 0.6, 200)[:, None, None] * np.ones((1, 200, channels))
    ramp += 0.005 * np.random.default_rng(0).standard_normal(ramp.shape)
    cover = dust_cover((200, 200), np.random.default_rng(1), specks=25, hairs=2)
    damaged = painted(ramp, cover, level=level)
    found = find_dust(damaged.pixels)
    scores = agreement(found.hole, damaged.hole)
    assert scores["recall"] >= (0.85 if channels == 3 else 0.5)  # without colors one of the hairs is missed
    assert scores["false_fraction"] <= 0.0015


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_scratches_across_a_photograph_are_found(photo, level):
    cover = scratch_cover(photo.shape[:2], np.random.default_rng(3), scratches=8)
    damaged = painted(photo, cover, level=level)
    found = find_scratches(damaged.pixels)
    assert agreement(found.hole, damaged.hole)["f_measure"] >= 0.78
    assert 0.5 <= found.score <= 1


def test_faint_scratches_of_one_paint_are_found():
    photo = photographs()["chelsea"]
    cover = scratch_cover(photo.shape[:2], np.random.default_rng(0), scratches=10)
    damaged = painted(photo, cover, level=0.0, opacity=0.75)
    assert agreement(find_scratches(damaged.pixels).hole, damaged.hole)["f_measure"] >= 0.8


def test_a_lone_scratch_brings_no_others(photo):
    cover = np.zeros(photo.shape[:2])
    cover[40:160, 150:152] = 1.0
    scores = agreement(find_scratches(painted(photo, cover, level=1.0).pixels).hole, cover > 0)
    assert scores["recall"] >= 0.9
    assert scores["false_fraction"] <= 0.002


def test_many_lines_of_two_directions_are_a_facade_and_those_of_one_are_scratches(photo):
    cover = np.zeros(photo.shape[:2])
    for column in range(20, 290, 50):
        cover[:, column : column + 2] = 1.0
    parallel = find_scratches(painted(photo, cover, level=1.0, opacity=0.7).pixels)
    assert agreement(parallel.hole, cover > 0)["recall"] >= 0.9
    for row in range(30, 190, 50):
        cover[row : row + 2] = 1.0
    facade = find_scratches(painted(photo, cover, level=1.0, opacity=0.7).pixels)
    assert not facade.hole.any()
    assert "as a lattice does" in facade.notes[0]


@BOTH
def test_sensitivity_decides_on_faint_defects(find, photo):
    make = dust_cover if find is find_dust else scratch_cover
    settings = {"specks": 30, "hairs": 3} if find is find_dust else {"scratches": 6}
    cover = make(photo.shape[:2], np.random.default_rng(3), **settings)
    damaged = painted(photo, cover, level=1.0, opacity=0.6)
    fractions = [find(damaged.pixels, sensitivity=sensitivity).fraction for sensitivity in (0.2, 1, 5)]
    assert fractions[0] < fractions[2]
    assert fractions[0] <= fractions[1] <= fractions[2]


@BOTH
@pytest.mark.parametrize("shape", [(2, 2, 1), (3, 40, 3), (64, 64, 3)])
def test_flat_and_tiny_images_have_no_defects(find, shape):
    found = find(np.full(shape, 0.5))
    assert (found.hole.shape, found.fraction, found.score) == (shape[:2], 0, 0)
