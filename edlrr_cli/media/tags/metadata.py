"""Metadata of an image, except EXIF data, color profile and resolution."""

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
    """Metadata as stored, without what is no longer true of a restored image.

    Attributes:
        xmp: XMP packet, without orientation, sizes and thumbnails; may be empty.
        iptc: IPTC-IIM records; may be empty.
        comment: Comment of a JPEG, GIF or JPEG 2000 file; may be empty.
        color: Color space chunks of a PNG file; a color profile takes precedence over all but cICP.
        tiff: GeoTIFF and GDAL tags, white point and primaries of a TIFF file.
    """

    xmp: bytes = b""
    iptc: bytes = b""
    comment: bytes = b""
    texts: Chunks = ()
    color: Chunks = ()
    tiff: TiffTags = ()

    def stripped(self) -> Metadata:
        """Return the metadata reduced to the color space."""
        return Metadata(color=self.color, tiff=tiff.color_tags(self.tiff))

    def without_position(self) -> Metadata:
        """Return the metadata without georeferencing of pixels."""
        return replace(self, tiff=tiff.without_position(self.tiff))


NONE = Metadata()
"""Empty metadata."""
