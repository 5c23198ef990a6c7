"""Folders of pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.errors import InputError
from edlrr_cli.media.cmyk import as_shown
from edlrr_cli.media.files import natural_order
from edlrr_cli.media.images import read_picture
from edlrr_cli.media.save import WRITE_FORMATS

# Of red, green and blue in the luma of ITU-R BT.601, which is what gray test images were made with.
_LUMA = np.array([0.299, 0.587, 0.114])


def list_pictures(folder: Path) -> list[Path]:
    """Return the pictures of a folder, by their suffixes, in natural order.

    Raises:
        InputError: There is no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder", "name a folder of pictures")
    found = [path for path in folder.iterdir() if path.suffix.lower() in WRITE_FORMATS and path.is_file()]
    if not found:
        raise InputError(
            f"{folder} holds no pictures", f"put files there that end on {' '.join(WRITE_FORMATS)}"
        )
    return sorted(found, key=natural_order)


def read_gray(path: Path) -> NDArray[np.uint8]:
    """Read a picture as gray levels, shape (h, w); colour becomes its luma.

    Raises:
        InputError: See `edlrr_cli.media.images.read_picture`.
    """
    pixels = as_shown(read_picture(path).pixels)
    gray = pixels[..., 0] if pixels.shape[2] == 1 else pixels @ _LUMA
    levels: NDArray[np.uint8] = np.rint(gray * 255).astype(np.uint8)
    return levels
