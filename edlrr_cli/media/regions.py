"""Regions of a frame: an image that is white there, or a file of polygons."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.errors import InputError
from edlrr_cli.media.masks import white_pixels

POLYGONS = ".json"
"""The extension of a file of polygons."""

_Bools = NDArray[np.bool_]
_EXAMPLE = "write a list of polygons, such as [[[0, 0], [90, 0], [90, 40]]], each vertex [x, y] in pixels"


def read_region(path: Path, size_px: tuple[int, int], what: str) -> _Bools:
    """Read the pixels of a region, shape (h, w).

    Args:
        path: An image whose region is white, or anything but black, or the labels other than 0; or a JSON
            file, a list of polygons, each a list of vertices [x, y] in pixels.
        size_px: (height, width) of the frames.
        what: Name of the region, for messages.

    Raises:
        InputError: The file cannot be read, has another size, or has no pixel of the frames or all of them.
    """
    is_drawn = path.suffix.lower() == POLYGONS
    region = _drawn(path, size_px, what) if is_drawn else white_pixels(path)
    if region.shape != size_px:
        found, expected = (f"{width} x {height}" for height, width in (region.shape, size_px))
        raise InputError(
            f"{what} {path} is {found} pixels, the frames are {expected} (width x height)",
            f"give a file of {expected} pixels",
        )
    if region.all() or not region.any():
        extent = "every pixel" if region.all() else "no pixel"
        remedy = "check its vertices" if is_drawn else "paint the region in white on black"
        raise InputError(f"{what} {path} marks {extent}", remedy)
    return region


def _drawn(path: Path, size_px: tuple[int, int], what: str) -> _Bools:
    from skimage.draw import polygon2mask

    region = np.zeros(size_px, dtype=np.bool_)
    for vertices in _polygons(path, what):
        region |= polygon2mask(size_px, vertices[:, ::-1])  # type: ignore[no-untyped-call]
    return region


def _polygons(path: Path, what: str) -> list[NDArray[np.float64]]:
    """Return the vertices of each polygon, shape (n, 2), x and y."""
    try:
        listed: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{what} {path} cannot be read ({error.strerror})", "check the name") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{what} {path} is not JSON ({error})", _EXAMPLE) from error
    try:
        polygons = [np.array(polygon, dtype=np.float64) for polygon in listed]
    except (TypeError, ValueError):
        polygons = []
    for polygon in polygons:
        if polygon.ndim != 2 or polygon.shape[1] != 2 or len(polygon) < 3 or not np.isfinite(polygon).all():
            polygons = []
    if not polygons:
        raise InputError(f"{what} {path} is no list of polygons of 3 or more vertices", _EXAMPLE)
    return polygons
