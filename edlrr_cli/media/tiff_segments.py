"""Decoder of the strips and tiles of a TIFF page; all sizes and offsets are checked before decoding."""

from __future__ import annotations

import io
import lzma
import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

from edlrr_cli.errors import InputError
from edlrr_cli.media.tiff_codes import (
    DEFLATE,
    FILL_FROM_LOWEST,
    FLOATING,
    HORIZONTAL,
    LZMA,
    NONE,
    OLD_DEFLATE,
    PACKBITS,
    SEPARATE_PLANES,
)

Window = tuple[slice, slice]
"""Rows and columns."""

_BITS_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_KINDS = {1: "u", 2: "i", 3: "f"}
_REMEDY = "get or export the file again"
# Width, height, bits, compression, photometric interpretation, fill order, channels, rows of a strip, planes,
# predictor, tiles, extra samples, sample format; offsets and byte counts.
_LAYOUT_TAGS = {256, 257, 258, 259, 262, 266, 277, 278, 284, 317, 322, 323, 338, 339, 273, 279, 324, 325}
_NUMBERS = (
    *("imagewidth", "imagelength", "imagedepth", "samplesperpixel"),
    *("photometric", "compression", "predictor"),
    *("rowsperstrip", "tilewidth", "tilelength", "tiledepth", "planarconfig", "fillorder", "sampleformat"),
)


