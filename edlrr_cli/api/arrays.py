"""Checks and conversions of NumPy arrays of any byte order, strides and subclass."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.errors import UsageError

Bools = NDArray[np.bool_]


def plain_array(name: str, value: object) -> NDArray[Any]:
    """Return an array without its subclass; not copied.

    Args:
        name: Of the argument, for messages.
        value: What the caller passed.

    Raises:
        UsageError: Not an array, or a masked one.
    """
    if isinstance(value, np.ma.MaskedArray):
        remedy = "pass its .data; np.ma.getmaskarray returns its mask"
        raise UsageError(f"{name}: masked arrays are not supported", remedy)
    if not isinstance(value, np.ndarray):
        kind = type(value).__name__
        raise UsageError(f"{name}: expected a NumPy array, got {kind}", "convert it with numpy.asarray")
    return np.asarray(value)


def peak_of(dtype: np.dtype[Any]) -> int:
    """Return the value of white: 255, 65535, or 1 of floating dtypes; in any byte order.

    Raises:
        UsageError: Any other dtype.
    """
    if dtype.kind == "u" and dtype.itemsize <= 2:
        return int(np.iinfo(dtype).max)
    if dtype.kind == "f":
        return 1
    raise UsageError(f"image: expected uint8, uint16 or floating, got {dtype}", "convert it to one of these")


def check_size(image: NDArray[Any], *, num_channels: tuple[int, ...] | None = None) -> None:
    """Refuse an image with too few pixels or another number of channels.

    Args:
        image: Shape (h, w) or (h, w, c).
        num_channels: Those supported; None: any number.

    Raises:
        UsageError: The message does not depend on where the channels were before.
    """
    height, width = image.shape[:2]
    if min(height, width) < 2:
        raise UsageError(f"image: expected at least 2 x 2 pixels, got {height} x {width}")
    given = 1 if image.ndim == 2 else image.shape[2]
    if given == 0 or (num_channels and given not in num_channels):
        expected = " or ".join(map(str, num_channels)) if num_channels else "1 or more"
        raise UsageError(f"image: expected {expected} channels, got {given}")


def check_mask(mask: NDArray[Any], image: NDArray[Any]) -> None:
    """Refuse a mask that is not boolean or does not have the height and width of its image.

    Raises:
        UsageError: One of these.
    """
    if mask.dtype != np.bool_ or mask.shape != image.shape[:2]:
        raise unfit_mask(mask.dtype, mask.shape, image.shape[:2])


def unfit_mask(dtype: object, shape: tuple[int, ...], expected: tuple[int, ...]) -> UsageError:
    """Return the error of a mask with another dtype or shape than expected."""
    remedy = "" if str(dtype).endswith("bool") else "a comparison such as mask > 0 makes it bool"
    return UsageError(f"mask: expected bool of shape {expected}, got {dtype} of {shape}", remedy)


def pixels_of(image: NDArray[Any]) -> NDArray[np.float64]:
    """Return a contiguous copy in units of white, shape (h, w, c), of an image (h, w) or (h, w, c).

    Raises:
        UsageError: The dtype is not supported.
    """
    peak = peak_of(image.dtype)
    return np.array(np.atleast_3d(image), dtype=np.float64, order="C") / peak


def image_like(image: NDArray[Any], pixels: NDArray[np.floating[Any]]) -> NDArray[Any]:
    """Return pixels in units of white with the shape and dtype of an image; integers are clipped."""
    peak = peak_of(image.dtype)
    values = pixels * peak
    if image.dtype.kind == "u":
        values = np.rint(values).clip(0, peak)
    return values.reshape(image.shape).astype(image.dtype)
