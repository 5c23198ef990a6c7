"""Tags of TIFF files that are carried into the output, and those that are part of the format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2
from PIL.TiffTags import TAGS_V2_GROUPS

from edlrr_cli.media.metadata import EXIF_TAGS

XMP, IPTC, PHOTOSHOP = 700, 33723, 34377
_BYTE, _ASCII, _SHORT, _RATIONAL, _UNDEFINED, _DOUBLE = 1, 2, 3, 5, 7, 12

# Types by tag. GeoTIFF (OGC 19-008r4) and GDAL's metadata and value of missing data.
_POSITION = {33550: _DOUBLE, 33922: _DOUBLE, 34264: _DOUBLE, 34735: _SHORT, 34736: _DOUBLE, 34737: _ASCII}
_GDAL = {42112: _ASCII, 42113: _ASCII}
_COLOR = {318: _RATIONAL, 319: _RATIONAL}  # white point, primaries (TIFF 6.0, section 20)
_TYPES = {**_POSITION, **_GDAL, **_COLOR, XMP: _BYTE, IPTC: _UNDEFINED}

_RECORD = b"\x1c"  # begins every record of IPTC

# Tags that describe the layout of the file, which the encoder writes, or that are read elsewhere.
_STRUCTURE = frozenset(
    {
        *range(254, 260),
        *range(262, 267),
        *(273, 274, *range(277, 285), *range(286, 294), 296, 297, 317, *range(320, 327), 328, 330),
        *(332, 333, 334, 336, 337, 338, 339, 340, 341, 342, 347, 512, 513, 514, 515, 517, 518, 519, 520, 521),
        *(529, 530, 531, 532, 34665, 34675, 34853, 40965, PHOTOSHOP),
    }
)

# Of these: directories of EXIF and GPS, Photoshop's blocks, names of pages, and the resolution.
_SEPARABLE = frozenset({34665, 34853, 40965, PHOTOSHOP, 282, 283, 296, 285, 333, 337})


def carried(tags: Mapping[int, Any]) -> tuple[tuple[int, Any], ...]:
    """Return the tags that are carried into TIFF output."""
    return tuple((tag, tags[tag]) for tag in (*_POSITION, *_GDAL, *_COLOR) if tag in tags)


def others(tags: Iterable[int]) -> list[int]:
    """Return the tags that are neither carried nor part of the format."""
    return sorted(set(tags) - _STRUCTURE - _TYPES.keys() - set(EXIF_TAGS))


def defining(tags: Iterable[int]) -> list[int]:
    """Return the tags without which pixels could not be read, or would change their appearance."""
    return sorted((set(tags) & (_STRUCTURE | _COLOR.keys())) - _SEPARABLE)


def color_tags(tags: Iterable[tuple[int, Any]]) -> tuple[tuple[int, Any], ...]:
    """Return the tags that describe the color space."""
    return tuple(pair for pair in tags if pair[0] in _COLOR)


def without_position(tags: Iterable[tuple[int, Any]]) -> tuple[tuple[int, Any], ...]:
    """Return the tags that stay valid when the image is rotated."""
    return tuple(pair for pair in tags if pair[0] not in _POSITION)


def kinds_of(tags: Iterable[tuple[int, Any]]) -> list[str]:
    """Return user-facing names of the kinds of tags."""
    numbers = {tag for tag, _ in tags}
    named = ((_POSITION, "GeoTIFF tags"), (_GDAL, "GDAL tags"), (_COLOR, "TIFF primaries"))
    return [name for table, name in named if numbers & table.keys()]


def bytes_of(tags: Mapping[int, Any], tag: int) -> bytes:
    """Return the value of a tag as stored; empty if it is missing or holds no bytes.

    Many writers store IPTC records as 32-bit integers, of which Pillow returns only the first.
    """
    directory_ = getattr(tags, "_info", tags)
    value = getattr(directory_, "_tagdata", {}).get(tag) or tags.get(tag)
    if isinstance(value, tuple) and len(value) == 1:
        (value,) = value
    if not isinstance(value, bytes):
        return b""
    if tag == IPTC and value[:1] != _RECORD and value[3:4] == _RECORD and len(value) % 4 == 0:
        return np.frombuffer(value, "<u4").byteswap().tobytes()
    return value


def directory(exif: bytes, tags: Mapping[int, Any]) -> ImageFileDirectory_v2:
    """Return a directory of serialized, descriptive EXIF tags and of carried tags."""
    made: Any = ImageFileDirectory_v2()
    source = Image.Exif()
    source.load(exif)
    for tag in source:
        made[tag] = dict(source.get_ifd(tag)) if tag in TAGS_V2_GROUPS else source[tag]
    for tag, value in tags.items():
        made.tagtype[tag] = _TYPES[tag]
        made[tag] = value
    directory_: ImageFileDirectory_v2 = made
    return directory_
