"""Pixels without a value: NaN, Inf, and the value that a GeoTIFF reserves for missing data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.errors import InputError

Bools = NDArray[np.bool_]

_NO_DATA_TAG = 42113  # of GDAL
_KINDS = "NaN, Inf or missing data"


def undefined_pixels(stored: NDArray[Any], num_colors: int, tags: Mapping[int, Any]) -> Bools | None:
    """Return the mask of pixels without a value, shape (h, w); None if all have one.

    A pixel has no value if NaN or Inf is in any channel, or the value of missing data in all colors.

    Args:
        stored: Shape (h, w, c), upright, colors first.
        num_colors: Number of colors.
        tags: TIFF tags, of which GDAL's value of missing data is used.
    """
    undefined: Bools = ~np.isfinite(stored).all(2)
    reserved = _reserved_value(tags)
    if reserved is not None:
        with np.errstate(over="ignore"):
            undefined |= (stored[..., :num_colors] == _as_stored(reserved, stored.dtype)).all(2)
    return undefined if undefined.any() else None


def _reserved_value(tags: Mapping[int, Any]) -> float | None:
    try:
        return float(str(tags[_NO_DATA_TAG]).strip(" \0"))
    except (KeyError, ValueError):
        return None


def _as_stored(value: float, dtype: np.dtype[Any]) -> Any:
    """Return a number rounded as floats are stored; integers are compared as they are."""
    return dtype.type(value) if dtype.kind == "f" else value


def refuse_undefined(name: str, undefined: Bools | None) -> None:
    """Refuse an image in which pixels have no value, where all are needed.

    Args:
        name: What the image is, for the message.

    Raises:
        InputError: There are such pixels.
    """
    if undefined is not None:
        count = int(undefined.sum())
        raise InputError(f"{name} has {count} pixels without a value ({_KINDS})", "fill them first")


def note_on_undefined(undefined: Bools | None) -> tuple[str, ...]:
    """Return a note on the pixels without a value, if there are any."""
    if undefined is None:
        return ()
    count = int(undefined.sum())
    return (f"{count} pixels have no value ({_KINDS}) and keep none where they are not restored",)
