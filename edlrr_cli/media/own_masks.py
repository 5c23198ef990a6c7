"""Holes that an image marks itself: pixels without a value, transparency, or a color painted over it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.errors import InputError, UsageError
from edlrr_cli.media.cmyk import to_rgb
from edlrr_cli.media.formats import NAN
from edlrr_cli.media.still_image import StillImage

_Bools = NDArray[np.bool_]
_Floats = NDArray[np.float64]

# Largest difference of a channel from the color of the paint; JPEG compression changes it by as much.
_TOLERANCE = 12 / 255
# Pixels beside the paint are mixtures with it if their colors lie this far on the way to it, this near to it.
_LEAST_PAINT, _LARGEST_DISTANCE = 0.12, 0.08
_EDGE_PX = 2


def own_hole(word: str, image: StillImage) -> _Bools:
    """Return the pixels that the image itself marks as missing, shape (h, w); perhaps none.

    Args:
        word: ``"nan"`` for pixels without a value, ``"alpha"`` for transparent ones.
    """
    hole = image.undefined if word == NAN else None if image.alpha is None else image.alpha < image.peak
    return np.zeros(image.size_px, bool) if hole is None else hole


def parse_color(text: str) -> tuple[float, float, float]:
    """Return a color such as ``#f0f``, ``#ff00ff`` or ``magenta`` as red, green and blue in [0, 1].

    Raises:
        UsageError: It is no color.
    """
    from PIL import ImageColor

    try:
        red, green, blue = ImageColor.getrgb(text)[:3]
    except ValueError:
        raise UsageError(f"--mask-color {text!r} is no color", "write it as '#ff00ff' or by name") from None
    return red / 255, green / 255, blue / 255


def painted_hole(color: str, path: Path, image: StillImage) -> _Bools:
    """Return the pixels of one color, and the mixtures with it at the edges, shape (h, w).

    Args:
        color: See `parse_color`.
        path: The image's file, for messages.

    Raises:
        InputError: No pixel has the color, or the image has values without a fixed white.
        UsageError: It is no color.
    """
    paint = np.array(parse_color(color))
    if image.ranged is not None:
        raise InputError(f"{path} has {image.ranged.kind}, which are no colors", "mark the hole in a mask")
    pixels = np.broadcast_to(to_rgb(image.pixels), (*image.size_px, 3))
    core: _Bools = np.abs(pixels - paint).max(2) <= _TOLERANCE
    if not core.any():
        raise InputError(f"{path} has no pixel of the color {color}", "check the color")
    return core | _mixtures(pixels, paint, core)


def _mixtures(pixels: _Floats, paint: _Floats, core: _Bools) -> _Bools:
    """Return the pixels beside the paint that are mixtures of it with what lies behind them."""
    from scipy import ndimage

    distance, nearest = ndimage.distance_transform_edt(~core, return_indices=True)
    edge = (distance > 0) & (distance < _EDGE_PX)
    y, x = np.nonzero(edge)
    # What lies behind, seen from the nearest painted pixel.
    behind = [
        np.clip(at + np.sign(at - near[y, x]) * _EDGE_PX, 0, side - 1).astype(int)
        for at, near, side in zip((y, x), nearest, core.shape, strict=True)
    ]
    ground = pixels[behind[0], behind[1]]
    way = paint - ground
    length = np.maximum(np.square(way).sum(1), 1e-12)
    fraction = ((pixels[y, x] - ground) * way).sum(1) / length
    apart = np.linalg.norm(pixels[y, x] - ground - fraction[:, None] * way, axis=1) / np.sqrt(length)
    mixtures = np.zeros_like(core)
    mixtures[y, x] = (fraction > _LEAST_PAINT) & (apart < _LARGEST_DISTANCE)
    return mixtures