@dataclass(frozen=True)
class Segments:
    """The division of a page into strips or tiles.

    Attributes:
        shape: (rows, columns, channels) of a whole segment.
        grid: Number of planes, of segments from top to bottom, and of segments from left to right.
        dtype: Type of the samples as stored; for packed samples, type after unpacking.
    """

    height: int
    width: int
    num_channels: int
    shape: tuple[int, int, int]
    grid: tuple[int, int, int]
    bits: int
    dtype: np.dtype[Any]

    @classmethod
    def from_page(cls, page: Any) -> Segments:
        """Return the division given by the tags of a page, which may be inconsistent."""
        height, width, num_channels = page.imagelength, page.imagewidth, page.samplesperpixel
        separate = page.planarconfig == SEPARATE_PLANES and num_channels > 1
        tall, wide = (
            (page.tilelength, page.tilewidth)
            if page.is_tiled
            else (min(page.rowsperstrip or height, height), width)
        )
        if min(tall, wide, height, width) < 1:
            raise ValueError("no pixels")
        bits = int(page.bitspersample)
        packed = bits % 8 != 0
        order = "<" if page.parent.byteorder == "<" else ">"
        name = f"u{1 if bits < 8 else 2}" if packed else f"{order}{_KINDS[page.sampleformat]}{bits // 8}"
        return cls(
            height,
            width,
            num_channels,
            (tall, wide, 1 if separate else num_channels),
            (num_channels if separate else 1, math.ceil(height / tall), math.ceil(width / wide)),
            bits,
            np.dtype(name),
        )

    @property
    def row_bytes(self) -> int:
        """Return the number of bytes per row of a segment; each row begins with a new byte."""
        return math.ceil(self.shape[1] * self.shape[2] * self.bits / 8)

    def origin(self, index: int) -> tuple[int, int, int]:
        """Return the plane of a segment, and its first row and column."""
        plane, row, column = np.unravel_index(index, self.grid)
        return int(plane), int(row) * self.shape[0], int(column) * self.shape[1]

    def touching(self, rows: slice, columns: slice) -> Iterator[int]:
        """Yield the indices of the segments that have pixels of a window, in order."""
        tall, wide, _ = self.shape
        for plane in range(self.grid[0]):
            for row in range(rows.start // tall, math.ceil(rows.stop / tall)):
                for column in range(columns.start // wide, math.ceil(columns.stop / wide)):
                    yield (plane * self.grid[1] + row) * self.grid[2] + column


def check_tags(path: Path, page: Any, stream: BinaryIO) -> None:
    """Check that no layout tag of a page is damaged; tifffile treats damaged tags as missing.

    Raises:
        InputError: A layout tag is damaged.
    """
    form = page.parent.tiff
    stream.seek(page.offset)
    (num_tags,) = struct.unpack(form.tagnoformat, stream.read(form.tagnosize))
    entries = stream.read(num_tags * form.tagsize)
    codes = {code for code, *_ in struct.iter_unpack(f"{form.byteorder}H{form.tagsize - 2}x", entries)}
    damaged = (codes & _LAYOUT_TAGS) - {code for code in codes if code in page.tags}
    if damaged or not all(isinstance(getattr(page, name), int) for name in _NUMBERS):
        raise InputError(f"{path} is truncated or corrupt (a tag of the layout is damaged)", _REMEDY)


def check_segments(path: Path, page: Any, segments: Segments, stream: BinaryIO) -> None:
    """Check that all strips or tiles of a page are within the file.

    Raises:
        InputError: Strips or tiles are missing, or lie beyond the end of the file.
    """
    size = stream.seek(0, io.SEEK_END)
    spans = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    if len(spans) < math.prod(segments.grid):
        raise InputError(f"{path} is truncated or corrupt (rows are missing)", _REMEDY)
    for index, (offset, num_bytes) in enumerate(spans):
        if not num_bytes or offset + min(num_bytes, _stored_bytes(page, segments)) > size:
            raise _incomplete(path, index)


def _stored_bytes(page: Any, segments: Segments) -> float:
    """Return the maximum number of bytes of an uncompressed segment; some writers pad the last one."""
    return segments.shape[0] * segments.row_bytes if page.compression == NONE else math.inf


def read_segments(
    path: Path,
    page: Any,
    segments: Segments,
    stream: BinaryIO,
    shift: int = 0,
    window: Window | None = None,
) -> NDArray[Any]:
    """Decode the strips or tiles of a page, or those that a window touches.

    Args:
        path: Path for messages.
        shift: Number of bytes added to the offsets in the file.
        window: Rows and columns to return; None: all.

    Returns:
        The samples as stored, shape (h, w, c).

    Raises:
        InputError: A segment is truncated, or too long.
        Exception: Any exception of the decoders.
    """
    rows, columns = window or (slice(0, segments.height), slice(0, segments.width))
    size_px = rows.stop - rows.start, columns.stop - columns.start
    pixels = np.empty((*size_px, segments.num_channels), segments.dtype)
    deep = segments.shape[2]
    for index in segments.touching(rows, columns):
        plane, top, left = segments.origin(index)
        within = _overlap(rows, top, segments.shape[0]), _overlap(columns, left, segments.shape[1])
        samples = _read_segment(path, page, segments, stream, index, shift, within[0])
        part = pixels[
            top + within[0].start - rows.start : top + within[0].stop - rows.start,
            left + within[1].start - columns.start : left + within[1].stop - columns.start,
            plane * deep : (plane + 1) * deep,
        ]
        part[:] = samples[:, within[1]]
    return pixels


def _overlap(wanted: slice, start: int, length: int) -> slice:
    """Return the part of a segment that is wanted, counted from its start."""
    return slice(max(wanted.start - start, 0), min(wanted.stop - start, length))


def _read_segment(
    path: Path, page: Any, segments: Segments, stream: BinaryIO, index: int, shift: int, rows: slice
) -> NDArray[Any]:
    """Return rows of a segment, shape (rows, columns, channels); uncompressed ones are read by rows."""
    tall, row_bytes = segments.shape[0], segments.row_bytes
    num_rows = tall if page.is_tiled else min(tall, segments.height - segments.origin(index)[1])
    least, most = num_rows * row_bytes, tall * row_bytes
    offset, num_bytes = page.dataoffsets[index] + shift, page.databytecounts[index]
    if page.compression == NONE:
        if num_bytes < least:
            raise _incomplete(path, index)
        num_rows = rows.stop - rows.start
        offset, num_bytes = offset + rows.start * row_bytes, num_rows * row_bytes
        least, most, rows = num_bytes, num_bytes, slice(0, num_rows)
    stream.seek(offset)
    data = stream.read(num_bytes)
    if page.fillorder == FILL_FROM_LOWEST:
        data = data.translate(_BITS_REVERSED)
    content = _decompressed(page.compression, data, least, most)
    if not least <= len(content) <= most:
        raise _incomplete(path, index)
    return _unpredicted(content[rows.start * row_bytes : rows.stop * row_bytes], page.predictor, segments)


def _incomplete(path: Path, index: int) -> InputError:
    return InputError(f"{path} is truncated or corrupt (part {index} is incomplete)", _REMEDY)


def _decompressed(compression: int, data: bytes, least: int, most: int) -> bytes:
    """Decompress bytes; the output is cut a little beyond ``most``, enough to detect the excess."""
    from tifffile import TIFF

    if compression == NONE:
        return data
    if compression in (DEFLATE, OLD_DEFLATE):
        return zlib.decompressobj().decompress(data, most + 1)
    if compression == LZMA:
        return lzma.LZMADecompressor().decompress(data, most + 1)
    if compression == PACKBITS:  # expands a byte to at most 64
        content: bytes = TIFF.DECOMPRESSORS[compression](data)
        return content[: most + 1]
    return _decompressed_by_libtiff(compression, data, least)


def _decompressed_by_libtiff(compression: int, data: bytes, num_bytes: int) -> bytes:
    """Decode bytes with Pillow's libtiff as the single row of a gray image."""
    tags: Any = ImageFileDirectory_v2()
    for tag in (256, 273, 279):
        tags.tagtype[tag] = 4  # 32 bits
    tags[256], tags[257], tags[258], tags[259], tags[262] = num_bytes, 1, 8, compression, 1
    tags[273], tags[277], tags[278], tags[279] = 0, 1, 1, len(data)  # the offset counts from the end
    stream = io.BytesIO()
    tags.save(stream)
    stream.write(data)
    stream.seek(0)
    return TiffImageFile(stream).tobytes()


def _unpredicted(content: bytes, predictor: int, segments: Segments) -> NDArray[Any]:
    """Undo the predictor; return the samples of a segment, (rows, columns, channels)."""
    rows = np.frombuffer(content, np.uint8).reshape(-1, segments.row_bytes)
    if predictor == FLOATING:
        rows = _from_byte_planes(rows, segments)
    samples = _unpacked(rows, segments).reshape(len(rows), *segments.shape[1:])
    if predictor == HORIZONTAL:
        samples = np.cumsum(samples, axis=1, dtype=samples.dtype.newbyteorder("="))
    return samples


def _unpacked(rows: NDArray[np.uint8], segments: Segments) -> NDArray[Any]:
    if segments.bits % 8 == 0:
        return rows.view(segments.dtype)
    num_samples = segments.shape[1] * segments.shape[2]
    digits = np.unpackbits(rows, axis=1, count=num_samples * segments.bits)
    samples = np.zeros((len(rows), num_samples), segments.dtype)
    for digit in np.moveaxis(digits.reshape(len(rows), num_samples, segments.bits), 2, 0):
        samples = 2 * samples + digit
    return samples


def _from_byte_planes(rows: NDArray[np.uint8], segments: Segments) -> NDArray[np.uint8]:
    """Undo the predictor of floats: byte differences, with the most significant bytes of a row first."""
    _, wide, deep = segments.shape
    sums = np.cumsum(rows.reshape(len(rows), -1, deep), axis=1, dtype=np.uint8)
    numbers = np.swapaxes(sums.reshape(len(rows), -1, wide * deep), 1, 2)
    if segments.dtype.str[0] == "<":
        numbers = numbers[..., ::-1]
    return np.ascontiguousarray(numbers).reshape(rows.shape)
