"""What repeats in images of different scenes."""

from __future__ import annotations

import numpy as np
import pytest

from edlrr_cli.bench.defects import logo_cover, painted
from edlrr_cli.bench.mask import agreement
from edlrr_cli.errors import InputError
from edlrr_cli.tasks.masking.overlay import find_overlay


def planes(scenes, cover, *, level, opacity):
    return [painted(clean, cover, level=level, opacity=opacity).pixels.mean(axis=2) for clean in scenes]


@pytest.mark.parametrize(("level", "opacity"), [(1.0, 1.0), (1.0, 0.4), (0.0, 0.6)])
def test_a_logo_is_found(scenes, level, opacity):
    cover = logo_cover((128, 160))
    found = find_overlay(planes(scenes, cover, level=level, opacity=opacity))
    scores = agreement(found.hole, cover >= 0.1)
    assert scores["iou"] >= 0.8
    assert scores["recall"] >= 0.98
    assert found.score > 0.7


def test_a_box_and_dead_pixels_are_found(scenes):
    cover = np.zeros((128, 160))
    cover[90:110, 20:140] = 1.0
    cover[[10, 40, 60], [30, 150, 80]] = 1.0
    found = find_overlay(planes(scenes, cover, level=0.0, opacity=0.7))
    assert agreement(found.hole, cover > 0)["iou"] >= 0.9


def test_nothing_repeats_in_different_scenes(scenes):
    found = find_overlay([scene.mean(axis=2) for scene in scenes])
    assert found.fraction <= 5e-4


def test_one_scene_is_refused(scenes):
    rng = np.random.default_rng(0)
    gray = scenes[0].mean(axis=2)
    with pytest.raises(InputError, match="one scene"):
        find_overlay([gray + 0.01 * rng.standard_normal(gray.shape) for _ in range(8)])


def test_few_images_are_refused(scenes):
    with pytest.raises(InputError, match="at least 5 images of one size, got 4"):
        find_overlay([scene.mean(axis=2) for scene in scenes[:4]])
