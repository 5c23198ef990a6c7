from __future__ import annotations

import numpy as np
import pytest

from edlrr_cli.media.bitmap import Bitmap
from edlrr_cli.tasks.inpaint import regions
from edlrr_cli.tasks.inpaint.regions import cells_with_holes, region_of


@pytest.fixture(autouse=True)
def small(monkeypatch):
    for name, value in (("_CELL_PX", 40), ("_MARGIN_PX", 12), ("MOST_MARGIN_PX", 24)):
        monkeypatch.setattr(regions, name, value)


def regions_of(missing):
    hole = Bitmap(missing.shape)
    hole.add(slice(0, missing.shape[0]), missing)
    return [region_of(hole, cell) for cell in cells_with_holes(hole)]


@pytest.mark.parametrize("seed", range(4))
def test_each_pixel_is_restored_by_one_region(seed):
    rng = np.random.default_rng(seed)
    missing = rng.random((130, 170)) < 0.002
    for _ in range(12):
        top, left, height, width = rng.integers((0, 0, 1, 1), (110, 130, 20, 40))
        missing[top : top + height, left : left + width] = True
    count = np.zeros(missing.shape, int)
    for region in regions_of(missing):
        np.testing.assert_array_equal(region.missing, missing[region.window])
        count[region.window] += region.owned
    np.testing.assert_array_equal(count, missing)


def test_a_short_hole_across_cells_is_restored_at_once():
    missing = np.zeros((80, 80), bool)
    missing[36:44, 34:46] = True
    owned = [region.owned.sum() for region in regions_of(missing)]
    assert sorted(owned) == [0, 0, 0, 96]


def test_a_long_hole_is_divided_and_named():
    missing = np.zeros((40, 200), bool)
    missing[20:22, 5:195] = True
    found = regions_of(missing)
    assert [region.owned.sum() for region in found] == [2 * 35, 80, 80, 80, 2 * 35]
    assert all(region.is_cut for region in found)


def test_a_region_grows_until_enough_is_known():
    missing = np.zeros((120, 120), bool)
    missing[38:82, 38:82] = True
    region = next(region for region in regions_of(missing) if region.owned[..., :].any())
    assert (~region.missing).mean() >= 0.25
