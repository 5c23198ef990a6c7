"""Dust in the infrared plane of synthetic scans whose dust is known."""

from __future__ import annotations

import numpy as np
import pytest

from edlrr_cli.bench.defects import dust_cover, infrared_plane, painted
from edlrr_cli.bench.mask import agreement
from edlrr_cli.errors import InputError
from edlrr_cli.tasks.masking.infrared import find_infrared


def scan(photo, *, transmission=0.62, shift_px=(0, 0), level=0.0, leak=0.15, noise=0.005, specks=12):
    rng = np.random.default_rng(0)
    cover = dust_cover(photo.shape[:2], rng, specks=specks, hairs=2)
    damaged = painted(photo, cover, level=level, opacity=min(1.0, 2 * (1 - transmission)))
    settings = {"transmission": transmission, "leak": leak, "noise": noise, "shift_px": shift_px}
    return damaged, infrared_plane(photo, cover, rng, **settings)


@pytest.mark.parametrize(("transmission", "most_false"), [(0.62, 0.0005), (0.92, 0.001)])
@pytest.mark.parametrize("level", [0.0, 1.0])
def test_strong_and_weak_dust_is_found_up_to_its_outline(large, transmission, most_false, level):
    damaged, plane = scan(large, transmission=transmission, level=level, specks=30)
    found = find_infrared(damaged.pixels, plane)
    scores = agreement(found.hole, damaged.hole)
    assert scores["recall"] >= 0.95
    assert scores["false_fraction"] <= most_false
    assert 0.5 < found.score < 1


@pytest.mark.parametrize("shift_px", [(3, -2), (-4, 0)])
def test_a_displaced_plane_is_aligned(photo, shift_px):
    damaged, plane = scan(photo, shift_px=shift_px)
    found = find_infrared(damaged.pixels, plane)
    assert found.notes == (f"the infrared plane was displaced by {shift_px[0]} rows, {shift_px[1]} columns",)
    assert agreement(found.hole, damaged.hole)["recall"] >= 0.95


def test_nothing_is_found_on_clean_film(photo):
    plane = infrared_plane(photo, 0.0 * photo[..., 0], np.random.default_rng(1), transmission=0.62)
    found = find_infrared(photo, plane)
    assert not found.hole.any()
    assert found.score == 0


def test_a_plane_without_noise_has_no_false_dust(photo):
    assert not find_infrared(photo, np.full(photo.shape[:2], 0.8)).hole.any()


@pytest.mark.parametrize("contrast", [1.0, 0.6])
def test_film_that_absorbs_infrared_is_refused(photo, contrast):
    plane = 0.9 * (1 - contrast * (1 - photo.mean(axis=2)))
    with pytest.raises(InputError, match="black-and-white film and Kodachrome"):
        find_infrared(photo, plane)


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_dust_of_colors_that_the_film_has_not_is_found(level):
    """A plain frame, such as a sky: black or white dust must not explain itself by its color."""
    rng = np.random.default_rng(0)
    sky = np.linspace(0.3, 0.6, 96)[:, None, None] * np.ones((1, 128, 3))
    cover = dust_cover(sky.shape[:2], rng, specks=8, hairs=0)
    damaged = painted(sky, cover, level=level)
    plane = infrared_plane(sky, cover, rng, transmission=0.6)
    found = find_infrared(damaged.pixels, plane)
    assert agreement(found.hole, damaged.hole)["recall"] > 0.6


def test_sensitivity_decides_on_faint_dust(photo):
    damaged, plane = scan(photo, transmission=0.97, noise=0.004)
    fractions = [find_infrared(damaged.pixels, plane, sensitivity=s).fraction for s in (0.25, 1.0, 2.0)]
    assert fractions[0] < fractions[1] < fractions[2]
