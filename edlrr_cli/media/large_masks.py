"""Mask files of large images: read in bands of rows, and held as one bit per pixel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from edlrr_cli.errors import InputError
from edlrr_cli.media.bitmap import Bitmap, bands_of
from edlrr_cli.media.decoded import DecodedImage
from edlrr_cli.media.images import decoding_errors, open_images, read_image
from edlrr_cli.media.masks import CLEAR_FRACTION, SET_MODE, check_mask_settings, polarity_of
from edlrr_cli.media.orientation import orientation_of
from edlrr_cli.media.still_image import StillImage
from edlrr_cli.media.streams import open_input
from edlrr_cli.media.tiff_page import TiffPage

_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_MOST_BYTES = 2**31
"""Of a mask that cannot be decoded in parts."""


@dataclass(frozen=True, eq=False)
class _Band:
    """Rows of a mask.

    Attributes:
        values: Colors as stored, shape (h, w, c), uint8 or uint16.
        alpha: Shape (h, w), of the same type; None without transparency.
    """

    values: NDArray[Any]
    alpha: NDArray[Any] | None = None

    @property
    def peak(self) -> int:
        """Return the largest value of the type."""
        return int(np.iinfo(self.values.dtype).max)

    def missing(self, mode: str, threshold: int | None) -> NDArray[np.bool_]:
        """Return the missing pixels, see `edlrr_cli.media.masks.read_mask`; gray ones are only compared."""
        if self.alpha is not None or self.values.shape[2] > 1 or threshold is not None:
            return polarity_of(mode, self._image(), threshold).missing
        return np.asarray(self.values[..., 0] != (0 if mode == "white" else self.peak))

    def _image(self) -> StillImage:
        mode = "" if self.peak == 255 else ";16"
        pixels = self.values / np.float64(self.peak)
        return StillImage(pixels, self.alpha, mode, "", b"", b"", None, ())


Bands = Iterator[tuple[slice, _Band]]
"""Rows of a mask, and their values."""


@dataclass(frozen=True, eq=False)
class LargeHole:
    """The missing pixels of a large image.

    Attributes:
        missing: True = missing pixel.
        mode: What marked the hole, as in `edlrr_cli.media.masks.MaskReading`.
        missing_fraction: Fraction of the pixels, in [0, 1].
        evidence: One sentence for the user.
    """

    missing: Bitmap
    mode: str
    missing_fraction: float
    evidence: str

    @classmethod
    def from_bitmap(cls, missing: Bitmap, mode: str, reason: str) -> LargeHole:
        """Return a hole with its fraction; ``reason`` begins the sentence for the user."""
        fraction = missing.count() / (missing.size_px[0] * missing.size_px[1])
        return cls(missing, mode, fraction, f"{reason}: {100 * fraction:.3g} % missing")


def read_large_mask(
    path: Path,
    size_px: tuple[int, int],
    *,
    mode: str = "auto",
    threshold: int | None = None,
    dilate: int = 0,
    page: int = 1,
) -> LargeHole:
    """Read a mask file of an image that is not in memory.

    With mode "auto" the hole is white or black, whichever covers clearly less; the colors of the image are
    no evidence.

    Args:
        path: A TIFF, a PNG, or another file that `edlrr_cli.media.images.read_image` reads.
        size_px: (height, width) of the image.
        mode, threshold, dilate, page: See `edlrr_cli.media.masks.read_mask`.

    Raises:
        UsageError: See there.
        InputError: The file is unreadable, of another size or undecided, or cannot be read in parts.
    """
    check_mask_settings(mode, threshold, dilate)
    modes = ("white", "black") if mode == "auto" else (mode,)
    missing = {each: Bitmap(size_px) for each in modes}
    with _bands(path, page, size_px) as bands:
        for rows, band in bands:
            _refuse_transparency(path, mode, band)
            for each, bitmap in missing.items():
                bitmap.add(rows, band.missing(each, threshold))
    if mode == "auto":
        return _decided(path, missing["white"], missing["black"], dilate)
    hole = LargeHole.from_bitmap(missing[mode].dilated(dilate), mode, f"{mode} marks the hole (as requested)")
    if hole.missing_fraction == 1:
        raise InputError(f"mask {path} leaves no pixel known with mode {mode}", "mark less of the image")
    return hole


def _decided(path: Path, white: Bitmap, black: Bitmap, dilate: int) -> LargeHole:
    """Return the hole that covers less: all that is not black, or all that is not white."""
    num_pixels = white.size_px[0] * white.size_px[1]
    not_black, not_white = white.count(), black.count()
    if not_black == 0:
        return LargeHole.from_bitmap(white, "white", "white marks the hole (the mask is black all over)")
    if not_white == 0:
        raise InputError(
            f"mask {path} is white all over, and leaves no pixel known",
            "pass --mask-mode black if black marks the hole, of which there is none",
        )
    pure_white, pure_black = num_pixels - not_white, num_pixels - not_black
    if pure_white + pure_black < num_pixels / 2:
        raise InputError(
            f"mask {path} is mostly neither black nor white",
            "give --mask a black-and-white file, or set --mask-mode and --mask-threshold 128",
        )
    fraction = not_black / (not_black + pure_black)
    if CLEAR_FRACTION <= fraction <= 1 - CLEAR_FRACTION:
        raise InputError(f"mask {path}: there is no evidence whether white or black marks the hole", SET_MODE)
    mode, missing = ("white", white) if fraction < CLEAR_FRACTION else ("black", black)
    hole = LargeHole.from_bitmap(
        missing.dilated(dilate), mode, f"{mode} marks the hole (it is the smaller area)"
    )
    if hole.missing_fraction == 1:
        raise InputError(f"mask {path} leaves no pixel known after --dilate {dilate}", "dilate less")
    return hole


def _refuse_transparency(path: Path, mode: str, band: _Band) -> None:
    """Refuse what needs all of the mask to be understood, or is not in it."""
    if mode == "alpha" and band.alpha is None:
        raise InputError(f"mask {path} has no transparency for --mask-mode alpha", SET_MODE)
    if mode == "auto" and band.alpha is not None and (band.alpha < band.peak).any():
        raise InputError(f"mask {path} is transparent in part", "pass --mask-mode alpha, white or black")


@contextmanager
def _bands(path: Path, page: int, size_px: tuple[int, int]) -> Iterator[Bands]:
    """Open a mask and yield its bands of rows."""
    with open_input(path) as stream:
        magic = stream.read(len(_PNG_MAGIC))
    if magic == _PNG_MAGIC:
        with open_input(path) as stream:
            yield _png_bands(path, stream, size_px)
        return
    with open_images(path) as images:
        found = images.page(page - 1)
        if found is not None and orientation_of(found.tags) == 1:
            yield _tiff_bands(path, found, size_px)
            return
    image = read_image(path, page)
    _check_size(path, image.size_px, size_px)
    yield ((rows, _rows_of(image, rows)) for rows in bands_of(size_px))


def _check_size(path: Path, mask_px: tuple[int, int], size_px: tuple[int, int]) -> None:
    if mask_px != size_px:
        sizes = [f"{width} x {height}" for height, width in (mask_px, size_px)]
        raise InputError(
            f"mask {path} is {sizes[0]} pixels, the image is {sizes[1]} (width x height)",
            f"give --mask a file of {sizes[1]} pixels",
        )


def _refuse_whole(path: Path, num_bytes: int) -> None:
    """Refuse a mask that has to be decoded whole and is too large for it."""
    if num_bytes > _MOST_BYTES:
        raise InputError(
            f"mask {path} takes {num_bytes / 1e9:.1f} GB of memory, since it cannot be read in parts",
            "save it as a TIFF in tiles or strips",
        )


def _tiff_bands(path: Path, page: TiffPage, size_px: tuple[int, int]) -> Bands:
    _check_size(path, page.size_px, size_px)
    _refuse_whole(path, page.num_decoded_bytes)
    step = 1 if page.is_read_by_rows else page.segments.shape[0]
    for rows in bands_of(size_px, step):
        with decoding_errors(path):
            yield rows, _marks(path, page.read((rows, slice(0, size_px[1]))))


def _marks(path: Path, band: DecodedImage) -> _Band:
    """Return a band; integers without a fixed white are labels, of which 0 marks nothing."""
    values = band.values
    if values.dtype in (np.uint8, np.uint16):
        has_alpha = band.mode[-1] in "aA"
        return _Band(values[..., :-1], values[..., -1]) if has_alpha else _Band(values)
    if values.dtype.kind == "f" or values.shape[2] > 1:
        raise InputError(f"mask {path} has samples of the type {values.dtype}", "save it with 8 bits")
    return _Band(np.where(values != 0, np.uint8(255), np.uint8(0)))


def _png_bands(path: Path, stream: BinaryIO, size_px: tuple[int, int]) -> Bands:
    with decoding_errors(path):
        image = PngImageFile(stream)  # not opened by Pillow, which limits the number of pixels
        _check_size(path, image.size[::-1], size_px)
        num_bytes = {"1": 1, "L": 1, "P": 1, "I;16": 2}.get(image.mode, 4)
        _refuse_whole(path, num_bytes * size_px[0] * size_px[1])
        image.load()
    for rows in bands_of(size_px):
        yield rows, _from_crop(image.crop((0, rows.start, size_px[1], rows.stop)), image.info)


def _from_crop(band: Image.Image, info: dict[str | tuple[int, int], Any]) -> _Band:
    """Return rows of a PNG."""
    if band.mode == "I;16":
        return _Band(np.asarray(band)[..., None])
    if band.mode in ("1", "L") and "transparency" not in info:
        return _Band(np.asarray(band.convert("L"))[..., None])
    colors = np.asarray(band.convert("RGBA"))
    return _Band(colors[..., :3], colors[..., 3])


def _rows_of(image: StillImage, rows: slice) -> _Band:
    if image.ranged is not None:
        return _Band(np.where(image.ranged.values[rows] != 0, np.uint8(255), np.uint8(0)))
    dtype = np.uint8 if image.peak == 255 else np.uint16
    levels = np.rint(image.pixels[rows] * image.peak).astype(dtype)
    return _Band(levels, None if image.alpha is None else image.alpha[rows])
