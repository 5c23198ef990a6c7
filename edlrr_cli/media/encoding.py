"""User settings for writing images."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from edlrr_cli.media.formats import WRITE_FORMATS


@dataclass(frozen=True)
class Encoding:
    """Settings for writing an image.

    Attributes:
        format: Extension of the format, without its dot; None for that of the file name, or on standard
            output that of the input image.
        jpeg_quality: 1 to 100; None for 95 where the format is JPEG. An error with other formats.
        strip_metadata: Leave out metadata and resolution. What defines the colors stays (color profile;
            cICP, gAMA, cHRM, sRGB of PNG; primaries of TIFF), so that pixels keep their appearance.
    """

    format: str | None = None
    jpeg_quality: int | None = None
    strip_metadata: bool = False

    def for_batch(self, path: Path) -> Encoding:
        """Return the settings for one output of a batch: the JPEG quality applies to its JPEG files only."""
        of_jpeg = WRITE_FORMATS.get(path.suffix.lower()) == "JPEG"
        return self if of_jpeg else replace(self, jpeg_quality=None)


DEFAULT_ENCODING = Encoding()
"""The default: the format follows the file name, and all metadata is kept."""
