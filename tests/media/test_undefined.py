"""Pixels without a value have no part, are restored where marked, and stay as they are elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from edlrr_cli.errors import InputError
from edlrr_cli.media.gray import read_gray
from edlrr_cli.media.images import read_image, read_reference
from edlrr_cli.media.masks import read_mask
from edlrr_cli.media.save import save_image

SHAPE = (30, 40)
HOLE = np.s_[4:9, 6:12]


def heights(dtype: str = "f4") -> np.ndarray:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return (200 + 50 * np.sin(x / 7) + 3 * y).astype(dtype)


def write(path: Path, values: np.ndarray, no_data: str = "") -> Path:
    tags = [(42113, 2, len(no_data) + 1, no_data, True)] if no_data else []
    tifffile.imwrite(path, values, metadata=None, photometric="minisblack", extratags=tags)
    return path


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_undefined_pixels_have_no_part_in_the_range(tmp_path: Path, value: float, dtype: str) -> None:
    clean, values = heights(dtype), heights(dtype)
    values[HOLE] = values[20, 20] = value
    image = read_image(write(tmp_path / "in.tif", values))
    note = "31 pixels have no value (NaN, Inf or missing data) and keep none where they are not restored"
    assert image.notes == (note,)
    assert np.isfinite(image.pixels).all()
    np.testing.assert_array_equal(image.visible, np.isfinite(values))
    known = np.ones(SHAPE, bool)
    known[HOLE] = False
    image = image.within(known)
    assert image.visible.sum() == image.visible.size - 1
    pixels = image.pixels.copy()
    pixels[HOLE] = 0.5
    save_image(tmp_path / "out.tif", pixels, like=image, overwrite=False)
    stored = tifffile.imread(tmp_path / "out.tif")
    np.testing.assert_array_equal(stored[known], values[known])
    seen = clean[known & np.isfinite(values)].astype(float)
    np.testing.assert_allclose(stored[HOLE].astype(float), (seen.min() + seen.max()) / 2, rtol=1e-3)


@pytest.mark.parametrize(
    ("dtype", "no_data"),
    [("f4", "-9999"), ("f4", "-3.4028234663852886e+38"), ("i2", "-32768"), ("u2", "0"), ("u1", "255")],
)
def test_the_value_of_missing_data_is_that_of_gdal(tmp_path: Path, dtype: str, no_data: str) -> None:
    values = (heights() / 2).astype(dtype)
    values[HOLE] = np.float64(no_data)
    image = read_image(write(tmp_path / "in.tif", values, no_data))
    missing = np.zeros(SHAPE, bool)
    missing[HOLE] = True
    np.testing.assert_array_equal(image.undefined, missing)
    save_image(tmp_path / "out.tif", image.pixels, like=image, overwrite=False)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tif"), values)
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        assert file.pages.first.tags[42113].value == no_data
    assert read_image(write(tmp_path / "plain.tif", values)).undefined is None


@pytest.mark.parametrize("no_data", ["", "no number", "1e999"])
def test_odd_values_of_missing_data_are_ignored(tmp_path: Path, no_data: str) -> None:
    assert read_image(write(tmp_path / "in.tif", heights(), no_data)).undefined is None


def test_other_files_must_be_complete(tmp_path: Path) -> None:
    values = heights()
    values[HOLE] = np.nan
    path, image = write(tmp_path / "nan.tif", values), read_image(write(tmp_path / "in.tif", heights()))
    for read in (read_gray, lambda name: read_reference(name, image), lambda name: read_mask(name, image)):
        with pytest.raises(InputError, match=r"nan\.tif has 30 pixels without a value .*; fill them first"):
            read(path)


def test_nan_below_transparency_stays(tmp_path: Path) -> None:
    values = np.dstack([heights()] * 3 + [np.ones(SHAPE, "f4")])
    values[HOLE] = [np.nan, np.nan, np.nan, 0]
    tifffile.imwrite(tmp_path / "in.tif", values, photometric="rgb", extrasamples=[2], metadata=None)
    image = read_image(tmp_path / "in.tif")
    np.testing.assert_array_equal(image.visible, values[..., 3] > 0)
    save_image(tmp_path / "out.tif", image.pixels, like=image, overwrite=False)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tif"), values)
