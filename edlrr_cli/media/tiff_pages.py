"""Pages of TIFF files as stored: read without decoding, and joined to a file."""

from __future__ import annotations

import io
import itertools
import struct
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

from PIL.TiffImagePlugin import ImageFileDirectory_v2

from edlrr_cli.media.descriptions import layout_writer
from edlrr_cli.media.tags.tiff import defining
from edlrr_cli.media.tiff_codes import ByteOrder

_STRIP_OFFSETS, _STRIP_BYTES, _TILE_OFFSETS, _TILE_BYTES = 273, 279, 324, 325
_EXIF, _GPS, _INTEROPERABILITY = 34665, 34853, 40965
_DESCRIPTION, _SUB_IMAGES = 270, 330
_LONG, _LONG_8 = 4, 16  # types of numbers in a TIFF directory
_SHORTER = {_LONG_8: _LONG, 17: 9, 18: _LONG}  # types that only BigTIFF has
_SUBFILE_TYPE, _REDUCED = 254, 1
_PREFIXES = {"<": b"II", ">": b"MM"}
# Pillow recognizes BigTIFF only in the header of little-endian files.
_HEADER, _BIG_HEADER = b"II*\0" + bytes(4), b"II+\0" + bytes(12)
_OLD_JPEG = 6  # its data lie outside of the strips
_HEADER_BYTES = 8
_PIECE_BYTES = 2**24
_LARGEST_BYTES = 2**32 - 2**24
"""Of the data of a plain TIFF, whose offsets have 32 bits; the rest is for the directories."""


Segment = bytes | Iterator[bytes]
"""A strip or tile, or consecutive pieces of it."""


@dataclass(frozen=True, eq=False)
class StoredPage:
    """A page as stored.

    Attributes:
        tags: All tags but the offsets and lengths of the segments.
        segments: The strips or tiles; those of large files are read or encoded one by one, and in pieces.
        most_bytes: Upper limit of the bytes of all segments.
    """

    tags: ImageFileDirectory_v2
    segments: Collection[Segment]
    is_tiled: bool
    most_bytes: int


@dataclass(frozen=True, eq=False)
class OtherPages:
    """The pages of a file besides the one that was read.

    Attributes:
        pages: The pages by their position in the file.
        position: That of the page that was read.
        byteorder: "<" or ">", that of the whole file.
        is_big: Whether the file is a BigTIFF, whose offsets have 64 bits.
    """

    pages: Mapping[int, StoredPage] = field(default_factory=dict)
    position: int = 0
    byteorder: ByteOrder = "<"
    is_big: bool = False

    def __len__(self) -> int:
        return len(self.pages)

    @property
    def num_previews(self) -> int:
        """Return how many of the pages are reduced copies of another one."""
        return sum(bool(page.tags.get(_SUBFILE_TYPE, 0) & _REDUCED) for page in self.pages.values())

    def around(self, page: StoredPage) -> list[StoredPage]:
        """Return the pages of the whole file in their order, with the one that was read."""
        return [each for _, each in sorted({**self.pages, self.position: page}.items())]

    def replaced(self, pages: Mapping[int, StoredPage]) -> OtherPages:
        """Return the pages with others at some positions."""
        return replace(self, pages={**self.pages, **pages})

    def held(self) -> OtherPages:
        """Return the pages with their segments in memory, so that the file can be closed."""
        pages = {
            position: replace(page, segments=[b"".join(_pieces(segment)) for segment in page.segments])
            for position, page in self.pages.items()
        }
        return replace(self, pages=pages)

    def stripped(self) -> OtherPages:
        """Return the pages without metadata and resolution; what defines the colors stays."""
        return replace(self, pages={position: _stripped(page) for position, page in self.pages.items()})


def _stripped(page: StoredPage) -> StoredPage:
    tags: Any = page.tags
    kept = _empty_directory(tags.prefix)
    for tag in defining(tags):
        kept.tagtype[tag] = tags.tagtype[tag]
        kept[tag] = tags[tag]
    return replace(page, tags=kept)


