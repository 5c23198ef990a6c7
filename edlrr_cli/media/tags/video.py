"""Display properties of a video (pixel aspect ratio, colors, orientation), and further content of a file."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.errors import InputError

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

# Code points of ITU-T H.273, which are FFmpeg's numbers too.
RGB, BT709, UNSPECIFIED, FCC, BT601 = 0, 1, 2, 4, 6
LIMITED_RANGE, FULL_RANGE = 1, 2
# The matrices that FFmpeg converts, with its numbers of the coefficients.
_COEFFICIENTS = {BT709: 1, FCC: 4, 5: 5, BT601: 5, 7: 7, 9: 9}
_RESERVED = 3
# Primaries of BT.709 and of earlier television standards, which players show without a color description.
_USUAL_PRIMARIES = (1, 4, 5, 6, 7, 22)
_HIGH_DYNAMIC_RANGE = (16, 18)  # PQ and HLG
# Larger frames are high definition, for which players assume BT.709.
_STANDARD_PX = (576, 1280)


@dataclass(frozen=True)
class Look:
    """Display properties of the frames of a video. The defaults are those of RGB images.

    Attributes:
        matrix: Coefficients of luma and chroma, code point of H.273; `RGB` for frames without them.
        primaries: Color primaries, code point of H.273.
        transfer: Transfer characteristics, code point of H.273.
        full_range: Luma ranges from 0 to the largest value instead of from 16 to 235 of 255.
        pixel_aspect: Width over height of an upright pixel.
    """

    matrix: int = RGB
    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    full_range: bool = False
    pixel_aspect: Fraction = Fraction(1)

    def coefficients(self, size_px: tuple[int, int]) -> int:
        """Return FFmpeg's number of the coefficients for frames of (height, width).

        An unspecified matrix is the one that players assume.
        """
        return _COEFFICIENTS.get(self.matrix) or _COEFFICIENTS[usual_matrix(size_px)]

    def written_matrix(self, size_px: tuple[int, int]) -> int:
        """Return the matrix to write to a file of luma and chroma; an unspecified one stays so."""
        return usual_matrix(size_px) if self.matrix == RGB else self.matrix

    @property
    def png_chunks(self) -> tuple[tuple[bytes, bytes], ...]:
        """Return the PNG chunks that describe the colors of a frame, if they are not the usual ones."""
        named = UNSPECIFIED not in (self.primaries, self.transfer)
        if named and (self.primaries not in _USUAL_PRIMARIES or self.transfer in _HIGH_DYNAMIC_RANGE):
            return ((b"cICP", bytes([self.primaries, self.transfer, RGB, 1])),)  # RGB of full range
        return ()


RGB_LOOK = Look()
"""Display properties of RGB images."""


def usual_matrix(size_px: tuple[int, int]) -> int:
    """Return the matrix that players assume for frames of (height, width)."""
    limits = zip(size_px, _STANDARD_PX, strict=True)
    return BT709 if any(side > limit for side, limit in limits) else BT601


def matrix_of(frame: VideoFrame) -> int:
    """Return the matrix of a frame.

    Raises:
        InputError: FFmpeg cannot convert it, such as YCgCo and ICtCp.
    """
    if frame.format.is_rgb:
        return RGB
    matrix = int(frame.colorspace)
    if matrix in (RGB, _RESERVED):  # contradicts the pixel format, or is undefined
        return UNSPECIFIED
    if matrix not in (UNSPECIFIED, *_COEFFICIENTS):
        raise InputError(
            f"its colors have the matrix {matrix} of ITU-T H.273, which cannot be converted",
            "convert it to BT.709 first",
        )
    return matrix


def look_of(frame: VideoFrame, stream: VideoStream) -> Look:
    """Return the display properties of a video, from its first frame."""
    aspect = Fraction(stream.sample_aspect_ratio or 1) or Fraction(1)
    turned = Orientation.from_frame(frame).exchanges
    matrix = matrix_of(frame)
    return Look(
        matrix=matrix,
        primaries=int(frame.color_primaries),
        transfer=int(frame.color_trc),
        full_range=frame.color_range == FULL_RANGE and matrix != RGB,
        pixel_aspect=1 / aspect if turned else aspect,
    )


@dataclass(frozen=True)
class Orientation:
    """The transformation that makes stored frames upright.

    Attributes:
        exchanges: Rows and columns are exchanged first.
        down: 1, or -1 to reverse the rows.
        across: 1, or -1 to reverse the columns.
        is_skewed: The file has a rotation other than by quarter turns, which is left out.
    """

    exchanges: bool = False
    down: int = 1
    across: int = 1
    is_skewed: bool = False

    @classmethod
    def from_frame(cls, frame: VideoFrame) -> Orientation:
        """Read the display matrix: x' = a x + c y, y' = b x + d y, y downwards."""
        from av.sidedata.sidedata import Type

        side_data: Any = frame.side_data
        if (data := side_data.get(Type.DISPLAYMATRIX)) is None:
            return cls()
        a, b, _, c, d = np.frombuffer(bytes(data), np.int32)[:5].tolist()
        along, other = abs(a) + abs(d), abs(b) + abs(c)
        is_skewed = min(along, other) > 0.01 * max(along, other)
        if other > along:
            return cls(True, -1 if b < 0 else 1, -1 if c < 0 else 1, is_skewed)
        return cls(False, -1 if d < 0 else 1, -1 if a < 0 else 1, is_skewed)

    def upright(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Return stored pixels, shape (h, w, c), turned upright."""
        turned = np.swapaxes(stored, 0, 1) if self.exchanges else stored
        return turned[:: self.down, :: self.across]


