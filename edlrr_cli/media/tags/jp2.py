"""Boxes of JPEG 2000 files (ITU-T T.800, annex I), whose color profile and metadata Pillow does not read."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
IPTC = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")
EXIF = b"JpgTiffExif->JP2"
_ICC_METHODS = (2, 3)  # methods of a color specification: a restricted profile, any profile


def profile_of(stream: BinaryIO) -> bytes:
    """Return the color profile; empty if there is none."""
    for kind, body in _boxes(stream):
        if kind == b"colr" and body[:1] and body[0] in _ICC_METHODS:
            return body[3:]
    return b""


def blocks_of(stream: BinaryIO) -> dict[bytes, bytes]:
    """Return the contents of the UUID boxes, which other standards define, by identifier."""
    return {body[:16]: body[16:] for kind, body in _boxes(stream) if kind == b"uuid"}


def _boxes(stream: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Yield type and content of color specifications and UUID boxes, those inside the header included."""
    stream.seek(0)
    while len(head := stream.read(8)) == 8:
        size, kind = struct.unpack(">I4s", head)
        rest = size - 8
        if size == 1:
            rest = int.from_bytes(stream.read(8), "big") - 16
        if kind in (b"colr", b"uuid"):
            yield kind, stream.read(max(rest, 0) if size else -1)
        elif kind != b"jp2h":
            if rest < 0:  # the last box extends to the end of the file
                return
            stream.seek(rest, os.SEEK_CUR)
