"""A decoded still image, with everything needed to write another one like it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.errors import InputError
from edlrr_cli.media.decoded import ExtraChannels
from edlrr_cli.media.jpeg_tables import JpegTables
from edlrr_cli.media.ranged_values import RangedValues
from edlrr_cli.media.tags.metadata import NONE, Metadata
from edlrr_cli.media.tiff_layout import DEFAULT_LAYOUT, TiffLayout
from edlrr_cli.media.tiff_pages import NO_PAGES, OtherPages

Levels = NDArray[np.unsignedinteger[Any]]
"""Integer pixels, shape (h, w, c), uint8 or uint16."""

MIN_SIDE_PX = 2


@dataclass(frozen=True, eq=False)
class StillImage:
    """A decoded still image with everything needed to write another one like it.

    Attributes:
        pixels: Float64, shape (h, w, c) with c = 1 (gray), 3 (RGB) or 4 (CMYK, 1 = full ink), in [0, 1],
            upright.
        alpha: Shape (h, w) with the dtype of the file, ``peak`` = opaque; None without transparency.
        mode: Mode for writing: "L", "LA", "RGB", "RGBA" or "CMYK"; with 16 bits "I;16" (gray), "LA;16",
            "RGB;16", "RGBA;16" or "CMYK;16"; for ranged values "L;F", "RGB;F", "LA;F" or "RGBA;F". All with
            "a" for "A" where the colors are premultiplied with alpha.
        format: Pillow's name of the source format.
        exif: Descriptive EXIF tags, serialized; may be empty.
        icc_profile: Color profile if it fits the mode; else empty.
        dpi: Horizontal and vertical resolution; None if unknown.
        notes: Losses on reading, one phrase each, for the user.
        undefined: True = pixel without a value (NaN, Inf, missing data), shape (h, w); None if all have one.
        ranged: The colors as stored, if they are floats or integers without a fixed white.
        extra: Further channels of a TIFF, upright and otherwise unchanged.
        metadata: XMP, IPTC, texts and other metadata that can be written again.
        layout: Division and compression for writing a TIFF.
        jpeg: Of a JPEG, how it was encoded.
        other_pages: Of a TIFF, the pages besides this one.
        similar_pages: Those of its size and kind: number from 1 -> position in the file. Empty unless
            requested.
        is_turned: Whether the EXIF orientation exchanged rows and columns.
    """

    pixels: NDArray[np.float64]
    alpha: NDArray[Any] | None
    mode: str
    format: str
    exif: bytes
    icc_profile: bytes
    dpi: tuple[float, float] | None
    notes: tuple[str, ...]
    ranged: RangedValues | None = None
    undefined: NDArray[np.bool_] | None = None
    extra: ExtraChannels | None = None
    metadata: Metadata = NONE
    layout: TiffLayout = DEFAULT_LAYOUT
    jpeg: JpegTables | None = None
    other_pages: OtherPages = NO_PAGES
    similar_pages: Mapping[int, int] = field(default_factory=dict)
    is_turned: bool = False

    @property
    def peak(self) -> int:
        """Return the largest integer value of a pixel in the file: 255 or 65535; 1 for ranged values."""
        if self.ranged is not None:
            return 1
        return 65535 if self.mode.endswith(";16") else 255

    @property
    def visible(self) -> NDArray[np.bool_] | None:
        """Return the mask of pixels with a value that are not fully transparent; None if all are visible.

        Its shape is (h, w).
        """
        visible = np.ones(self.size_px, bool) if self.alpha is None else self.alpha > 0
        if self.undefined is not None:
            visible &= ~self.undefined
        return None if visible.all() else visible

    def within(self, known: NDArray[np.bool_]) -> StillImage:
        """Return the image for a mask: missing pixels get a value, and known ones decide on the range.

        Invisible pixels may then lie outside of [0, 1].

        Args:
            known: Shape (h, w), True = known pixel.
        """
        undefined = None if self.undefined is None else self.undefined & known
        if self.ranged is None:
            return replace(self, undefined=undefined)
        ranged = self.ranged.within(known, self.visible)
        return replace(self, undefined=undefined, ranged=ranged, pixels=ranged.normalized(ranged.values))

    def opaque(self, where: NDArray[np.bool_]) -> StillImage:
        """Return the image with full opacity where True, shape (h, w)."""
        if self.alpha is None:
            return self
        alpha = np.where(where, np.asarray(self.peak, self.alpha.dtype), self.alpha)
        return replace(self, alpha=alpha)

    def pixels_of(self, other: StillImage) -> NDArray[np.float64]:
        """Return the pixels of another image; ranged values are normalized by the range of this one."""
        if self.ranged is None or other.ranged is None:
            return other.pixels
        return self.ranged.normalized(other.ranged.values)

    @property
    def size_px(self) -> tuple[int, int]:
        """Return (height, width) in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]


def check_sides(path: Path, width: int, height: int) -> None:
    """Raise an `InputError` that names the file if an image is too small to be restored."""
    if min(width, height) < MIN_SIDE_PX:
        raise InputError(f"{path} has {width} x {height} pixels, fewer than 2 x 2", "give a larger image")
