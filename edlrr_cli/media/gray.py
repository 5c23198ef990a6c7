"""Images as 8-bit levels of gray or of colors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.media.cmyk import to_rgb
from edlrr_cli.media.images import read_image
from edlrr_cli.media.undefined import refuse_undefined

# Weights of red, green and blue in the luma of ITU-R BT.601, by which gray test images are made.
_LUMA = np.array([0.299, 0.587, 0.114])


def read_levels(path: Path, *, color: bool) -> NDArray[np.uint8]:
    """Read an image as levels, shape (c, h, w), c = 3 for color, where gray images have three equal channels.

    Raises:
        InputError: As `read_gray`.
    """
    if not color:
        return read_gray(path)[None]
    image = read_image(path)
    refuse_undefined(str(path), image.undefined)
    pixels = to_rgb(image.pixels)
    colors = np.broadcast_to(pixels, (*pixels.shape[:2], 3)).transpose(2, 0, 1)
    return np.ascontiguousarray(np.rint(colors * 255).astype(np.uint8))


def read_gray(path: Path) -> NDArray[np.uint8]:
    """Read an image as gray levels, shape (h, w); color is converted to luma.

    Raises:
        InputError: See `edlrr_cli.media.images.read_image`; or a pixel has no value.
    """
    image = read_image(path)
    refuse_undefined(str(path), image.undefined)
    return to_gray(to_rgb(image.pixels))


def to_gray(pixels: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Convert pixels in [0, 1], shape (h, w), (h, w, 1) or (h, w, 3), to gray levels, shape (h, w)."""
    gray = pixels @ _LUMA if pixels.shape[2:] == (3,) else pixels.reshape(pixels.shape[:2])
    levels: NDArray[np.uint8] = np.rint(gray * 255).astype(np.uint8)
    return levels
