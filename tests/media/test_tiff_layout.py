"""TIFF files are written as they were read: type, channels, segments, compression, size."""

from __future__ import annotations

import io
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2
from skimage import data

from edlrr_cli.media.images import read_image
from edlrr_cli.media.save import save_image
from edlrr_cli.media.tiff_codes import LZW, PACKBITS, ZSTD
from edlrr_cli.media.tiff_compression import compress, predicted

HOLE = np.s_[20:30, 40:60]
LAYOUTS: dict[str, dict[str, Any]] = {
    "one strip": {},
    "strips": {"rowsperstrip": 9},
    "tiles": {"tile": (32, 48)},
    "Deflate": {"compression": "zlib", "rowsperstrip": 16},
    "Deflate, predictor": {"compression": "zlib", "predictor": True, "rowsperstrip": 16},
    "Deflate, tiles": {"compression": "zlib", "predictor": True, "tile": (64, 64)},
    "old Deflate": {"compression": 32946},
    "LZMA": {"compression": "lzma"},
    "big endian": {"byteorder": ">", "compression": "zlib", "predictor": True},
    "BigTIFF": {"bigtiff": True, "tile": (16, 16)},
}
DTYPES = ["u1", "u2", "u4", "i2", "f2", "f4", "f8"]


def photograph(num_channels: int, dtype: str) -> np.ndarray:
    image = data.astronaut()[:90, 100:230].astype(np.float64)
    values = np.dstack([image, image[..., 1]])[..., :num_channels].squeeze()
    scale = {"u1": 1, "u2": 257, "u4": 2**24, "i2": 100}.get(dtype, 1 / 255)
    return (values * scale).astype(dtype)


def restored(path: Path, out: Path) -> np.ndarray:
    """Change a hole, write, and return the samples of the output."""
    image = read_image(path)
    pixels = image.pixels.copy()
    pixels[HOLE] = 0.5
    save_image(out, pixels, like=image, overwrite=True)
    return tifffile.imread(out)


def assert_as_read(path: Path, out: Path, values: np.ndarray) -> None:
    stored = restored(path, out)
    assert (stored.dtype, stored.shape) == (values.dtype.newbyteorder("="), values.shape)
    known = np.ones(values.shape[:2], bool)
    known[HOLE] = False
    np.testing.assert_array_equal(stored[known], values[known])
    assert (stored[HOLE] != values[HOLE]).any()
    with tifffile.TiffFile(path) as source, tifffile.TiffFile(out) as file:
        before, after = source.pages.first, file.pages.first
        assert len(file.pages) == 1
        for name in ("photometric", "planarconfig", "samplesperpixel", "extrasamples"):
            assert getattr(before, name) == getattr(after, name), name
        for name in ("predictor", "is_tiled", "tile", "rowsperstrip"):
            assert getattr(before, name) == getattr(after, name), name
        assert len(before.dataoffsets) == len(after.dataoffsets)
        assert after.compression == {32946: 8}.get(before.compression, before.compression)
    assert out.stat().st_size <= 1.1 * path.stat().st_size


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("photometric", "num_channels", "extra"),
    [("minisblack", 1, []), ("rgb", 3, []), ("rgb", 4, [2]), ("rgb", 4, [0])],
)
def test_output_has_the_layout_of_the_input(
    tmp_path: Path, layout: str, dtype: str, photometric: str, num_channels: int, extra: list[int]
) -> None:
    settings = {**LAYOUTS[layout], **({"extrasamples": extra} if extra else {})}
    if dtype[0] == "f":
        settings.pop("predictor", None)
    values = photograph(num_channels, dtype)
    path, out = tmp_path / "in.tif", tmp_path / "out.tif"
    tifffile.imwrite(path, values, photometric=photometric, metadata=None, **settings)
    assert_as_read(path, out, values)


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4"])
@pytest.mark.parametrize(
    ("photometric", "num_channels", "planar"),
    [("miniswhite", 1, "contig"), ("separated", 4, "contig"), ("rgb", 3, "separate")],
)
def test_inverted_gray_inks_and_planes_stay(
    tmp_path: Path, dtype: str, photometric: str, num_channels: int, planar: str
) -> None:
    values = photograph(num_channels, dtype)
    stored = np.moveaxis(values, 2, 0) if planar == "separate" else values
    path, out = tmp_path / "in.tif", tmp_path / "out.tif"
    settings = {"planarconfig": planar} if num_channels > 1 else {}
    tifffile.imwrite(path, stored, photometric=photometric, metadata=None, compression="zlib", **settings)
    if planar == "contig":
        assert_as_read(path, out, values)
        return
    result = restored(path, out)
    assert result.shape == stored.shape
    result[(slice(None), *HOLE)] = stored[(slice(None), *HOLE)]
    np.testing.assert_array_equal(result, stored)


@pytest.mark.parametrize(
    ("name", "predictor"),
    [("packbits", 1), *itertools.product(("tiff_lzw", "zstd", "tiff_adobe_deflate"), (1, 2, 3))],
)
def test_compression_by_libtiff_stays(tmp_path: Path, name: str, predictor: int) -> None:
    """Written by libtiff with its predictors, read again by libtiff."""
    values = photograph(1, "f4" if predictor == 3 else "u1")
    tags = {} if predictor == 1 else {317: predictor}
    path, out = tmp_path / "in.tif", tmp_path / "out.tif"
    Image.fromarray(values).save(path, compression=name, tiffinfo=tags)
    image = read_image(path)
    save_image(out, image.pixels, like=image, overwrite=False)
    with Image.open(out) as again:
        assert again.info["compression"] == name
        np.testing.assert_array_equal(np.asarray(again), values)
    assert out.stat().st_size <= 1.1 * path.stat().st_size


@pytest.mark.parametrize("compression", [LZW, ZSTD, PACKBITS])
@pytest.mark.parametrize("dtype", ["u2", "f4"])
def test_segments_are_those_of_libtiff(compression: int, dtype: str) -> None:
    """A strip of 16-bit samples or floats, which Pillow cannot write, decoded by libtiff."""
    values = photograph(1, dtype)[..., None]
    predictor = 1 if compression == PACKBITS else 2 if dtype == "u2" else 3
    segment = compress(predicted(values, predictor), compression)
    stream = io.BytesIO()
    height, width, _ = values.shape
    bits = 8 * values.itemsize
    tags = {256: width, 257: height, 258: bits, 259: compression, 262: 1, 277: 1, 278: height}
    tags |= {279: len(segment), 317: predictor, 339: 3 if dtype == "f4" else 1}
    directory: Any = ImageFileDirectory_v2()
    directory.tagtype[273] = directory.tagtype[279] = 4
    for tag, value in {**tags, 273: 0}.items():
        directory[tag] = value
    directory.save(stream)
    stream.write(segment)
    with Image.open(stream) as image:
        np.testing.assert_array_equal(np.asarray(image), values[..., 0])


def test_images_of_other_formats_become_compressed_tiffs(tmp_path: Path) -> None:
    values = photograph(3, "u1")
    Image.fromarray(values).save(tmp_path / "in.png")
    image = read_image(tmp_path / "in.png")
    save_image(tmp_path / "out.tif", image.pixels, like=image, overwrite=False)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tif"), values)
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        assert (file.pages.first.compression, file.pages.first.predictor) == (8, 2)
    assert (tmp_path / "out.tif").stat().st_size < values.nbytes
