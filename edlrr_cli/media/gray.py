"""Images as 8-bit levels of gray or of colors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.media.cmyk import to_rgb
from edlrr_cli.media.images import read_image

# Weights of red, green and blue in the luma of ITU-R BT.601, by which gray test images are made.
_LUMA = np.array([0.299, 0.587, 0.114])


def read_levels(path: Path, *, color: bool) -> NDArray[np.uint8]:
    """Read an image as levels, shape (c, h, w), c = 3 for color, where gray images have three equal channels.

    Raises:
        InputError: See `edlrr_cli.media.images.read_image`.
    """
    if not color:
        return read_gray(path)[None]
    pixels = to_rgb(read_image(path).pixels)
    colors = np.broadcast_to(pixels, (*pixels.shape[:2], 3)).transpose(2, 0, 1)
    return np.ascontiguousarray(np.rint(colors * 255).astype(np.uint8))


def read_gray(path: Path) -> NDArray[np.uint8]:
    """Read an image as gray levels, shape (h, w); color is converted to luma.

    Raises:
        InputError: See `edlrr_cli.media.images.read_image`.
    """
    pixels = to_rgb(read_image(path).pixels)
    gray = pixels[..., 0] if pixels.shape[2] == 1 else pixels @ _LUMA
    levels: NDArray[np.uint8] = np.rint(gray * 255).astype(np.uint8)
    return levels
