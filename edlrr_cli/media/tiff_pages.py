"""Pages of TIFF files as stored: read without decoding, and joined to a file."""

from __future__ import annotations

import io
import itertools
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from PIL.TiffImagePlugin import ImageFileDirectory_v2

from edlrr_cli.media.descriptions import layout_writer
from edlrr_cli.media.tags.tiff import defining
from edlrr_cli.media.tiff_codes import ByteOrder

_STRIP_OFFSETS, _STRIP_BYTES, _TILE_OFFSETS, _TILE_BYTES = 273, 279, 324, 325
_EXIF, _GPS, _INTEROPERABILITY = 34665, 34853, 40965
_DESCRIPTION, _SUB_IMAGES = 270, 330
_LONG = 4  # type of a number in a TIFF directory
_SHORTER = {16: _LONG, 17: 9, 18: _LONG}  # types of BigTIFF alone
_PREFIXES = {"<": b"II", ">": b"MM"}
_OLD_JPEG = 6  # its data lie outside of the strips
_HEADER_BYTES = 8
_ENTRY_BYTES = 12


@dataclass(frozen=True, eq=False)
class StoredPage:
    """A page as stored.

    Attributes:
        tags: All tags but the offsets and lengths of the segments.
        segments: The strips or tiles.
    """

    tags: ImageFileDirectory_v2
    segments: Sequence[bytes]
    is_tiled: bool


@dataclass(frozen=True, eq=False)
class OtherPages:
    """The pages of a file besides the one that was read.

    Attributes:
        before: Those before it.
        after: Those behind it.
        byteorder: "<" or ">", that of the whole file.
    """

    before: Sequence[StoredPage] = ()
    after: Sequence[StoredPage] = ()
    byteorder: ByteOrder = "<"

    def __len__(self) -> int:
        return len(self.before) + len(self.after)

    def stripped(self) -> OtherPages:
        """Return the pages without metadata and resolution; what defines the colors stays."""
        return OtherPages(
            [_stripped(page) for page in self.before],
            [_stripped(page) for page in self.after],
            self.byteorder,
        )


def _stripped(page: StoredPage) -> StoredPage:
    tags: Any = page.tags
    kept: Any = ImageFileDirectory_v2(prefix=tags.prefix)
    for tag in defining(tags):
        kept.tagtype[tag] = tags.tagtype[tag]
        kept[tag] = tags[tag]
    return StoredPage(kept, page.segments, page.is_tiled)


NO_PAGES = OtherPages()
"""Of a file with a single image."""


def stored_page(page: Any, stream: BinaryIO) -> StoredPage | None:
    """Read a page without decoding it.

    Args:
        page: A page of tifffile.
        stream: The open file.

    Returns:
        The page without its sub-images and without a description of the file's layout; None if its data
        are not strips or tiles alone.

    Raises:
        Exception: The page is corrupt.
    """
    if page.compression == _OLD_JPEG:
        return None
    tags = _directory(page.parent, page.offset, stream)
    for tag in (_STRIP_OFFSETS, _STRIP_BYTES, _TILE_OFFSETS, _TILE_BYTES, _SUB_IMAGES):
        tags.pop(tag, None)
    if layout_writer(page.description):
        tags.pop(_DESCRIPTION, None)
    segments = []
    if sum(page.databytecounts) > stream.seek(0, io.SEEK_END):
        raise ValueError("segments overlap")
    for offset, num_bytes in zip(page.dataoffsets, page.databytecounts, strict=True):
        stream.seek(offset)
        segments.append(stream.read(num_bytes))
        if len(segments[-1]) < num_bytes:
            raise ValueError("rows are missing")
    return StoredPage(tags, segments, page.is_tiled)


def _directory(file: Any, offset: int, stream: BinaryIO, group: int | None = None) -> Any:
    """Return a directory and those of EXIF and GPS tags in it, with the types of plain TIFF."""
    prefix = _PREFIXES[file.byteorder]
    # Pillow recognizes BigTIFF in the header of little-endian files alone.
    header = b"II+\0" + bytes(12) if file.is_bigtiff else b"II*\0" + bytes(4)
    stored: Any = ImageFileDirectory_v2(header, prefix=prefix, group=group)
    stream.seek(offset)
    stored.load(stream)
    made: Any = ImageFileDirectory_v2(prefix=prefix, group=group)
    for tag in set(stored) - {_INTEROPERABILITY}:
        made.tagtype[tag] = _SHORTER.get(stored.tagtype[tag], stored.tagtype[tag])
        made[tag] = stored[tag]
    for tag in {_EXIF, _GPS} & set(stored):
        made.tagtype[tag] = _LONG
        made[tag] = dict(_directory(file, stored[tag], stream, group=tag))
    return made


def plain_tags(page: Any, stream: BinaryIO) -> bytes:
    """Return the tags of a page, serialized as a plain TIFF file without pixels.

    Args:
        page: A page of tifffile.
    """
    tags = _directory(page.parent, page.offset, stream)
    header = _PREFIXES[page.parent.byteorder] + struct.pack(f"{page.parent.byteorder}HI", 42, _HEADER_BYTES)
    directory: bytes = tags.tobytes(_HEADER_BYTES)
    return header + directory


def join_pages(page: StoredPage, others: OtherPages = NO_PAGES) -> bytes:
    """Return a TIFF file of a page and those around it.

    Args:
        page: Segments in the byte order of the others.
    """
    prefix, number = _PREFIXES[others.byteorder], f"{others.byteorder}I"
    stream = io.BytesIO()
    stream.write(prefix + struct.pack(f"{others.byteorder}HI", 42, 0))
    link = 4  # where the position of the next directory stands
    for each in (*others.before, page, *others.after):
        position = stream.seek(0, io.SEEK_END)
        if position % 2:
            position += stream.write(b"\0")
        tags = _with_segments(each, prefix)
        stream.write(_at(position, tags))
        stream.writelines(each.segments)
        stream.seek(link)
        stream.write(struct.pack(number, position))
        link = position + 2 + _ENTRY_BYTES * len(tags)
    return stream.getvalue()


def _with_segments(page: StoredPage, prefix: bytes) -> Any:
    """Return the tags with lengths and offsets of the segments, counted from the first of them."""
    tags: Any = ImageFileDirectory_v2(prefix=prefix)
    for tag in page.tags:
        tags.tagtype[tag] = page.tags.tagtype[tag]
        tags[tag] = page.tags[tag]
    lengths = [len(segment) for segment in page.segments]
    offsets = itertools.accumulate(lengths[:-1], initial=0)
    names = (_TILE_OFFSETS, _TILE_BYTES) if page.is_tiled else (_STRIP_OFFSETS, _STRIP_BYTES)
    for tag, numbers in zip(names, (offsets, lengths), strict=True):
        tags.tagtype[tag] = _LONG
        tags[tag] = tuple(numbers)
    return tags


def _at(position: int, tags: Any) -> bytes:
    """Return a directory for a position in the file, directly before its segments."""
    if _TILE_OFFSETS in tags:  # Pillow counts offsets of strips from the end of the directory, not of tiles
        end = position + len(tags.tobytes(position))
        tags[_TILE_OFFSETS] = tuple(end + offset for offset in tags[_TILE_OFFSETS])
    directory: bytes = tags.tobytes(position)
    return directory
