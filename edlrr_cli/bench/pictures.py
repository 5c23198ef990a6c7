"""The photograph and the masks of the benchmarks; the only file here that draws or scales pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from edlrr_cli.errors import InputError

PHOTO = "skimage.data.astronaut(), scaled with anti-aliasing, rounded to 8 bits"
_TEXT = "The quick brown fox jumps over the lazy dog. "


def photo(size_px: int) -> NDArray[np.float64]:
    """Return the photograph that comes with scikit-image, shape (size, size, 3), k / 255."""
    from skimage import data, transform

    full = data.astronaut()  # type: ignore[no-untyped-call]
    scaled = transform.resize(full, (size_px, size_px), anti_aliasing=True)  # type: ignore[no-untyped-call]
    rounded: NDArray[np.float64] = np.rint(scaled * 255) / 255
    return rounded


def text_hole(size_px: int) -> NDArray[np.bool_]:
    """Return lines of text, shape (size, size), True = letter: the pixels to be missing."""
    image = Image.new("L", (size_px, size_px))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size=max(size_px / 16, 8))
    for line, top in enumerate(range(0, size_px, max(size_px // 10, 10))):
        draw.text((2 - 20 * line, top), _TEXT * 4, fill=255, font=font)
    return np.asarray(image) > 127


def read_hole(path: Path, size_px: tuple[int, int]) -> NDArray[np.bool_]:
    """Read a mask of Table 1: scaled to (h, w) by Pillow's default, missing where a channel is below 255.

    Raises:
        InputError: The file is missing or no image.
    """
    try:
        with Image.open(path) as image:
            scaled = np.asarray(image.resize(size_px[::-1]))
    except Exception as error:  # decoders raise SyntaxError, struct.error, EOFError, ...
        raise InputError(f"mask {path} cannot be read ({error})", "get the file again") from error
    return np.asarray((scaled.reshape(*size_px, -1) < 255).any(axis=2))


def save_png(path: Path, pixels: NDArray[np.float64]) -> None:
    """Write pixels in [0, 1], shape (h, w, 3) or (h, w), as 8-bit PNG."""
    Image.fromarray(np.rint(pixels * 255).astype(np.uint8)).save(path)
