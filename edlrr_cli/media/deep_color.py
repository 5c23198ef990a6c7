"""Color of 16 bits per channel, which Pillow lacks: FFmpeg decodes PNG and PPM, and encodes PNG.

Pillow still opens every file first: it checks the size and detects damage, its 8 bits validate the 16 of
FFmpeg, and it writes the metadata chunks.
"""

from __future__ import annotations

import io
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    from av import VideoFrame

DeepLevels = NDArray[np.uint16]
"""Integer pixels, shape (h, w, c): gray and alpha (2), RGB (3) or RGB and alpha (4)."""

_DECODERS = {"PNG": "png", "PPM": "ppm"}  # by Pillow's name of the format
_LAYOUTS = {2: "ya16", 3: "rgb48", 4: "rgba64"}  # FFmpeg's names by the number of channels
_PADDING_PX = 128  # FFmpeg includes its padding of the sides in the number of pixels
_PNG_HEADER_SIZE = 33  # signature and IHDR, the first chunk


def is_deep_color(image: Image.Image) -> bool:
    """Whether the file has 16 bits per color channel; known only before the pixels are decoded."""
    if image.mode.startswith("I"):
        return False
    settings: list[Any] = [tile[3] for tile in getattr(image, "tile", ())]
    if image.format == "PPM":
        return any(isinstance(raw, tuple) and raw[-1] > 255 for raw in settings)  # (mode, largest value)
    return any(";16" in str(raw) for raw in settings)


def decode_deep_color(content: bytes, image: Image.Image) -> DeepLevels | None:
    """Decode a file that Pillow has opened and decoded without error.

    Returns:
        The pixels as stored, before the orientation is applied; None if FFmpeg cannot decode them. They may
        be wrong where FFmpeg does not know the layout of the file, so compare them with those of Pillow.
    """
    from av import CodecContext, FFmpegError, Packet

    if image.format not in _DECODERS:
        return None
    decoder: Any = CodecContext.create(_DECODERS[image.format], "r")
    limit = (image.width + _PADDING_PX) * (image.height + _PADDING_PX)
    decoder.options = {"max_pixels": str(limit), "threads": "1"}
    try:
        frames: list[Any] = [*decoder.decode(Packet(content)), *decoder.decode(None)]
    except (FFmpegError, OSError, ValueError):
        return None
    return _levels_of(frames[0]) if frames else None


def _levels_of(frame: VideoFrame) -> DeepLevels | None:
    layout, order = frame.format.name[:-2], frame.format.name[-2:]
    num_channels = {name: count for count, name in _LAYOUTS.items()}.get(layout)
    if num_channels is None:
        return None
    rows = _rows_of(frame, num_channels, order)
    return rows.astype(np.uint16).reshape(frame.height, frame.width, num_channels)


def _rows_of(frame: VideoFrame, num_channels: int, order: str) -> NDArray[Any]:
    """Return the memory of a frame, (h, w * c) without its padding; writing there changes the frame."""
    memory: Any = frame.planes[0]
    rows = np.frombuffer(memory, ">u2" if order == "be" else "<u2").reshape(frame.height, -1)
    return rows[:, : frame.width * num_channels]


def encode_deep_png(levels: DeepLevels, **metadata: Any) -> bytes:
    """Encode 16-bit color as PNG, with its metadata.

    Args:
        levels: Pixels; not modified.
        **metadata: Arguments of Pillow's encoder: ``dpi``, ``exif``, ``icc_profile``.

    Returns:
        The content of the file.

    Raises:
        Exception: An encoder failed; any type.
    """
    from av import CodecContext, VideoFrame

    height, width, num_channels = levels.shape
    layout = _LAYOUTS[num_channels] + "be"
    frame = VideoFrame(width, height, layout)
    _rows_of(frame, num_channels, "be")[:] = levels.reshape(height, -1)
    encoder: Any = CodecContext.create("png", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = width, height, layout, Fraction(1)
    encoder.options = {"pred": "sub", "threads": "1"}
    content = b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])
    # FFmpeg's own chunks do not describe the image: those between header and pixels are replaced.
    chunks = _png_chunks("L" if num_channels == 2 else "RGB", metadata)
    return content[:_PNG_HEADER_SIZE] + chunks + content[content.index(b"IDAT") - 4 :]


def _png_chunks(mode: str, metadata: dict[str, Any]) -> bytes:
    """Return the chunks that Pillow writes before the pixels of an image with this metadata."""
    stream = io.BytesIO()
    Image.new(mode, (1, 1)).save(stream, format="PNG", **metadata)
    content = stream.getvalue()
    return content[_PNG_HEADER_SIZE : content.rindex(b"IDAT") - 4]  # a chunk begins with its 4-byte length
