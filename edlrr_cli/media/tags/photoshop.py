"""Photoshop's image resources, which hold the IPTC records of JPEG, some TIFF and some PNG files."""

from __future__ import annotations

import struct
from collections.abc import Iterator

SIGNATURE = b"Photoshop 3.0\0"
_IPTC = 0x0404
_PATHS = range(2000, 2998)  # clipping paths


def resources(block: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield number and content of each resource of a block, up to the first truncated one."""
    offset = 0
    while block[offset : offset + 4] == b"8BIM" and offset + 7 <= len(block):
        (number,) = struct.unpack_from(">H", block, offset + 4)
        name_size = 1 + block[offset + 6]
        start = offset + 6 + name_size + name_size % 2
        if start + 4 > len(block):
            return
        (size,) = struct.unpack_from(">I", block, start)
        yield number, block[start + 4 : start + 4 + size]
        offset = start + 4 + size + size % 2


def iptc_of(block: bytes) -> bytes:
    """Return the IPTC records of a block; empty if there are none."""
    return dict(resources(block)).get(_IPTC, b"")


def has_paths(block: bytes) -> bool:
    """Whether a block holds clipping paths."""
    return any(number in _PATHS for number, _ in resources(block))


def block_of(iptc: bytes) -> bytes:
    """Return a block of IPTC records."""
    return b"8BIM" + struct.pack(">HHI", _IPTC, 0, len(iptc)) + iptc + b"\0" * (len(iptc) % 2)
