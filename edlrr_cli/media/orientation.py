"""EXIF orientation: how stored pixels are turned upright."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

ORIENTATION_TAG = 274

_Level = TypeVar("_Level", bound=np.generic)

# How stored pixels are made upright, by orientation: transpose or not, then the steps along rows and columns.
_ORIENTATIONS = {
    2: (False, 1, -1),
    3: (False, -1, -1),
    4: (False, -1, 1),
    5: (True, 1, 1),
    6: (True, 1, -1),
    7: (True, -1, -1),
    8: (True, -1, 1),
}
_UPRIGHT = (False, 1, 1)


def orientation_of(tags: Mapping[int, Any]) -> int:
    """Return the orientation that EXIF or TIFF tags state, 1 to 8; 1, upright, if they state none."""
    value: object = tags.get(ORIENTATION_TAG)
    return value if isinstance(value, int) else 1


def exchanges_sides(orientation: int) -> bool:
    """Whether an orientation exchanges rows and columns."""
    return _ORIENTATIONS.get(orientation, _UPRIGHT)[0]


def upright(stored: NDArray[_Level], orientation: int) -> NDArray[_Level]:
    """Return stored pixels, shape (h, w, ...), turned upright by their EXIF orientation, 1 to 8."""
    exchanged, down, across = _ORIENTATIONS.get(orientation, _UPRIGHT)
    turned = np.swapaxes(stored, 0, 1) if exchanged else stored
    return np.ascontiguousarray(turned[::down, ::across])


def upright_dpi(dpi: tuple[float, float] | None, orientation: int) -> tuple[float, float] | None:
    """Return the horizontal and vertical resolution of the upright image from that of the stored one."""
    return dpi[::-1] if dpi is not None and exchanges_sides(orientation) else dpi
