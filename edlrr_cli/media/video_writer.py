"""Writing videos: whole under their final name, or not at all."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.errors import OutputError, UsageError
from edlrr_cli.media.files import check_target

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import OutputContainer
    from av.video.stream import VideoStream

Pixels = NDArray[np.unsignedinteger[Any]]

#: Codecs by name, each with FFmpeg's encoder and its option for the quality.
CODECS = {"h264": "libx264", "h265": "libx265", "vp9": "libvpx-vp9", "ffv1": "ffv1"}
#: Containers by suffix, each with the codecs that players expect in it; the first is the default.
CONTAINERS = {
    ".mp4": ("h264", "h265"),
    ".mov": ("h264", "h265"),
    ".mkv": ("h264", "h265", "vp9", "ffv1"),
    ".webm": ("vp9",),
}
# Fine enough for any frame rate and any file's own clock.
_TIME_BASE = Fraction(1, 90_000)
_LARGEST_QUALITY = 51


def check_video(path: Path, *inputs: Path, codec: str | None = None, overwrite: bool) -> None:
    """Refuse a video that could not be written, before the work.

    Args:
        path: The video.
        *inputs: Files that are read; it must be none of them.
        codec: One of `CODECS`; None for the default of the container.
        overwrite: Whether an existing file may be replaced.

    Raises:
        OutputError: See `edlrr_cli.media.files.check_target`; or the suffix is of no known container.
        UsageError: The codec does not go into that container.
    """
    suffix = path.suffix.lower()
    if suffix not in CONTAINERS:
        raise OutputError(f"output {path}: no video of this kind", f"end it in {', '.join(CONTAINERS)}")
    if codec is not None and codec not in CONTAINERS[suffix]:
        raise UsageError(
            f"codec {codec!r} does not go into {suffix}", f"take {', '.join(CONTAINERS[suffix])}"
        )
    check_target(path, *inputs, overwrite=overwrite)


class VideoWriter:
    """An open video; made by `write_video`.

    Args:
        container: FFmpeg's.
        stream: The video stream in it.
    """

    def __init__(self, container: OutputContainer, stream: VideoStream) -> None:
        self._container, self._stream = container, stream
        self._last = -1

    def write(self, pixels: Pixels, time: Fraction) -> None:
        """Append a frame.

        Args:
            pixels: Shape (h, w, c), c = 1 or 3, uint8 or uint16, all frames alike. Not modified.
            time: Seconds since the first frame, later than that of the frame before.
        """
        frame = _frame(pixels)
        self._last = max(round(time / _TIME_BASE), self._last + 1)
        frame.pts, frame.time_base = self._last, _TIME_BASE
        self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Write what the encoder still holds."""
        self._container.mux(self._stream.encode())


@contextmanager
def write_video(
    path: Path,
    *,
    size_px: tuple[int, int],
    frame_rate: Fraction,
    codec: str | None = None,
    quality: int = 18,
) -> Iterator[VideoWriter]:
    """Write a video beside ``path`` and rename it at the end; a failure within leaves no trace.

    Args:
        path: The video, of a suffix in `CONTAINERS`; replaced if it exists.
        size_px: (height, width) of the frames.
        frame_rate: Mean frames per second; what counts is the time of each frame.
        codec: One of `CODECS`; None for the default of the container. ffv1 is lossless.
        quality: Constant rate factor, 0 (best) .. 51 (worst); ffv1 ignores it.

    Raises:
        UsageError: A quality outside its range.
        OutputError: Writing or renaming failed (disk full, name too long).
    """
    import av

    if not 0 <= quality <= _LARGEST_QUALITY:
        raise UsageError(
            f"quality must be between 0 and {_LARGEST_QUALITY}, got {quality}", "18 looks the same"
        )
    codec = codec or CONTAINERS[path.suffix.lower()][0]
    temporary = path.with_name(f".{uuid.uuid4().hex}{path.suffix}")
    try:
        with av.open(str(temporary), "w") as container:
            added: Any = container.add_stream(
                CODECS[codec], rate=frame_rate, options=_options(codec, quality)
            )
            stream: VideoStream = added
            stream.height, stream.width = size_px
            stream.pix_fmt = _pixel_format(codec, size_px)
            stream.codec_context.time_base = _TIME_BASE
            writer = VideoWriter(container, stream)
            yield writer
            writer.finish()
        temporary.replace(path)
    except (OSError, av.FFmpegError) as error:
        fault = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise OutputError(
            f"output {path} cannot be written ({fault})", "free some space or move it"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _options(codec: str, quality: int) -> dict[str, str]:
    if codec == "ffv1":
        return {}
    silence = {"x265-params": "log-level=none"} if codec == "h265" else {}
    return {"crf": str(quality), **({"b:v": "0"} if codec == "vp9" else {}), **silence}


def _pixel_format(codec: str, size_px: tuple[int, int]) -> str:
    """Return the layout of pixels: colour at half the resolution, which players expect, needs even sides."""
    if codec == "ffv1":
        return "bgr0"
    return "yuv444p" if size_px[0] % 2 or size_px[1] % 2 else "yuv420p"


def _frame(pixels: Pixels) -> VideoFrame:
    from av import VideoFrame

    whole = np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))
    return VideoFrame.from_ndarray(whole, format="rgb24" if pixels.dtype == np.uint8 else "rgb48le")
