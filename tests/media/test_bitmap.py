from __future__ import annotations

import numpy as np
import pytest

from edlrr_cli.dilation import dilated
from edlrr_cli.media import bitmap
from edlrr_cli.media.bitmap import Bitmap, bands_of


def made(values):
    made = Bitmap(values.shape)
    for rows in bands_of(values.shape):
        made.add(rows, values[rows])
    return made


@pytest.fixture
def values(monkeypatch):
    monkeypatch.setattr(bitmap, "_BAND_PX", 100)
    return np.random.default_rng(0).random((23, 37)) < 0.02


def test_a_window_has_the_pixels_that_were_added(values):
    packed = made(values)
    for rows, columns in (
        (slice(0, 23), slice(0, 37)),
        (slice(3, 9), slice(5, 31)),
        (slice(2, 3), slice(8, 9)),
    ):
        np.testing.assert_array_equal(packed[rows, columns], values[rows, columns])
    assert packed.count() == values.sum()


@pytest.mark.parametrize("radius_px", [0, 1, 5])
def test_dilation_knows_no_bands(values, radius_px):
    grown = made(values).dilated(radius_px)
    np.testing.assert_array_equal(grown.rows(slice(0, 23)), dilated(values, radius_px))


def test_windows_and_other_masks_are_added(values):
    packed, other = made(values), Bitmap(values.shape)
    other.fill((slice(2, 5), slice(7, 20)))
    packed.add_all(other)
    values[2:5, 7:20] = True
    np.testing.assert_array_equal(packed.rows(slice(0, 23)), values)


@pytest.mark.parametrize("step", [1, 4])
def test_bands_cover_all_rows(monkeypatch, step):
    monkeypatch.setattr(bitmap, "_BAND_PX", 100)
    bands = list(bands_of((23, 10), step))
    assert np.concatenate([np.arange(rows.start, rows.stop) for rows in bands]).tolist() == list(range(23))
    assert all((rows.stop - rows.start) % step == 0 for rows in bands[:-1])
    assert max(rows.stop - rows.start for rows in bands) <= 10