NO_PAGES = OtherPages()
"""Of a file with a single image."""


def stored_page(page: Any, stream: BinaryIO) -> StoredPage | None:
    """Read a page without decoding it.

    Args:
        page: A page of tifffile.
        stream: The open file.

    Returns:
        The page without its sub-images and without a description of the file's layout, its segments to be
        read while the file is open; None if its data are not strips or tiles alone.

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
    spans, size = list(zip(page.dataoffsets, page.databytecounts, strict=True)), stream.seek(0, io.SEEK_END)
    num_bytes = sum(page.databytecounts)
    if num_bytes > size:
        raise ValueError("segments overlap")
    if any(offset + length > size for offset, length in spans):
        raise ValueError("rows are missing")
    return StoredPage(tags, _FileSegments(stream, spans), page.is_tiled, num_bytes)


class _FileSegments(Collection[Segment]):
    """The strips or tiles of a page in an open file, read one by one."""

    def __init__(self, stream: BinaryIO, spans: Sequence[tuple[int, int]]) -> None:
        self._stream, self._spans = stream, spans

    def __len__(self) -> int:
        return len(self._spans)

    def __iter__(self) -> Iterator[Segment]:
        return (pieces_of(self._stream, offset, num_bytes) for offset, num_bytes in self._spans)

    def __contains__(self, segment: object) -> bool:
        return False  # never asked for


def pieces_of(stream: BinaryIO, offset: int, num_bytes: int) -> Iterator[bytes]:
    """Yield a part of a file in pieces."""
    for start in range(offset, offset + num_bytes, _PIECE_BYTES):
        stream.seek(start)
        yield stream.read(min(_PIECE_BYTES, offset + num_bytes - start))


def _pieces(segment: Segment) -> Iterable[bytes]:
    return [segment] if isinstance(segment, bytes) else segment


def _directory(file: Any, offset: int, stream: BinaryIO, group: int | None = None) -> Any:
    """Return a directory and those of EXIF and GPS tags in it, with the types of plain TIFF."""
    prefix = _PREFIXES[file.byteorder]
    stored = _empty_directory(prefix, is_big=file.is_bigtiff, group=group)
    stream.seek(offset)
    stored.load(stream)
    made = _empty_directory(prefix, group=group)
    for tag in set(stored) - {_INTEROPERABILITY}:
        made.tagtype[tag] = _SHORTER.get(stored.tagtype[tag], stored.tagtype[tag])
        made[tag] = stored[tag]
    for tag in {_EXIF, _GPS} & set(stored):
        made.tagtype[tag] = _LONG
        made[tag] = dict(_directory(file, stored[tag], stream, group=tag))
    return made


def _empty_directory(prefix: bytes, *, is_big: bool = False, group: int | None = None) -> Any:
    return ImageFileDirectory_v2(_BIG_HEADER if is_big else _HEADER, prefix=prefix, group=group)


def plain_tags(page: Any, stream: BinaryIO) -> bytes:
    """Return the tags of a page, serialized as a plain TIFF file without pixels.

    Args:
        page: A page of tifffile.
    """
    tags = _directory(page.parent, page.offset, stream)
    header = _PREFIXES[page.parent.byteorder] + struct.pack(f"{page.parent.byteorder}HI", 42, _HEADER_BYTES)
    directory: bytes = tags.tobytes(_HEADER_BYTES)
    return header + directory


@dataclass(frozen=True)
class _Form:
    """How a TIFF or BigTIFF writes its numbers."""

    byteorder: ByteOrder
    is_big: bool

    @property
    def prefix(self) -> bytes:
        return _PREFIXES[self.byteorder]

    @property
    def header(self) -> bytes:
        """Return the header up to the position of the first directory."""
        if self.is_big:
            return self.prefix + struct.pack(f"{self.byteorder}HHH", 43, 8, 0)
        return self.prefix + struct.pack(f"{self.byteorder}H", 42)

    @property
    def offset_type(self) -> int:
        return _LONG_8 if self.is_big else _LONG

    def offset(self, position: int) -> bytes:
        return struct.pack(self.byteorder + ("Q" if self.is_big else "I"), position)

    def num_bytes(self, num_tags: int) -> int:
        """Return the bytes of a directory before the position of the next one."""
        return 8 + 20 * num_tags if self.is_big else 2 + 12 * num_tags

    def directory(self, group: int | None = None) -> Any:
        """Return an empty directory."""
        return _empty_directory(self.prefix, is_big=self.is_big, group=group)


def join_pages(page: StoredPage, others: OtherPages = NO_PAGES) -> bytes:
    """Return the content of a TIFF file of a page and those around it, see `write_pages`."""
    stream = io.BytesIO()
    write_pages(stream, page, others)
    return stream.getvalue()


def write_pages(stream: BinaryIO, page: StoredPage, others: OtherPages = NO_PAGES) -> None:
    """Write a TIFF file of a page and those around it; a BigTIFF if it was one, or may have to be.

    Args:
        stream: Empty and seekable; one piece of a segment is held in memory at a time.
        page: Segments in the byte order of the others.
    """
    pages = others.around(page)
    most_bytes = sum(each.most_bytes for each in pages)
    form = _Form(others.byteorder, others.is_big or most_bytes > _LARGEST_BYTES)
    stream.write(form.header)
    link = stream.tell()  # where the position of the next directory stands
    stream.write(form.offset(0))
    for each in pages:
        tags = form.directory()
        for tag in each.tags:
            tags.tagtype[tag] = each.tags.tagtype[tag]
            tags[tag] = each.tags[tag]
        _write_groups(stream, tags, form)
        position = _seek_even_end(stream)
        # Written again when the lengths are known; its own length does not depend on them.
        stream.write(_at(position, _with_segments(tags, [0] * len(each.segments), each, form)))
        lengths = [sum(map(stream.write, _pieces(segment))) for segment in each.segments]
        stream.seek(position)
        stream.write(_at(position, _with_segments(tags, lengths, each, form)))
        stream.seek(link)
        stream.write(form.offset(position))
        link = position + form.num_bytes(len(tags))


def _with_segments(tags: Any, lengths: Sequence[int], page: StoredPage, form: _Form) -> Any:
    """Return the tags with lengths and offsets of the segments, counted from the first of them."""
    offsets = itertools.accumulate(lengths[:-1], initial=0)
    names = (_TILE_OFFSETS, _TILE_BYTES) if page.is_tiled else (_STRIP_OFFSETS, _STRIP_BYTES)
    for tag, numbers in zip(names, (offsets, lengths), strict=True):
        tags.tagtype[tag] = form.offset_type
        tags[tag] = tuple(numbers)
    return tags


def _write_groups(stream: BinaryIO, tags: Any, form: _Form) -> None:
    """Write the directories of EXIF and GPS tags before the one that refers to them."""
    for group in {_EXIF, _GPS} & set(tags):
        directory = form.directory(group)
        for tag, value in tags[group].items():
            directory[tag] = value
        position = _seek_even_end(stream)
        stream.write(directory.tobytes(position))
        tags.tagtype[group] = form.offset_type
        tags[group] = position


def _seek_even_end(stream: BinaryIO) -> int:
    """Go to the end of the file, where a directory may begin, and return its position."""
    position = stream.seek(0, io.SEEK_END)
    return position + stream.write(bytes(position % 2))


def _at(position: int, tags: Any) -> bytes:
    """Return a directory for a position in the file, directly before its segments."""
    if _TILE_OFFSETS in tags:  # Pillow counts offsets of strips from the end of the directory, not of tiles
        end = position + len(tags.tobytes(position))
        tags[_TILE_OFFSETS] = tuple(end + offset for offset in tags[_TILE_OFFSETS])
    directory: bytes = tags.tobytes(position)
    return directory
