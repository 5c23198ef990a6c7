"""OpenEXR through FFmpeg, which silently ignores unsupported content, so that files are checked first."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from edlrr_cli.errors import InputError
from edlrr_cli.media.decoded import DecodedImage
from edlrr_cli.media.ranged_values import Floating

if TYPE_CHECKING:
    from av import VideoFrame

MAGIC = b"\x76\x2f\x31\x01"

_TILED, _DEEP, _MULTIPART = 0x200, 0x800, 0x1000
_COMPRESSIONS = ("NONE", "RLE", "ZIPS", "ZIP", "PIZ", "PXR24", "B44", "B44A")  # read exactly; DWA is not
_LINES = (1, 1, 1, 16, 32, 16, 32, 32)  # lines per chunk, by compression
_UINT = 0
# Attributes that every encoder, FFmpeg included, writes itself.
_LAYOUT = frozenset(
    (
        *("channels", "compression", "dataWindow", "displayWindow", "lineOrder", "pixelAspectRatio", "tiles"),
        *("screenWindowCenter", "screenWindowWidth", "writer", "gamma"),
        *("framesPerSecond", "type", "chunkCount"),
    )
)
_PADDING_PX = 128  # FFmpeg includes its padding of the sides in the number of pixels
_CORRUPT = "truncated or corrupt"

# FFmpeg's order of the planes of each layout, as indices into the channels R, G, B, A or Y, A.
_PLANES = {"gray": (0,), "gbrp": (1, 2, 0), "gbrap": (1, 2, 0, 3)}
_LAYOUTS = {1: "gray", 3: "gbrp", 4: "gbrap"}
_MODES = {1: "L", 2: "La", 3: "RGB", 4: "RGBa"}  # colors of EXR are premultiplied with alpha


@dataclass(frozen=True)
class _Header:
    """The header of a file.

    Attributes:
        compression: Number of the compression scheme.
        shown: Width and height of the display window, which FFmpeg decodes.
        stored: Width and height of the data window.
        windows_differ: Whether the two windows differ.
        tile: Width and height of a tile; None for scan lines.
        size: Size of the header in bytes.
        others: Names of attributes that are lost, which do not describe the layout of the file.
    """

    names: dict[str, int]
    compression: int
    shown: tuple[int, int]
    stored: tuple[int, int]
    windows_differ: bool
    tile: tuple[int, int] | None
    size: int
    others: tuple[str, ...]


def read_exr(path: Path, content: bytes) -> DecodedImage:
    """Read the channels R, G, B or Y, and A.

    Args:
        path: Path for messages.

    Raises:
        InputError: The file is truncated or corrupt, or of a kind that FFmpeg does not read exactly.
        Exception: Any other error of the decoders.
    """
    header = _read_header(path, content)
    _check_size(header)
    _check_chunks(path, header, content)
    values = _decode(path, header, content)
    notes = []
    if others := [name for name in header.names if name not in ("R", "G", "B", "A", "Y")]:
        notes.append(f"the channels {', '.join(others[:5])} were left out")
    if header.windows_differ:
        notes.append("the data window became the display window")
    if header.others:
        notes.append(f"attributes of the EXR file were left out: {', '.join(header.others[:5])}")
    return DecodedImage(values, _MODES[values.shape[2]], "EXR", notes=tuple(notes))


def _read_header(path: Path, content: bytes) -> _Header:
    (flags,) = struct.unpack_from("<I", content, 4)
    if flags & (_DEEP | _MULTIPART):
        raise InputError(f"{path} is an EXR file of several parts or depths", "export one flat image")
    attributes, size = _attributes(content)
    channels = dict(_channels(attributes["channels"]))
    used = [kind for name, kind in channels.items() if name in ("R", "G", "B", "A", "Y")]
    if not ({"R", "G", "B"} <= channels.keys() or "Y" in channels) or _UINT in used:
        raise InputError(f"{path} has no channels R, G, B or Y of floats", "export them without a layer name")
    compression = attributes["compression"][0]
    if compression >= len(_COMPRESSIONS):
        raise InputError(
            f"{path} is compressed in a way that is not read exactly", "save it with ZIP compression"
        )
    windows = [struct.unpack("<4i", attributes[name]) for name in ("displayWindow", "dataWindow")]
    shown, stored = ((right - left + 1, below - top + 1) for left, top, right, below in windows)
    tile = struct.unpack_from("<2I", attributes["tiles"]) if flags & _TILED else None
    square = struct.pack("<f", 1)
    shape = () if attributes.get("pixelAspectRatio", square) == square else ("pixelAspectRatio",)
    others = (*shape, *(name for name in attributes if name not in _LAYOUT))
    return _Header(channels, compression, shown, stored, windows[0] != windows[1], tile, size, others)


def _attributes(content: bytes) -> tuple[dict[str, bytes], int]:
    """Return the attributes by name, and the offset of the end of the header."""
    attributes, offset = {}, 8
    while content[offset]:
        name, kind, _ = content[offset : offset + 512].split(b"\0", 2)
        offset += len(name) + len(kind) + 2
        (size,) = struct.unpack_from("<I", content, offset)
        attributes[name.decode()] = content[offset + 4 : offset + 4 + size]
        offset += 4 + size
    return attributes, offset + 1


def _channels(listed: bytes) -> Iterator[tuple[str, int]]:
    """Yield the name and pixel type of each channel."""
    while listed[0]:
        name, rest = listed.split(b"\0", 1)
        yield name.decode(), struct.unpack_from("<I", rest)[0]
        listed = rest[16:]


def _check_size(header: _Header) -> None:
    limit = Image.MAX_IMAGE_PIXELS
    sides = (*header.shown, *header.stored)
    if min(sides) < 1:
        raise ValueError("an empty window")
    if limit is not None and max(math.prod(header.shown), math.prod(header.stored)) > limit:
        raise Image.DecompressionBombError


def _check_chunks(path: Path, header: _Header, content: bytes) -> None:
    """Check that no chunk is missing, since FFmpeg would leave it black."""
    width, height = header.stored
    if header.tile is None:
        count, leader = -(-height // _LINES[header.compression]), "<i"
    else:
        count, leader = -(-width // header.tile[0]) * -(-height // header.tile[1]), "<4i"
    seen = set()
    for offset in struct.unpack_from(f"<{count}Q", content, header.size):
        seen.add(struct.unpack_from(leader, content, offset))
        (size,) = struct.unpack_from("<I", content, offset + struct.calcsize(leader))
        if offset < header.size or offset + struct.calcsize(leader) + 4 + size > len(content):
            raise InputError(f"{path} is {_CORRUPT} (it ends too early)", "get or export the file again")
    if len(seen) < count:
        raise InputError(f"{path} is {_CORRUPT} (parts are missing)", "get or export the file again")


def _decode(path: Path, header: _Header, content: bytes) -> Floating:
    from av import CodecContext, Packet

    decoder: Any = CodecContext.create("exr", "r")
    width, height = header.shown
    limit = (width + _PADDING_PX) * (height + _PADDING_PX)
    decoder.options = {"max_pixels": str(limit), "threads": "1"}
    with _logged_errors() as errors:
        frames: list[VideoFrame] = [*decoder.decode(Packet(content)), *decoder.decode(None)]
    if errors or not frames:
        raise InputError(f"{path} is {_CORRUPT} (pixels)", "get or export the file again")
    frame = frames[0]
    layout, dtype = frame.format.name.rsplit("f", 1)
    kind = np.dtype({"16le": "<f2", "32le": "<f4"}[dtype])
    if layout == "ya":
        return _plane(frame, 0, kind, 2).copy()
    planes = [_plane(frame, index, kind, 1)[..., 0] for index in range(len(frame.planes))]
    return np.stack([planes[_PLANES[layout].index(channel)] for channel in range(len(planes))], axis=2)


@contextmanager
def _logged_errors() -> Iterator[list[Any]]:
    """Yield a list that collects the errors that FFmpeg logs without raising."""
    from av import logging

    before = logging.get_level()
    logging.set_level(logging.ERROR)
    try:
        with logging.Capture() as errors:
            yield errors
    finally:
        logging.set_level(before)


def _plane(frame: VideoFrame, index: int, kind: np.dtype[Any], num_channels: int) -> Floating:
    """Return the memory of a plane, (h, w, c), without its padding; writing there changes the frame."""
    memory: Any = frame.planes[index]
    rows = np.frombuffer(memory, kind).reshape(frame.height, -1)[:, : frame.width * num_channels]
    return rows.reshape(frame.height, frame.width, num_channels)


def encode_exr(values: Floating) -> bytes:
    """Encode floats with ZIP compression.

    Args:
        values: Shape (h, w, c), c = 1, 3 or 4 (alpha), float16 or float32.

    Returns:
        The content of the file.

    Raises:
        Exception: The encoder of FFmpeg failed.
    """
    from av import CodecContext, VideoFrame

    height, width, num_channels = values.shape
    layout = _LAYOUTS[num_channels]
    frame = VideoFrame(width, height, f"{layout}f32le")
    for index, channel in enumerate(_PLANES[layout]):
        _plane(frame, index, np.dtype("<f4"), 1)[..., 0] = values[..., channel]
    encoder: Any = CodecContext.create("exr", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, frame.format.name
    encoder.time_base = Fraction(1)
    stored = "half" if values.dtype == np.float16 else "float"
    encoder.options = {"compression": "zip16", "format": stored, "threads": "1"}
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])
