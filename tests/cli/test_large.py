"""``edlrr inpaint`` of images that are not read whole: the same as in memory, region by region from disk."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms
from skimage import data

from edlrr_cli.media import large_image, large_masks, tiff_pages, tiff_segments
from edlrr_cli.metrics import psnr
from edlrr_cli.tasks.inpaint import regions

QUICK = ("--method", "biharmonic", "-q", "--overwrite")
SIZE_PX = (150, 200)
TILED = {"tile": (32, 48), "compression": "zlib", "predictor": True}


@pytest.fixture
def large(monkeypatch):
    """Let every TIFF file be too large for the memory, in small regions and bands."""
    monkeypatch.setattr(large_image, "LARGE_BYTES", 0)
    monkeypatch.setattr("edlrr_cli.media.bitmap._BAND_PX", 200 * 7)
    for name, value in (("_CELL_PX", 64), ("_MARGIN_PX", 24), ("MOST_MARGIN_PX", 64)):
        monkeypatch.setattr(regions, name, value)


@pytest.fixture
def whole(monkeypatch):
    """Undo what `large` does to the choice of the route."""
    return lambda: monkeypatch.setattr(large_image, "LARGE_BYTES", large_image.__dict__["_BYTES"])


def photo(kind="rgb16"):
    levels = data.astronaut()[: SIZE_PX[0], 180 : 180 + SIZE_PX[1]].astype(np.uint16) * 257
    levels = levels + np.arange(200, dtype=np.uint16)[:, None] % 7
    gray = levels.mean(2).astype(np.uint16)
    return {
        "rgb16": levels,
        "rgb8": (levels // 257).astype(np.uint8),
        "gray16": gray,
        "gray8": (gray // 257).astype(np.uint8),
        "float": (gray / 65535 * 3 - 1).astype(np.float32),
        "rgba": np.dstack([levels, np.where(gray > 9000, 65535, 20000).astype(np.uint16)]),
        "rgb+ir": np.dstack([levels, gray]),
        "cmyk": np.dstack([levels, gray]),
        "int32": gray.astype(np.int32) - 4000,
    }[kind]


def dust():
    hole = np.zeros(SIZE_PX, bool)
    for top, left in ((5, 5), (60, 62), (62, 100), (140, 190), (63, 127), (100, 31)):
        hole[top : top + 4, left : left + 5] = True
    return hole


def write(path, values, **settings):
    photometric = "rgb" if values.ndim == 3 else "minisblack"
    tifffile.imwrite(path, values, **{"photometric": photometric, "metadata": None, **settings})
    return path


def save_mask(path, hole):
    Image.fromarray(np.uint8(255) * hole).save(path)
    return path


def segments(path, page=0):
    """Return the strips or tiles as stored."""
    with tifffile.TiffFile(path) as file, path.open("rb") as stream:
        found = []
        for start, count in zip(file.pages[page].dataoffsets, file.pages[page].databytecounts, strict=True):
            stream.seek(start)
            found.append(stream.read(count))
        return found


def tags(path):
    skipped = {273, 279, 324, 325}
    with tifffile.TiffFile(path) as file:
        return [{tag.code: tag.value for tag in page.tags if tag.code not in skipped} for page in file.pages]


def holed(hole, tall, wide):
    """Return which of the tiles have missing pixels, row by row."""
    rows, columns = (range(0, size, step) for size, step in zip(SIZE_PX, (tall, wide), strict=True))
    return [bool(hole[y : y + tall, x : x + wide].any()) for y in rows for x in columns]


LAYOUTS = {
    "tiles of 16 bits": ("rgb16", TILED),
    "strips": ("rgb16", {"rowsperstrip": 7, "compression": "lzma"}),
    "one strip": ("gray16", {}),
    "planes": ("rgb16", {**TILED, "planarconfig": "separate", "photometric": "rgb"}),
    "big-endian": ("gray16", {**TILED, "byteorder": ">"}),
    "white is 0": ("gray8", {**TILED, "photometric": "miniswhite", "predictor": False}),
    "floats": ("float", {**TILED, "predictor": False}),
    "integers": ("int32", {"rowsperstrip": 16, "compression": "zlib"}),
    "alpha": ("rgba", {**TILED, "extrasamples": ["unassalpha"]}),
    "infrared": ("rgb+ir", {**TILED, "extrasamples": ["unspecified"]}),
    "CMYK": ("cmyk", {**TILED, "photometric": "separated"}),
    "a BigTIFF": ("rgb8", {**TILED, "bigtiff": True}),
    "no predictor": ("gray8", {"rowsperstrip": 16, "compression": "zlib", "predictor": False}),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_file_is_that_of_the_image_in_memory(run, tmp_path, monkeypatch, request, layout):
    """Tags and known pixels are the same, and what was restored is close."""
    kind, settings = LAYOUTS[layout]
    values, hole = photo(kind), dust()
    if settings.get("planarconfig"):
        values = np.ascontiguousarray(np.moveaxis(values, 2, 0))
    tags_of_scanner = [(271, 2, 0, "Scanner", True), (34675, 7, None, b"", True)][:1]
    settings = {**settings, "resolution": (600, 600), "extratags": tags_of_scanner}
    image, mask = write(tmp_path / "in.tif", values, **settings), save_mask(tmp_path / "mask.png", hole)
    command = ("inpaint", image, "--mask", mask, *QUICK)
    assert run(*command, "-o", tmp_path / "whole.tif").exit_code == 0
    request.getfixturevalue("large")
    result = run(*command, "-o", tmp_path / "parts.tif", "--json")
    assert result.exit_code == 0, result.stderr
    record = json.loads(result.stdout)
    assert "6 regions around its holes" in record["notes"][-1] or "regions around" in record["notes"][-1]
    assert record["missing_fraction"] == pytest.approx(hole.mean())
    assert tags(tmp_path / "parts.tif") == tags(tmp_path / "whole.tif")
    before, whole, parts = (tifffile.imread(tmp_path / f"{name}.tif") for name in ("in", "whole", "parts"))
    missing = (
        np.broadcast_to(hole if before.ndim == 2 else hole[..., None], before.shape)
        if (not settings.get("planarconfig"))
        else np.broadcast_to(hole, before.shape)
    )
    np.testing.assert_array_equal(parts[~missing], before[~missing])
    assert (parts != before)[missing].any()
    spread = float(np.ptp(before.astype(np.float64)))
    assert np.abs(parts.astype(np.float64) - whole).max() < 0.02 * spread


def test_tiles_without_holes_are_copied_byte_by_byte(run, tmp_path, large, monkeypatch):
    hole = dust()
    image, mask = write(tmp_path / "in.tif", photo(), **TILED), save_mask(tmp_path / "mask.png", hole)
    encoded = []
    compress = tiff_segments.zlib.compress
    monkeypatch.setattr(
        "edlrr_cli.media.tiff_compression.zlib.compress", lambda data: encoded.append(1) or compress(data, 1)
    )
    result = run("inpaint", image, "--mask", mask, *QUICK, "-o", tmp_path / "out.tif")
    assert result.exit_code == 0, result.stderr
    changed = holed(hole, 32, 48)
    pairs = zip(segments(image), segments(tmp_path / "out.tif"), strict=True)
    assert [before != after for before, after in pairs] == changed
    assert len(encoded) == sum(changed) < len(changed) / 2
