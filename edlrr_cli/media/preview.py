"""Reduced images for HTML pages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edlrr_cli.media.figure import to_image
from edlrr_cli.media.save import encode_image

KIND = "image/webp"
"""Media type of previews."""

_QUALITY = 90
_HOLE = (255, 45, 150)
_DEFECT = (255, 0, 0)
_OPACITY = 0.65


@dataclass(frozen=True)
class Preview:
    """An encoded image for a page.

    Attributes:
        content: The content of the file, of the media type `KIND`.
        size_px: (height, width) of the preview.
        original_px: (height, width) of the original image.
    """

    content: bytes
    size_px: tuple[int, int]
    original_px: tuple[int, int]


def preview(pixels: NDArray[np.floating[Any]], side_px: int) -> Preview:
    """Return a preview of an image, reduced if it is larger than ``side_px``.

    Args:
        pixels: Shape (h, w) or (h, w, c), c = 1 or 3, displayed on [0, 1]. Not modified.
        side_px: Maximum length of the longer side.

    Raises:
        NumericsError: The pixels contain NaN or Inf.
    """
    image = to_image(pixels)
    small = _reduced(image, side_px, Image.Resampling.LANCZOS)
    return _encoded(small, image, quality=_QUALITY)


def hole_preview(known: NDArray[np.bool_], side_px: int) -> Preview:
    """Return an overlay for a preview of the image: the hole in one color, the rest transparent.

    Args:
        known: Shape (h, w), True = known pixel.
        side_px: Maximum length of the longer side.
    """
    hole = Image.fromarray(np.where(known, 0, round(255 * _OPACITY)).astype(np.uint8))
    small = _reduced(hole, side_px, Image.Resampling.BOX)
    painted = Image.new("RGB", small.size, _HOLE)
    painted.putalpha(small)
    return _encoded(painted, hole, lossless=True)


def marked_preview(pixels: NDArray[np.floating[Any]], hole: NDArray[np.bool_], side_px: int) -> Preview:
    """Return a preview of an image with a mask in red, in which the smallest part of the mask is visible.

    Args:
        pixels: Shape (h, w, c), c = 1 or 3, displayed on [0, 1]. Not modified.
        hole: Shape (h, w), True = pixel of the mask.
        side_px: Maximum length of the longer side.
    """
    image = to_image(pixels)
    small = _reduced(image, side_px, Image.Resampling.LANCZOS).convert("RGB")
    weights = _reduced(
        Image.fromarray(np.where(hole, 255, 0).astype(np.uint8)), side_px, Image.Resampling.BOX
    )
    small.paste(_DEFECT, mask=weights.point(lambda weight: 255 if weight else 0))
    return _encoded(small, image, quality=_QUALITY)


def _reduced(image: Image.Image, side_px: int, resampling: Image.Resampling) -> Image.Image:
    factor = side_px / max(image.size)
    if factor >= 1:
        return image
    width, height = (max(1, round(side * factor)) for side in image.size)
    return image.resize((width, height), resampling)


def _encoded(small: Image.Image, image: Image.Image, **settings: Any) -> Preview:
    content = encode_image(Path("preview"), small, "WEBP", **settings)
    return Preview(content, (small.height, small.width), (image.height, image.width))
