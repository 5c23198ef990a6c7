"""Reader of the metadata of image files of all formats."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

from PIL import Image

from edlrr_cli.media.tags import jp2, photoshop, png, tiff, xmp
from edlrr_cli.media.tags.metadata import Metadata

Reading = tuple[Metadata, tuple[str, ...]]
"""Metadata, and the losses on reading it, one phrase each."""

_EXTENDED_XMP, _MULTI_PICTURE = b"http://ns.adobe.com/xmp/extension/\0", b"MPF\0"
_MAX_NAMED = 5
_ENCODERS = (b"Created by OpenJPEG", b"Kakadu")  # encoders that write their name as a comment


def read_metadata(image: Image.Image, stream: BinaryIO, *, turned: bool) -> Reading:
    """Read the metadata of an image.

    Args:
        image: Image opened by Pillow, with its pixels loaded.
        turned: Whether its orientation was applied, which changes the positions of pixels.
    """
    readers: dict[str, Callable[[], Reading]] = {
        "PNG": lambda: _read_png(image, stream),
        "JPEG": lambda: _read_jpeg(image),
        "MPO": lambda: _read_jpeg(image),  # its further images are handled by the reader of pages
        "TIFF": lambda: read_tiff_tags(getattr(image, "tag_v2", {}), turned=turned),
        "WEBP": lambda: _read_webp(image),
        "GIF": lambda: (Metadata(comment=_as_bytes(image.info.get("comment", b""))), ()),
        "JPEG2000": lambda: _read_jpeg_2000(image, stream),
    }
    metadata, notes = _unless_corrupt(readers.get(str(image.format), lambda: (Metadata(), ())))
    return metadata, (*notes, *_aspect(image))


def read_tiff_tags(tags: Mapping[int, Any], *, turned: bool) -> Reading:
    """Read the metadata in the directory of a TIFF file; ``turned`` as in `read_metadata`."""
    return _unless_corrupt(lambda: _read_tiff(tags, turned=turned))


def _xmp_of(packet: bytes | str) -> tuple[bytes, tuple[str, ...]]:
    cleaned = xmp.cleaned(packet)
    return cleaned, () if cleaned or not packet else ("the XMP data cannot be read and were left out",)


def _unless_corrupt(read: Callable[[], Reading]) -> Reading:
    try:
        return read()
    except Exception:  # the image is read even if its metadata is corrupt
        return Metadata(), ("the metadata beside EXIF are corrupt and were dropped",)


def _as_bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _aspect(image: Image.Image) -> Iterator[str]:
    """Yield a note on pixels that are not square, in files that give their aspect ratio only."""
    shape = image.info.get("jfif_density" if image.info.get("jfif_unit") == 0 else "aspect", (1, 1))
    if shape[0] != shape[1]:
        yield f"the shape of the pixels ({shape[0]}:{shape[1]}) was left out"


def _read_png(image: Image.Image, stream: BinaryIO) -> Reading:
    chunks = list(png.read_chunks(stream))
    packet, notes = _xmp_of(image.info.get("xmp", b"") or png.raw_profile(chunks, b"xmp"))
    block = png.raw_profile(chunks, b"iptc") or png.raw_profile(chunks, b"8bim")
    iptc = photoshop.iptc_of(block) if block[:4] == b"8BIM" else block
    return Metadata(packet, iptc, texts=png.texts(chunks), color=png.colors(chunks)), notes


def _read_webp(image: Image.Image) -> Reading:
    packet, notes = _xmp_of(image.info.get("xmp", b""))
    return Metadata(packet), notes


def _read_jpeg(image: Image.Image) -> Reading:
    segments = [content for _, content in getattr(image, "applist", ())]
    # A block may continue in the next segment.
    block = b"".join(
        content[len(photoshop.SIGNATURE) :] for content in segments if content.startswith(photoshop.SIGNATURE)
    )
    packet, notes = _xmp_of(image.info.get("xmp", b""))
    comment = _as_bytes(image.info.get("comment", b""))
    metadata = Metadata(packet, photoshop.iptc_of(block), comment)
    return metadata, (*notes, *_notes_on_segments(segments, block, is_one=image.format == "JPEG"))


def _read_jpeg_2000(image: Image.Image, stream: BinaryIO) -> Reading:
    blocks = jp2.blocks_of(stream)
    packet, notes = _xmp_of(blocks.get(jp2.XMP, b""))
    comment = _as_bytes(image.info.get("comment", b""))
    if comment.startswith(_ENCODERS):
        comment = b""
    lost = ("the EXIF data of JPEG 2000 files are not read",) if jp2.EXIF in blocks else ()
    return Metadata(packet, blocks.get(jp2.IPTC, b""), comment), (*notes, *lost)


def _notes_on_segments(segments: list[bytes], block: bytes, *, is_one: bool) -> Iterator[str]:
    if any(content.startswith(_EXTENDED_XMP) for content in segments):
        yield "the extended part of the XMP data was left out"
    if is_one and any(content.startswith(_MULTI_PICTURE) for content in segments):
        yield "further images in the file (a gain map, a depth map, a second view) were left out"
    yield from _notes_on_paths(block)


def _notes_on_paths(block: bytes) -> Iterator[str]:
    if photoshop.has_paths(block):
        yield "clipping paths were left out"


def _read_tiff(tags: Mapping[int, Any], *, turned: bool) -> Reading:
    block = tiff.bytes_of(tags, tiff.PHOTOSHOP)
    packet, xmp_notes = _xmp_of(tiff.bytes_of(tags, tiff.XMP))
    iptc = tiff.bytes_of(tags, tiff.IPTC) or photoshop.iptc_of(block)
    metadata = Metadata(packet, iptc, tiff=tiff.carried(tags))
    notes = [*xmp_notes, *_notes_on_paths(block), *_notes_on_tags(tiff.others(tags))]
    if tiff.IPTC in tags and not metadata.iptc:
        notes.append("the IPTC data cannot be read and were left out")
    if turned and metadata != metadata.without_position():
        metadata = metadata.without_position()
        notes.append("the image was turned upright, and its GeoTIFF tags were left out")
    return metadata, tuple(notes)


def _notes_on_tags(numbers: list[int]) -> Iterator[str]:
    if numbers:
        listed = ", ".join(map(str, numbers[:_MAX_NAMED]))
        more = f" and {len(numbers) - _MAX_NAMED} more" if len(numbers) > _MAX_NAMED else ""
        yield f"TIFF tags were left out: {listed}{more}"
