"""EXIF tags, color profile and resolution of a file, as far as they are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from PIL import Image

from edlrr_cli.media.descriptions import is_only_layout, layout_writer

# Tags that describe the photograph. Those that describe the layout of the file, the orientation (applied
# on reading) and the thumbnail (it would show the damage) are left out.
EXIF_TAGS = (
    *(269, 270, 271, 272, 285, 305, 306, 315, 316),
    *(18246, 18249, 33432, 40091, 40092, 40093, 40094, 40095),
)
_EXIF_FOLDERS = (0x8769, 0x8825)  # camera settings, GPS
_EXIF_SIZES = (40962, 40963)  # width and height of the file, before the orientation was applied

_DPI_ACROSS, _DPI_DOWN, _DPI_UNIT = 282, 283, 296
_PER_UNIT = {2: 1.0, 3: 2.54}  # inch, centimeter
_COLOR_SPACES = {1: b"GRAY", 3: b"RGB ", 4: b"CMYK"}
_MAX_DPI = 100_000


def descriptive_exif(read: Callable[[], Image.Exif]) -> tuple[bytes, tuple[str, ...]]:
    """Return the tags worth keeping, serialized, and notes on those that cannot be kept."""
    try:
        source, kept, notes = read(), Image.Exif(), []
        for tag in EXIF_TAGS:
            if tag in source and not (writer := layout_writer(str(source[tag]))):
                kept[tag] = source[tag]
            elif tag in source and not is_only_layout(str(source[tag])):
                notes.append(f"the description of the file's layout by {writer} was left out")
        for folder in _EXIF_FOLDERS:
            tags = {tag: value for tag, value in source.get_ifd(folder).items() if tag not in _EXIF_SIZES}
            if tags:
                kept[folder] = tags
        return (kept.tobytes() if len(kept) else b""), tuple(notes)
    except Exception:  # the image is read even if its metadata is corrupt
        return b"", ("the EXIF data are corrupt and were dropped",)


def fitting_profile(profile: object, num_colors: int) -> bytes:
    """Return the ICC profile if its color space matches the decoded pixels, else an empty string."""
    color_space = slice(16, 20)  # in the ICC header
    if isinstance(profile, bytes) and profile[color_space] == _COLOR_SPACES[num_colors]:
        return profile
    return b""


def profile_notes(profile: object, kept: bytes) -> tuple[str, ...]:
    """Return a note if a profile was dropped by `fitting_profile`."""
    dropped = isinstance(profile, bytes) and bool(profile) and not kept
    return ("the color profile is of another color space and was dropped",) if dropped else ()


def dpi_of(tags: Mapping[int, Any]) -> tuple[float, float] | None:
    """Return the resolution given by the directory of a TIFF or by EXIF data; None if there is none."""
    factor = _PER_UNIT.get(tags.get(_DPI_UNIT, 2), 0.0)
    try:
        return valid_dpi([factor * float(tags[tag]) for tag in (_DPI_ACROSS, _DPI_DOWN)])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None


def stated_dpi(image: Image.Image) -> tuple[float, float] | None:
    """Return the resolution stored in a file, without the defaults of Pillow for TIFF and JPEG."""
    if image.format == "TIFF":
        return dpi_of(getattr(image, "tag_v2", {}))
    if image.format in ("JPEG", "MPO") and not image.info.get("jfif_unit"):
        return dpi_of(image.getexif())
    return valid_dpi(image.info.get("dpi"))


def valid_dpi(dpi: object) -> tuple[float, float] | None:
    """Return the horizontal and vertical resolution if both are plausible numbers, else None."""
    try:
        across, down = (float(value) for value in dpi)  # type: ignore[attr-defined]  # a TypeError below
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if 1 <= across <= _MAX_DPI and 1 <= down <= _MAX_DPI else None
