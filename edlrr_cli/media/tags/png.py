"""Chunks of PNG files (https://www.w3.org/TR/png-3/)."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO

_SIGNATURE_SIZE, _HEADER_SIZE = 8, 33  # the header is the first chunk
_COLOR = {b"cICP": 4, b"cHRM": 32, b"gAMA": 4, b"sRGB": 1, b"mDCV": 24, b"cLLI": 8}  # with their sizes
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_XMP = b"XML:com.adobe.xmp"
_RAW_PROFILE = b"Raw profile type "  # written by ImageMagick
# The orientation is applied on reading.
_OUTDATED = (b"exif:Orientation", b"tiff:Orientation")
_MAX_PROFILE_BYTES = 1 << 24

# sRGB: gamma and chromaticities times 100 000, and the code points of cICP.
_SRGB_GAMMA = range(45_000, 46_000)
_SRGB_PRIMARIES = struct.pack(">8I", 31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000)
_SRGB_CODES = bytes([1, 13, 0, 1])

Chunk = tuple[bytes, bytes]


def read_chunks(stream: BinaryIO) -> Iterator[Chunk]:
    """Yield type and body of the chunks that hold texts or describe the color space."""
    stream.seek(_SIGNATURE_SIZE)
    while len(head := stream.read(8)) == 8:
        size, kind = struct.unpack(">I4s", head)
        if kind in _COLOR or kind in _TEXTS:
            body = stream.read(size)
            stream.seek(4, os.SEEK_CUR)  # checksum
            yield kind, body
        else:
            stream.seek(size + 4, os.SEEK_CUR)


def colors(chunks: Iterable[Chunk]) -> tuple[Chunk, ...]:
    """Return the chunks that describe the color space."""
    return tuple(chunk for chunk in chunks if _COLOR.get(chunk[0]) == len(chunk[1]))


def texts(chunks: Iterable[Chunk]) -> tuple[Chunk, ...]:
    """Return the text chunks, except XMP, profiles and orientation."""
    return tuple(
        chunk
        for chunk in chunks
        if chunk[0] in _TEXTS
        and keyword(chunk) not in (_XMP, *_OUTDATED)
        and not keyword(chunk).startswith(_RAW_PROFILE)
    )


def keyword(chunk: Chunk) -> bytes:
    """Return the keyword of a text chunk."""
    return chunk[1].split(b"\0", 1)[0]


def raw_profile(chunks: Iterable[Chunk], name: bytes) -> bytes:
    """Return a profile that ImageMagick stores as a text: a name, a size, and hexadecimal digits."""
    for chunk in chunks:
        if keyword(chunk) == _RAW_PROFILE + name:
            _, rest = chunk[1].split(b"\0", 1)
            text = (
                zlib.decompressobj().decompress(rest[1:], _MAX_PROFILE_BYTES) if chunk[0] == b"zTXt" else rest
            )
            return bytes.fromhex("".join(text.decode("ascii").split()[2:]))
    return b""


def xmp_chunk(packet: bytes) -> Chunk:
    """Return an XMP packet as an uncompressed text chunk."""
    return b"iTXt", _XMP + bytes(5) + packet


def with_chunks(content: bytes, chunks: Iterable[Chunk]) -> bytes:
    """Return a PNG file with chunks inserted after its header, a valid position for all that are kept."""
    packed = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    return content[:_HEADER_SIZE] + packed + content[_HEADER_SIZE:]


def lost_colors(chunks: Iterable[Chunk], *, has_profile: bool) -> list[str]:
    """Return the names of the chunks without which the colors of another format would change.

    Args:
        chunks: Result of `colors`.
        has_profile: Whether a color profile is written, which overrides gamma and chromaticities.
    """
    found = dict(chunks)
    if found.get(b"cICP") == _SRGB_CODES:
        return []
    lost = [name for name in ("cICP", "mDCV", "cLLI") if name.encode() in found]
    if not has_profile and b"sRGB" not in found:
        if b"gAMA" in found and int.from_bytes(found[b"gAMA"], "big") not in _SRGB_GAMMA:
            lost.append("gAMA")
        if found.get(b"cHRM", _SRGB_PRIMARIES) != _SRGB_PRIMARIES:
            lost.append("cHRM")
    return lost
