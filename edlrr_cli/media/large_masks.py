"""Mask files of large images: read in bands of rows, and held as one bit per pixel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from edlrr_cli.errors import InputError
from edlrr_cli.media.bitmap import Bitmap, bands_of
from edlrr_cli.media.decoded import DecodedImage
from edlrr_cli.media.from_decoded import still_from_decoded
from edlrr_cli.media.images import decoding_errors, open_images, read_image
from edlrr_cli.media.masks import CLEAR_FRACTION, SET_MODE, check_mask_settings, polarity_of
from edlrr_cli.media.orientation import orientation_of
from edlrr_cli.media.still_image import StillImage
from edlrr_cli.media.streams import open_input
from edlrr_cli.media.tiff_page import TiffPage

_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_MOST_BYTES = 2**31
"""Of a mask that cannot be decoded in parts."""

Bands = Iterator[tuple[slice, StillImage]]
"""Rows of a mask, and their pixels."""


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
                bitmap.add(rows, polarity_of(each, band, threshold).missing)
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


def _refuse_transparency(path: Path, mode: str, band: StillImage) -> None:
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


def _marks(path: Path, band: DecodedImage) -> StillImage:
    """Return a band as an image; integers without a fixed white are labels, of which 0 marks nothing."""
    kind = band.values.dtype.kind
    if band.values.dtype in (np.uint8, np.uint16):
        return still_from_decoded(path, band)
    if kind == "f" or band.values.shape[2] > 1:
        raise InputError(f"mask {path} has samples of the type {band.values.dtype}", "save it with 8 bits")
    labeled = (band.values != 0).astype(np.uint8)
    return still_from_decoded(path, replace(band, values=np.uint8(255) * labeled))


def _png_bands(path: Path, stream: BinaryIO, size_px: tuple[int, int]) -> Bands:
    with decoding_errors(path):
        image = PngImageFile(stream)  # not opened by Pillow, which limits the number of pixels
        _check_size(path, image.size[::-1], size_px)
        num_bytes = {"1": 1, "L": 1, "P": 1, "I;16": 2}.get(image.mode, 4)
        _refuse_whole(path, num_bytes * size_px[0] * size_px[1])
        image.load()
    for rows in bands_of(size_px):
        yield rows, _from_crop(image.crop((0, rows.start, size_px[1], rows.stop)), image.info)


def _from_crop(band: Image.Image, info: dict[str | tuple[int, int], Any]) -> StillImage:
    """Return rows of a PNG as an image."""
    if band.mode == "I;16":
        return _plain(np.asarray(band)[..., None] / np.float64(65535), None, "I;16")
    if band.mode in ("1", "L") and "transparency" not in info:
        return _plain(np.asarray(band.convert("L"))[..., None] / np.float64(255), None, "L")
    colors = np.asarray(band.convert("RGBA"))
    return _plain(colors[..., :3] / np.float64(255), np.array(colors[..., 3]), "RGBA")


def _plain(pixels: NDArray[np.float64], alpha: NDArray[Any] | None, mode: str) -> StillImage:
    return StillImage(pixels, alpha, mode, "PNG", b"", b"", None, ())


def _rows_of(image: StillImage, rows: slice) -> StillImage:
    if image.ranged is not None:
        colors = np.uint8(255) * (image.ranged.values[rows] != 0)
        return _plain(colors / np.float64(255), None, "L")
    return replace(image, pixels=image.pixels[rows], alpha=None if image.alpha is None else image.alpha[rows])
