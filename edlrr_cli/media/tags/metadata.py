"""What an image carries beside its pixels, EXIF data, color profile and resolution apart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from edlrr_cli.media.tags import tiff

Chunks = tuple[tuple[bytes, bytes], ...]
"""Chunks of a PNG file: type and body of each."""

TiffTags = tuple[tuple[int, Any], ...]
"""Tags of a TIFF file: number and value of each."""


@dataclass(frozen=True)
class Metadata:
    """Metadata as stored, freed of what is no longer true of a restored image.

    Attributes:
        xmp: XMP packet, without orientation, sizes and thumbnails; empty without.
        iptc: IPTC-IIM records; empty without.
        comment: Comment of a JPEG, GIF or JPEG 2000 file; empty without.
        texts: Text chunks of a PNG file.
        color: Chunks of a PNG file that determine how its colors look; they rank below a color profile,
            cICP apart.
        tiff: GeoTIFF and GDAL tags, white point and primaries of a TIFF file.
    """

    xmp: bytes = b""
    iptc: bytes = b""
    comment: bytes = b""
    texts: Chunks = ()
    color: Chunks = ()
    tiff: TiffTags = ()

    def stripped(self) -> Metadata:
        """Return what determines how the colors look, and nothing else."""
        return Metadata(color=self.color, tiff=tiff.color_tags(self.tiff))

    def without_position(self) -> Metadata:
        """Return it without what ties pixels to places on the earth."""
        return replace(self, tiff=tiff.without_position(self.tiff))


NONE = Metadata()
"""Of an image that carries nothing."""
