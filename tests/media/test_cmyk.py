"""CMYK stays CMYK, and a palette becomes RGB without loss."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edlrr_cli.errors import InputError, OutputError
from edlrr_cli.media.figure import comparison_panels, write_figure
from edlrr_cli.media.images import read_image, read_reference
from edlrr_cli.media.masks import read_mask
from edlrr_cli.media.save import check_output, save_image

INKS = np.random.default_rng(0).integers(0, 256, (12, 17, 4), np.uint8)
PROFILE = bytes(16) + b"CMYK" + bytes(108)


def cmyk(path: Path, values: np.ndarray = INKS, **settings: object) -> Path:
    Image.frombytes("CMYK", values.shape[1::-1], values.tobytes()).save(path, **settings)
    return path


def stored(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.mode == "CMYK"
        assert image.info["icc_profile"] == PROFILE
        return np.asarray(image)


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_tiff_keeps_every_ink(tmp_path: Path, compression: str | None) -> None:
    path = cmyk(tmp_path / "in.tif", icc_profile=PROFILE, compression=compression)
    sample = read_image(path)
    assert (sample.mode, sample.pixels.shape, sample.notes) == ("CMYK", INKS.shape, ())
    np.testing.assert_array_equal(sample.pixels, INKS / 255)
    save_image(tmp_path / "out.tif", sample.pixels, like=sample, overwrite=False)
    np.testing.assert_array_equal(stored(tmp_path / "out.tif"), INKS)


def test_jpeg_is_not_inverted(tmp_path: Path) -> None:
    """Adobe's are, and Pillow's are Adobe's: full ink is 0 in the file, 1 here."""
    smooth = np.broadcast_to(np.array([200, 30, 90, 10], np.uint8), (16, 16, 4))
    path = cmyk(tmp_path / "in.jpg", np.ascontiguousarray(smooth), icc_profile=PROFILE, quality=100)
    assert b"Adobe" in path.read_bytes()
    sample = read_image(path)
    assert np.abs(sample.pixels * 255 - smooth).max() < 4
    save_image(tmp_path / "out.jpg", sample.pixels, like=sample, overwrite=False)
    assert np.abs(stored(tmp_path / "out.jpg").astype(int) - smooth).max() < 6


@pytest.mark.parametrize("suffix", [".png", ".webp", ".bmp", ".exr"])
def test_a_format_without_cmyk_is_refused(tmp_path: Path, suffix: str) -> None:
    sample = read_image(cmyk(tmp_path / "in.tif"))
    with pytest.raises(OutputError, match="cannot keep") as caught:
        check_output(tmp_path / f"out{suffix}", overwrite=False, like=sample)
    assert ".tif" in caught.value.remedy


def test_rgb_is_no_reference_for_cmyk(tmp_path: Path) -> None:
    Image.new("RGB", (17, 12)).save(tmp_path / "clean.png")
    with pytest.raises(InputError, match="pixels RGB, the image is 17 x 12 pixels CMYK"):
        read_reference(tmp_path / "clean.png", read_image(cmyk(tmp_path / "in.tif")))


@pytest.mark.parametrize("mode", ["white", "black"])
def test_a_mask_in_cmyk_is_looked_at(tmp_path: Path, mode: str) -> None:
    """White is no ink."""
    hole = np.zeros((12, 17), bool)
    hole[2:5, 3:9] = True
    black = np.where(hole, mode == "black", mode == "white")
    ink = np.zeros_like(INKS)
    ink[..., 3] = 255 * black
    reading = read_mask(cmyk(tmp_path / "mask.tif", ink), read_image(cmyk(tmp_path / "in.tif")), mode=mode)
    np.testing.assert_array_equal(~reading.known, hole)


def test_a_figure_shows_rgb(tmp_path: Path) -> None:
    cyan = np.zeros((240, 240, 4))
    cyan[..., 0] = 1
    write_figure(tmp_path / "a.png", comparison_panels(cyan, cyan), overwrite=False)
    with Image.open(tmp_path / "a.png") as figure:
        assert figure.mode == "RGB"
        assert (np.asarray(figure) == [0, 255, 255]).all(axis=2).sum() == 2 * 240 * 240


@pytest.mark.parametrize("suffix", [".gif", ".png", ".tif", ".bmp"])
def test_colors_of_a_palette_are_exact(tmp_path: Path, suffix: str) -> None:
    rng = np.random.default_rng(1)
    palette, positions = rng.integers(0, 256, (256, 3), np.uint8), rng.integers(0, 256, (9, 11), np.uint8)
    image = Image.fromarray(positions)
    image.putpalette(palette.tobytes())
    image.save(tmp_path / f"in{suffix}")
    sample = read_image(tmp_path / f"in{suffix}")
    save_image(tmp_path / "out.png", sample.pixels, like=sample, overwrite=False)
    with Image.open(tmp_path / "out.png") as written:
        np.testing.assert_array_equal(np.asarray(written), palette[positions])


@pytest.mark.parametrize("suffix", [".gif", ".png"])
def test_the_transparent_entry_of_a_palette_becomes_alpha(tmp_path: Path, suffix: str) -> None:
    positions = (np.arange(20, dtype=np.uint8) % 4).reshape(4, 5)
    image = Image.fromarray(positions)
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 9, 8, 7])
    image.save(tmp_path / f"in{suffix}", transparency=3)
    sample = read_image(tmp_path / f"in{suffix}")
    save_image(tmp_path / "out.png", sample.pixels, like=sample, overwrite=False)
    with Image.open(tmp_path / "out.png") as written:
        values = np.asarray(written)
    np.testing.assert_array_equal(values[..., 3], np.where(positions == 3, 0, 255))
    np.testing.assert_array_equal(values[positions == 1], [[255, 0, 0, 255]] * 5)
