"""The result of a decoder: the samples of an image as stored, before they become pixels on [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray
from PIL import Image

from edlrr_cli.media.tiff_layout import DEFAULT_LAYOUT, TiffLayout


@dataclass(frozen=True, eq=False)
class ExtraChannels:
    """Channels that are neither color nor transparency, such as infrared; they are kept unchanged.

    Attributes:
        values: Shape (h, w, k), with the dtype of the colors.
        meanings: Value of the TIFF tag ExtraSamples, one per channel.
    """

    values: NDArray[Any]
    meanings: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """An image as stored, before its orientation is applied.

    Attributes:
        values: Shape (h, w, c), alpha last; uint8, uint16, float16, float32 or float64.
        mode: "L", "LA", "RGB", "RGBA" or "CMYK"; with "a" the colors are multiplied with alpha.
        format: "TIFF" or "EXR".
        tags: TIFF tags; empty for other formats.
        notes: Losses on reading, one phrase each.
        extra: Further channels of a TIFF.
        layout: Division and compression of a TIFF.
    """

    values: NDArray[Any]
    mode: str
    format: str
    tags: Image.Exif = field(default_factory=Image.Exif)
    notes: tuple[str, ...] = ()
    extra: ExtraChannels | None = None
    layout: TiffLayout = DEFAULT_LAYOUT
