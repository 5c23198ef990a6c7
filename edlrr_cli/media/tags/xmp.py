"""XMP packets, without what is no longer true of a restored image."""

from __future__ import annotations

import re

# Orientation is applied on reading, sizes are those of the old file, thumbnails would show the damage, and
# images and videos appended to the file (such as gain maps) are left out.
_NAMES = (
    rb"(?:tiff:(?:Orientation|ImageWidth|ImageLength)|exif:Pixel[XY]Dimension"
    rb"|xmp:Thumbnails|xap:Thumbnails|hdrgm:\w+|Container:Directory|xmpNote:HasExtendedXMP"
    rb"|GCamera:(?:MicroVideo|MotionPhoto)\w*)"
)
_ATTRIBUTE = re.compile(rb"\s" + _NAMES + rb"\s*=\s*(?:\"[^\"]*\"|'[^']*')")
_TAG = re.compile(rb"<(?P<closes>/?)(?P<name>" + _NAMES + rb")(?:\s[^<>]*?)?(?P<empty>/?)>")


def cleaned(packet: bytes | str) -> bytes:
    """Return a packet without orientation, sizes, thumbnails and references to appended images.

    All other bytes are unchanged. A packet that is not UTF-8, or has unclosed elements, is dropped.

    Example:
        >>> cleaned(b'<rdf:Description tiff:Orientation="6" dc:format="x"/>')
        b'<rdf:Description dc:format="x"/>'
    """
    packet = packet.encode() if isinstance(packet, str) else packet.rstrip(b"\0")
    return b"" if b"\0" in packet else _without_elements(_ATTRIBUTE.sub(b"", packet))


def _without_elements(packet: bytes) -> bytes:
    """Remove the elements in a single pass, so that the time is linear in the size of the packet."""
    kept, end, inside = [], 0, b""
    for tag in _TAG.finditer(packet):
        if not inside and not tag["closes"]:
            kept.append(packet[end : tag.start()])
            inside = b"" if tag["empty"] else tag["name"]
            end = tag.end()
        elif tag["closes"] and tag["name"] == inside:
            inside, end = b"", tag.end()
    return b"" if inside else b"".join([*kept, packet[end:]])
