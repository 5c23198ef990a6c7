"""What is kept of a file beside its pixels: descriptive EXIF tags, colour profile, resolution."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image

from edlrr_cli.media.descriptions import is_layout_alone, layout_writer

# What describes the photograph. The tags that describe the file's layout, the orientation (applied
# on reading) and the thumbnail (it would show the damage) are left out.
_EXIF_TAGS = (270, 271, 272, 305, 306, 315, 316, 33432, 40091, 40092, 40093, 40094, 40095)
_EXIF_FOLDERS = (0x8769, 0x8825)  # camera settings, GPS

_DPI_ACROSS, _DPI_DOWN, _DPI_UNIT = 282, 283, 296
_PER_UNIT = {2: 1.0, 3: 2.54}  # inch, centimetre
_COLOUR_SPACES = {1: b"GRAY", 3: b"RGB ", 4: b"CMYK"}
_MAX_DPI = 100_000


def descriptive_exif(read: Callable[[], Image.Exif]) -> tuple[bytes, tuple[str, ...]]:
    """Return the tags worth keeping, serialised, and notes on those that cannot be kept."""
    try:
        source, kept, notes = read(), Image.Exif(), []
        for tag in _EXIF_TAGS:
            if tag in source and not (writer := layout_writer(str(source[tag]))):
                kept[tag] = source[tag]
            elif tag in source and not is_layout_alone(str(source[tag])):
                notes.append(f"the description of the file's layout by {writer} was left out")
        for folder in _EXIF_FOLDERS:
            if tags := source.get_ifd(folder):
                kept[folder] = dict(tags)
        return (kept.tobytes() if len(kept) else b""), tuple(notes)
    except Exception:  # corrupt metadata must not cost the user the picture
        return b"", ("the EXIF data are corrupt and were dropped",)


def fitting_profile(profile: object, num_colors: int) -> bytes:
    """Return the ICC profile if its colour space is that of the decoded pixels, else nothing."""
    colour_space = slice(16, 20)  # in the ICC header
    if isinstance(profile, bytes) and profile[colour_space] == _COLOUR_SPACES[num_colors]:
        return profile
    return b""


def dpi_of(tags: Image.Exif) -> tuple[float, float] | None:
    """Return the resolution that the directory of a TIFF tells."""
    factor = _PER_UNIT.get(tags.get(_DPI_UNIT, 2), 0.0)
    try:
        return valid_dpi([factor * float(tags[tag]) for tag in (_DPI_ACROSS, _DPI_DOWN)])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None


def valid_dpi(dpi: object) -> tuple[float, float] | None:
    """Return a resolution across and down if it is one."""
    try:
        across, down = (float(value) for value in dpi)  # type: ignore[attr-defined]  # a TypeError below
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if 1 <= across <= _MAX_DPI and 1 <= down <= _MAX_DPI else None
