"""How pictures are written, as far as the user decides it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from edlrr_cli.media.formats import WRITE_FORMATS


@dataclass(frozen=True)
class Encoding:
    """How a picture is written.

    Attributes:
        format: The extension that names the format, without its dot; None for that of the file's name, or
            on standard output of the picture that was read.
        jpeg_quality: 1 to 100; None for 95 where the format is JPEG. Refused with other formats.
        strip_metadata: Leave out metadata and resolution. What determines the colors stays (color profile;
            cICP, gAMA, cHRM, sRGB of PNG; primaries of TIFF): without it the same numbers are other colors.
    """

    format: str | None = None
    jpeg_quality: int | None = None
    strip_metadata: bool = False

    def of_many(self, path: Path) -> Encoding:
        """Return what concerns one of many outputs: the quality of JPEG files is said of those alone."""
        of_jpeg = WRITE_FORMATS.get(path.suffix.lower()) == "JPEG"
        return self if of_jpeg else replace(self, jpeg_quality=None)


AS_THEY_COME = Encoding()
"""In the format of the file's name, with all that was read."""
