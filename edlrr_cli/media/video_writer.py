"""Atomic writer of videos."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edlrr_cli.errors import OutputError, UsageError
from edlrr_cli.media.codecs import CODECS, CONTAINERS, MOST_BITS
from edlrr_cli.media.still_image import Levels
from edlrr_cli.media.tags.video import BT601, FCC, FULL_RANGE, LIMITED_RANGE, RGB, RGB_LOOK, Look

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import OutputContainer
    from av.video.codeccontext import VideoCodecContext
    from av.video.stream import VideoStream

#: Time base of the frames in seconds: fine enough for any frame rate and the time base of any file.
TIME_BASE = Fraction(1, 90_000)
# The encoder of h265 writes out of bounds if a side is smaller.
_MIN_H265_PX = 64
# Codecs that store the pixel aspect ratio themselves; PyAV does not write it into Matroska files.
_KEEPS_ASPECT = ("h264", "h265")
# FFmpeg's flags: colors are interpolated bilinearly (2) and rounded to the nearest (2^18).
_ACCURATE = 2 | 2**18


class VideoWriter:
    """An open video, created by `write_video`.

    Args:
        container: FFmpeg's container.
        stream: The video stream of the container.
    """

    def __init__(self, container: OutputContainer, stream: VideoStream) -> None:
        from av.video.reformatter import VideoReformatter

        self._container, self._stream = container, stream
        self._reformatter = VideoReformatter()
        self._last = -1

    def write(self, pixels: Levels, time: Fraction) -> None:
        """Append a frame.

        Args:
            pixels: Shape (h, w, c), c = 1 or 3, uint8 or uint16, the same for all frames. Not modified.
            time: Seconds since the first frame, greater than that of the previous frame.
        """
        frame = self._encodable(_frame(pixels))
        self._last = max(round(time / TIME_BASE), self._last + 1)
        frame.pts, frame.time_base = self._last, TIME_BASE
        self._container.mux(self._stream.encode(frame))

    def _encodable(self, frame: VideoFrame) -> VideoFrame:
        """Convert RGB to the color space of the file."""
        stream = self._stream
        if stream.codec_context.colorspace == RGB:
            return frame
        return self._reformatter.reformat(
            frame,
            format=stream.pix_fmt,
            dst_colorspace=Look(stream.codec_context.colorspace).coefficients((frame.height, frame.width)),
            dst_color_range=stream.codec_context.color_range,
            interpolation=_ACCURATE,
        )

    def finish(self) -> None:
        """Flush the encoder."""
        self._container.mux(self._stream.encode())


def video_losses(suffix: str, codec: str | None, *, bits: int, look: Look) -> tuple[str, ...]:
    """Return what `write_video` cannot keep, one phrase each.

    Args:
        suffix: One of `CONTAINERS`.
        codec: See `write_video`.
        bits: Bits per channel of the source.
        look: Display properties of the source.
    """
    codec = codec or CONTAINERS[suffix][0]
    notes = []
    if bits > MOST_BITS[codec]:
        notes.append(f"{bits} bits per channel are written as {MOST_BITS[codec]} by {codec}")
    if look.pixel_aspect != 1 and codec not in _KEEPS_ASPECT:
        aspect = f"{look.pixel_aspect.numerator}:{look.pixel_aspect.denominator}"
        notes.append(f"the shape of the pixels ({aspect}) is not written with {codec}, but with h264")
    return tuple(notes)


@contextmanager
def write_video(
    path: Path,
    *,
    size_px: tuple[int, int],
    frame_rate: Fraction,
    codec: str | None = None,
    quality: int = 18,
    deep: bool = False,
    look: Look = RGB_LOOK,
) -> Iterator[VideoWriter]:
    """Write a video to a temporary sibling of ``path``, renamed at the end; a failure leaves no file behind.

    Args:
        path: The video, with a suffix of `CONTAINERS`; replaced if it exists.
        size_px: (height, width) of the frames.
        frame_rate: Mean frames per second; the frames themselves are timed individually.
        codec: One of `CODECS`; None for the default of the container. ffv1 is lossless.
        quality: Constant rate factor, 0 (best) .. 51 (worst); ffv1 ignores it.
        deep: Keep more than 8 bits of uint16 pixels where players support it: 16 with ffv1, 10 with h265.
        look: Display properties, which are written to the file; the pixels are converted accordingly.

    Raises:
        UsageError: The frames are too small or too large for the codec.
        OutputError: Writing or renaming failed (disk full, name too long).
    """
    codec = codec or CONTAINERS[path.suffix.lower()][0]
    if codec == "h265" and min(size_px) < _MIN_H265_PX:
        raise UsageError(
            f"codec h265 requires frames of {_MIN_H265_PX} x {_MIN_H265_PX} pixels or more", "use h264"
        )
    with open_container(path) as container:
        added: Any = container.add_stream(CODECS[codec], rate=frame_rate, options=_options(codec, quality))
        stream: VideoStream = added
        stream.height, stream.width = size_px
        stream.pix_fmt = _pixel_format(codec, size_px, deep=deep)
        _tag(stream.codec_context, look, codec)
        stream.codec_context.time_base = TIME_BASE
        stream.codec_context.thread_count = 1  # reproducible on any machine, and no slower
        _begin(stream, codec)
        writer = VideoWriter(container, stream)
        yield writer
        writer.finish()


def _tag(context: VideoCodecContext, look: Look, codec: str) -> None:
    """Set the display properties of the stream, which determine the conversion of the frames."""
    context.color_primaries, context.color_trc = look.primaries, look.transfer
    context.sample_aspect_ratio = look.pixel_aspect
    if codec == "ffv1":
        context.colorspace = RGB
    else:
        matrix = look.written_matrix((context.height, context.width))
        context.colorspace = BT601 if codec == "vp9" and matrix == FCC else matrix  # vp9 has no code for it
        context.color_range = FULL_RANGE if look.full_range else LIMITED_RANGE


def _begin(stream: VideoStream, codec: str) -> None:
    from av import FFmpegError

    try:
        stream.codec_context.open()
    except FFmpegError as error:
        raise UsageError(
            f"codec {codec} does not support frames of {stream.width} x {stream.height} pixels", "use ffv1"
        ) from error


@contextmanager
def open_container(path: Path) -> Iterator[OutputContainer]:
    """Open a temporary sibling of ``path`` for packets, renamed at the end; a failure leaves no file behind.

    Args:
        path: The file, whose suffix selects the container; replaced if it exists.

    Raises:
        OutputError: Writing or renaming failed (disk full, name too long).
    """
    import av

    temporary = path.with_name(f".{uuid.uuid4().hex}{path.suffix}")
    try:
        with av.open(str(temporary), "w") as container:
            yield container
        temporary.replace(path)
    except (OSError, av.FFmpegError) as error:
        fault = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise OutputError(
            f"output {path} cannot be written ({fault})", "free some space or move it"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _options(codec: str, quality: int) -> dict[str, str]:
    """Return FFmpeg's options.

    Frames are stored in display order, without B-frames, so that files can be concatenated.
    """
    if codec == "ffv1":
        return {}
    if codec == "vp9":
        return {"crf": str(quality), "b:v": "0", "deadline": "good", "cpu-used": "5"}
    # The mbtree of x264 reads uninitialized memory, which makes some files differ from run to run.
    own = {"mbtree": "0"} if codec == "h264" else {"x265-params": "log-level=none"}
    return {"crf": str(quality), "preset": "veryfast", "bf": "0", **own}


def _pixel_format(codec: str, size_px: tuple[int, int], *, deep: bool) -> str:
    """Return the pixel format: chroma at half the resolution, which players expect, needs even sides."""
    if codec == "ffv1":
        return "gbrp16le" if deep else "bgr0"
    layout = "yuv444p" if size_px[0] % 2 or size_px[1] % 2 else "yuv420p"
    return f"{layout}10le" if deep and codec == "h265" else layout


def _frame(pixels: Levels) -> VideoFrame:
    from av import VideoFrame

    whole = np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))
    return VideoFrame.from_ndarray(whole, format="rgb24" if pixels.dtype == np.uint8 else "rgb48le")
