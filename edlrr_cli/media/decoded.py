"""What a decoder returns: the samples of an image as they are stored, before they become pixels on [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray
from PIL import Image


@dataclass(frozen=True, eq=False)
class ExtraChannels:
    """Channels that are neither color nor transparency, such as infrared; they are kept as they are.

    Attributes:
        values: Shape (h, w, k), of the type of the colors.
        meanings: One value of the TIFF tag ExtraSamples for each.
    """

    values: NDArray[Any]
    meanings: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """An image as stored, not turned upright.

    Attributes:
        values: Shape (h, w, c), alpha last; uint8, uint16, float16, float32 or float64.
        mode: "L", "LA", "RGB", "RGBA" or "CMYK"; with "a" the colors are multiplied with alpha.
        format: "TIFF" or "EXR".
        tags: Of a TIFF; empty otherwise.
        notes: What reading could not keep.
        extra: Further channels of a TIFF.
    """

    values: NDArray[Any]
    mode: str
    format: str
    tags: Image.Exif = field(default_factory=Image.Exif)
    notes: tuple[str, ...] = ()
    extra: ExtraChannels | None = None