# Side data of frames, by PyAV's name.
_SIDE_DATA = {
    "MASTERING_DISPLAY_METADATA": "HDR mastering metadata",
    "CONTENT_LIGHT_LEVEL": "HDR light levels",
    "DYNAMIC_HDR_PLUS": "HDR10+ metadata",
    "DYNAMIC_HDR_VIVID": "HDR Vivid metadata",
    "DOVI_RPU_BUFFER": "Dolby Vision metadata",
    "A53_CC": "closed captions",
    "STEREO3D": "stereo metadata",
    "SPHERICAL": "spherical projection",
    "ICC_PROFILE": "color profile",
}
# Tags that containers write themselves.
_TECHNICAL = {
    *("major_brand", "minor_version", "compatible_brands", "encoder", "handler_name", "vendor_id"),
    *("duration", "software", "alpha_mode", "timecode", "creation_software"),
    *("number_of_frames", "number_of_bytes", "bps", "rotate", "language"),
}


def notes_on(
    container: InputContainer, stream: VideoStream, first: VideoFrame, *, copied: Collection[str] = ()
) -> tuple[str, ...]:
    """Return the losses on reading a file, one phrase each.

    Args:
        copied: What is copied by other means: "audio", "subtitles", "chapters", "tags".
    """
    notes = []
    if container.streams.audio and "audio" not in copied:
        notes.append("audio is left out")
    if len(container.streams.video) > 1:
        notes.append(f"the first of {len(container.streams.video)} video streams is taken")
    if further := list(_further(container, stream, first, copied)):
        notes.append(f"left out: {', '.join(further)}")
    if first.interlaced_frame:
        notes.append("the frames are interlaced; they are written as they are, without the flag")
    if Orientation.from_frame(first).is_skewed:
        notes.append("a rotation by other than quarter turns is left out")
    return tuple(notes)


def _further(
    container: InputContainer, stream: VideoStream, first: VideoFrame, copied: Collection[str]
) -> Iterator[str]:
    streams: Any = container.streams
    for name, what in (("subtitles", "subtitles"), ("attachments", "attachments"), ("data", "data streams")):
        if getattr(streams, name) and name not in copied:
            yield what
    if "chapters" not in copied and container.chapters():
        yield "chapters"
    if _is_transparent(first) or stream.metadata.get("alpha_mode") == "1":
        yield "transparency"
    side_data: Any = first.side_data
    yield from (
        _SIDE_DATA[name] for name in dict.fromkeys(data.type.name for data in side_data) if name in _SIDE_DATA
    )
    if "tags" not in copied and (tags := _tags({**stream.metadata, **container.metadata})):
        yield f"the tags {', '.join(tags)}"


def descriptive_tags(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that describe the content, without those that containers write themselves."""
    return {name: value for name, value in metadata.items() if _is_descriptive(name.lower())}


def _is_descriptive(name: str) -> bool:
    # Matroska files may append a language, as in "BPS-eng".
    is_technical = name.split("-")[0] in _TECHNICAL
    return not is_technical and not name.startswith(("_statistics", "com.android"))


def _tags(metadata: Mapping[str, str]) -> list[str]:
    return sorted({name.lower() for name in descriptive_tags(metadata)})


def _is_transparent(frame: VideoFrame) -> bool:
    """Whether any pixel of a frame is not opaque."""
    if not any(component.is_alpha for component in frame.format.components):
        return False
    return bool(frame.to_ndarray(format="rgba")[..., 3].min() < np.iinfo(np.uint8).max)
