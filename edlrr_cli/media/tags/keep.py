"""The metadata that each format supports, its form for the encoders, and the losses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from edlrr_cli.media.tags import photoshop, png, tiff
from edlrr_cli.media.tags.metadata import Metadata

_EXIF, _PROFILE, _RESOLUTION = "EXIF data", "color profile", "resolution"
_XMP, _IPTC, _COMMENT = "XMP data", "IPTC data", "comment"

_HELD = {
    "PNG": {_EXIF, _PROFILE, _RESOLUTION, _XMP},
    "JPEG": {_EXIF, _PROFILE, _RESOLUTION, _XMP, _IPTC, _COMMENT},
    "TIFF": {_EXIF, _PROFILE, _RESOLUTION, _XMP, _IPTC},
    "WEBP": {_EXIF, _PROFILE, _XMP},
    "BMP": {_RESOLUTION},
    "JPEG2000": set[str](),
    "EXR": set[str](),
}
# A segment of a JPEG file has 65533 bytes, its name included. A profile may span several segments.
_JPEG_LIMITS = {_EXIF: 65_533, _XMP: 65_504, _IPTC: 65_533 - len(photoshop.SIGNATURE) - 13, _COMMENT: 65_533}
_LOSSY = "JPEG"


@dataclass(frozen=True)
class Carried:
    """All metadata of an image.

    Attributes:
        exif: Descriptive EXIF tags, serialized; may be empty.
        dpi: Horizontal and vertical resolution; None if unknown.
        becomes_rgb: Gray pixels are written as RGB, which the profile does not fit.
    """

    exif: bytes
    icc_profile: bytes
    dpi: tuple[float, float] | None
    metadata: Metadata
    becomes_rgb: bool

    def settings(self, file_format: str) -> dict[str, Any]:
        """Return the arguments of Pillow's encoder; PNG chunks are added by `finished`.

        Args:
            file_format: Pillow's name of the format.
        """
        settings: dict[str, Any] = {}
        if self.icc_profile and self._holds(file_format, _PROFILE):
            settings["icc_profile"] = self.icc_profile
        if self.dpi is not None and self._holds(file_format, _RESOLUTION):
            settings["dpi"] = self.dpi
        if file_format == "TIFF":
            return {**settings, "tiffinfo": tiff.directory(self.exif, self._tiff_tags())}
        named = {"exif": (_EXIF, self.exif), "xmp": (_XMP, self.metadata.xmp)}
        if file_format == "JPEG":
            named["comment"] = (_COMMENT, self.metadata.comment)
            if self.metadata.iptc and self._holds(file_format, _IPTC):
                settings["extra"] = _segment(self.metadata.iptc)
        elif file_format == "PNG":
            del named["xmp"]
        for name, (kind, content) in named.items():
            if content and self._holds(file_format, kind):
                settings[name] = content
        return settings

    def finished(self, file_format: str, content: bytes) -> bytes:
        """Return an encoded file with the metadata that its encoder does not write."""
        if file_format != "PNG":
            return content
        chunks = [*self.metadata.color, *self.metadata.texts]
        if self.icc_profile:  # a PNG has either sRGB or a profile
            chunks = [chunk for chunk in chunks if chunk[0] != b"sRGB"]
        if self.metadata.xmp:
            chunks.append(png.xmp_chunk(self.metadata.xmp))
        return png.with_chunks(content, chunks)

    def lost(self, file_format: str) -> list[str]:
        """Return the names of the metadata that a format cannot hold."""
        return [kind for kind, _ in self._present() if not self._holds(file_format, kind)] + [
            *self._lost_chunks(file_format),
            *([] if file_format == "TIFF" else tiff.kinds_of(self.metadata.tiff)),
        ]

    def _present(self) -> Iterator[tuple[str, bytes]]:
        found = {
            _EXIF: self.exif,
            _PROFILE: self.icc_profile,
            _RESOLUTION: b"" if self.dpi is None else b"set",
            _XMP: self.metadata.xmp,
            _IPTC: self.metadata.iptc,
            _COMMENT: self.metadata.comment,
        }
        return ((kind, content) for kind, content in found.items() if content)

    def _holds(self, file_format: str, kind: str) -> bool:
        if kind == _PROFILE and self.becomes_rgb:
            return False
        if file_format == "JPEG" and kind in _JPEG_LIMITS:
            return len(dict(self._present()).get(kind, b"")) <= _JPEG_LIMITS[kind]
        return kind in _HELD[file_format]

    def _lost_chunks(self, file_format: str) -> Iterator[str]:
        if file_format == "PNG":
            return
        if names := {png.keyword(chunk).decode("latin-1") for chunk in self.metadata.texts}:
            yield f"PNG texts ({', '.join(sorted(names))})"
        has_profile = bool(self.icc_profile) and self._holds(file_format, _PROFILE)
        if colors := png.lost_colors(self.metadata.color, has_profile=has_profile):
            yield f"PNG color space ({', '.join(colors)})"

    def _tiff_tags(self) -> dict[int, Any]:
        tags = dict(self.metadata.tiff)
        if self.metadata.xmp:
            tags[tiff.XMP] = self.metadata.xmp
        if self.metadata.iptc:
            tags[tiff.IPTC] = self.metadata.iptc
        return tags


def _segment(iptc: bytes) -> bytes:
    """Return IPTC records as a segment of a JPEG file."""
    body = photoshop.SIGNATURE + photoshop.block_of(iptc)
    return b"\xff\xed" + (2 + len(body)).to_bytes(2, "big") + body


def notes_on(file_format: str, carried: Carried) -> tuple[str, ...]:
    """Return the losses on writing a format, one phrase each."""
    notes = []
    if file_format == _LOSSY:
        notes.append("JPEG is lossy: known pixels are not kept exactly")
    if lost := carried.lost(file_format):
        notes.append(f"left out, since {file_format} cannot hold it: {', '.join(lost)}")
    return tuple(notes)
