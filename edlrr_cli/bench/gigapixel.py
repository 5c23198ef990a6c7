"""Time and memory of ``edlrr inpaint`` on scans that do not fit into memory, with sparse dust."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.bench.images import PHOTO, large_photo
from edlrr_cli.bench.record import Row
from edlrr_cli.bench.throughput import edlrr
from edlrr_cli.media.files import replacing
from edlrr_cli.media.large_image import LargeImage, open_large
from edlrr_cli.media.tiff_encoder import encode_segment, page_tags
from edlrr_cli.media.tiff_layout import TiffLayout
from edlrr_cli.media.tiff_pages import StoredPage, write_pages
from edlrr_cli.metrics import psnr

NAME = "gigapixel"

PARAMETERS = {
    "image": f"{PHOTO}, tiled, mirrored and with grain, 16 bits, in tiles compressed by Deflate",
    "mask": "specks of 3 to 9 pixels, of which the image is black",
    "seconds": "wall time, start of the interpreter included",
    "cpu_seconds": "of all threads",
    "peak_bytes": "largest resident set of the process",
    "num_changed": "tiles that differ from those of the input as stored",
    "psnr_missing": "of the missing pixels only",
}

_TILE_PX, _NUM_TILES = 256, 6  # the pattern that is repeated has as many tiles a side
_LAYOUT = TiffLayout(predictor=2, tile_px=(_TILE_PX, _TILE_PX))
_LARGEST_PX = 9  # side of a speck
_PEAK = 65535

_Tile = tuple[int, int]
"""Row and column of a tile."""


def run(
    *, large_px: tuple[int, int], num_specks: int, device: str, seed: int, progress: Callable[[str], None]
) -> list[Row]:
    """Restore a gray and an RGB scan.

    Args:
        large_px: Height and width.

    Raises:
        EdlrrError: A command failed.
    """
    rows = []
    for name, num_channels in (("gray", 1), ("RGB", 3)):
        progress(name)
        with TemporaryDirectory(prefix="edlrr-bench-") as folder:
            scan = _Scan(large_px, num_channels, num_specks, seed)
            rows.append({"case": name, **_restored(scan, Path(folder), device)})
    return rows


@dataclass(frozen=True)
class _Scan:
    """A scan of a repeated pattern, with specks."""

    size_px: tuple[int, int]
    num_channels: int
    num_specks: int
    seed: int

    @cached_property
    def pattern(self) -> NDArray[np.uint16]:
        """Return the pattern, shape (h, w, channels)."""
        pixels = large_photo(*[_NUM_TILES * _TILE_PX] * 2)[..., : self.num_channels]
        return np.rint(_PEAK * pixels).astype(np.uint16)

    @cached_property
    def specks(self) -> dict[_Tile, list[tuple[int, int, int]]]:
        """Return row, column and side of the specks of each tile."""
        rng = np.random.default_rng(self.seed)
        specks: dict[_Tile, list[tuple[int, int, int]]] = {}
        for _ in range(self.num_specks):
            side = int(rng.integers(3, _LARGEST_PX + 1))
            top, left = (int(rng.integers(size - side)) for size in self.size_px)
            rows, columns = ({start // _TILE_PX, (start + side - 1) // _TILE_PX} for start in (top, left))
            for tile in product(rows, columns):
                specks.setdefault(tile, []).append((top, left, side))
        return specks

    @property
    def tiles(self) -> Iterator[_Tile]:
        """Yield all tiles, row by row."""
        height, width = self.size_px
        yield from product(range(math.ceil(height / _TILE_PX)), range(math.ceil(width / _TILE_PX)))

    def window(self, tile: _Tile) -> tuple[slice, slice]:
        """Return the rows and the columns of a tile."""
        rows, columns = (
            slice(index * _TILE_PX, min((index + 1) * _TILE_PX, size))
            for index, size in zip(tile, self.size_px, strict=True)
        )
        return rows, columns

    def hole(self, tile: _Tile) -> NDArray[np.bool_]:
        """Return the missing pixels of a tile: disks."""
        rows, columns = self.window(tile)
        y, x = np.mgrid[rows, columns]
        missing = np.zeros(y.shape, np.bool_)
        for top, left, side in self.specks.get(tile, ()):
            middle = (side - 1) / 2
            missing |= (y - top - middle) ** 2 + (x - left - middle) ** 2 <= (side / 2) ** 2
        return missing

    def clean(self, tile: _Tile) -> NDArray[np.uint16]:
        """Return a tile without its specks, shape (rows, columns, channels)."""
        rows, columns = self.window(tile)
        top, left = (_TILE_PX * (index % _NUM_TILES) for index in tile)
        return self.pattern[top : top + rows.stop - rows.start, left : left + columns.stop - columns.start]

    def damaged(self, tile: _Tile) -> NDArray[np.uint16]:
        """Return a tile, shape (rows, columns, channels)."""
        return np.where(self.hole(tile)[..., None], 0, self.clean(tile)).astype(np.uint16)

    def mask(self, tile: _Tile) -> NDArray[np.uint8]:
        """Return a tile of the mask, shape (rows, columns, 1)."""
        return np.uint8(255) * self.hole(tile)[..., None]


class _Tiles(Collection[bytes]):
    """The encoded tiles of a scan or its mask; of equal ones one is encoded."""

    def __init__(self, scan: _Scan, draw: Callable[[_Tile], NDArray[np.unsignedinteger]]) -> None:
        self._scan, self._draw = scan, draw
        self._encoded: dict[object, bytes] = {}

    def __len__(self) -> int:
        return sum(1 for _ in self._scan.tiles)

    def __contains__(self, segment: object) -> bool:
        return segment in self._encoded.values()

    def __iter__(self) -> Iterator[bytes]:
        return map(self._tile, self._scan.tiles)

    def _tile(self, tile: _Tile) -> bytes:
        if tile in self._scan.specks:
            return self._encode(tile)
        size_px = tuple(side.stop - side.start for side in self._scan.window(tile))
        key = (tile[0] % _NUM_TILES, tile[1] % _NUM_TILES, size_px)
        if key not in self._encoded:
            self._encoded[key] = self._encode(tile)
        return self._encoded[key]

    def _encode(self, tile: _Tile) -> bytes:
        return encode_segment(self._draw(tile), layout=_LAYOUT, byteorder="<")


def _write(path: Path, scan: _Scan, draw: Callable[[_Tile], NDArray[np.unsignedinteger]]) -> None:
    sample = draw((0, 0))[:1, :1]
    blank = np.broadcast_to(sample, (*scan.size_px, sample.shape[2]))
    tags = page_tags(blank, "", layout=_LAYOUT, extra_samples=())
    with replacing(path) as stream:
        write_pages(stream, StoredPage(tags, _Tiles(scan, draw), True, blank.size * blank.itemsize))


def _restored(scan: _Scan, folder: Path, device: str) -> Row:
    image, mask, output = (folder / f"{name}.tif" for name in ("image", "mask", "output"))
    _write(image, scan, scan.damaged)
    _write(mask, scan, scan.mask)
    ended = edlrr(
        *("inpaint", str(image), "--mask", str(mask), "-o", str(output), "--device", device, "--quiet")
    )
    with open_large(image) as before, open_large(output) as after:
        return {
            "megapixels": math.prod(scan.size_px) / 1e6,
            "input_bytes": image.stat().st_size,
            "num_specks": scan.num_specks,
            "seconds": ended.seconds,
            "cpu_seconds": ended.cpu_seconds,
            "peak_bytes": ended.peak_bytes,
            **_compared(scan, before.image(1), after.image(1)),
        }


def _compared(scan: _Scan, before: LargeImage, after: LargeImage) -> Row:
    """Compare the tiles of the output with those of the input, and its specks with the truth."""
    changed = []
    for index, tile in enumerate(scan.tiles):
        pair = (b"".join(image.page.stored(index)) for image in (before, after))
        if next(pair) != next(pair):
            changed.append(tile)
    restored, truth = [], []
    holed = [tile for tile in scan.specks if scan.hole(tile).any()]
    for tile in holed:
        hole = scan.hole(tile)
        restored.append(after.stored(scan.window(tile))[hole] / _PEAK)
        truth.append(scan.clean(tile)[hole] / _PEAK)
    pixels = np.concatenate(restored)
    return {
        "num_tiles": sum(1 for _ in scan.tiles),
        "num_changed": len(changed),
        "num_holed": len(holed),
        "missing_fraction": len(pixels) / math.prod(scan.size_px),
        "psnr_missing": psnr(pixels, np.concatenate(truth), data_range=1.0),
    }
