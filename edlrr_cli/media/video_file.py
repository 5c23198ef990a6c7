"""Video files: the first video stream of any file that FFmpeg decodes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edlrr_cli.errors import InputError
from edlrr_cli.media.still_image import MIN_SIDE_PX, Levels
from edlrr_cli.media.tags.video import FULL_RANGE, RGB, Look, Orientation, look_of, matrix_of, notes_on
from edlrr_cli.media.video import DEFAULT_RATE, Frame, VideoInfo, describe_size

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

# FFmpeg's flags: colors are interpolated bilinearly (2), rounded to the nearest (2^18) and, with 8 bits only,
# computed pixel by pixel (2^13). Without the latter two, the result is darker by one level.
_DEEP_EXACT = 2 | 2**18
_EXACT = _DEEP_EXACT | 2**13
# Maximum fraction of the counted frames that may be repetitions without pixels of their own, as in AVI.
_EMPTY_FRACTION = 0.05


class VideoFile:
    """The first video stream of a file.

    Args:
        copied: What the caller copies to its output, which is not noted as lost; see
            `edlrr_cli.media.tags.video.notes_on`.
    """

    def __init__(self, path: Path, *, copied: Collection[str] = ()) -> None:
        from av.video.reformatter import VideoReformatter

        self._path = path
        self._reformatter = VideoReformatter()  # shared, since its setup takes ten times as long as a frame
        with self._open() as container:
            stream = self._stream(container)
            first = next(self._decode(container, stream), None)
            if first is None:
                raise InputError(f"{path} has no frame", "get or export the file again")
            self._bits = _bits(first)
            self._deep = self._bits > 8
            self._gray = _is_gray(first) and not self._has_color()
            self._orientation = Orientation.from_frame(first)
            pixels = self._pixels(first)
            if min(pixels.shape[:2]) < MIN_SIDE_PX:
                raise InputError(f"{path} has frames of {describe_size(pixels.shape)}", "give a larger video")
            rate = Fraction(stream.average_rate or stream.guessed_rate or DEFAULT_RATE)
            self.info = VideoInfo(
                size_px=(pixels.shape[0], pixels.shape[1]),
                num_channels=pixels.shape[2],
                peak=65535 if self._deep else 255,
                frame_rate=rate,
                num_frames=stream.frames or self._count(),
                notes=notes_on(container, stream, first, copied=copied),
                bits=self._bits,
                look=look_of(first, stream),
                start=max(self._time(first, 0, rate) - start_of(container), Fraction(0)),
            )

    def frames(self, *, start: int = 0, every: int = 1) -> Iterator[Frame]:
        """Yield the frames; see `edlrr_cli.media.video.Video`."""
        with self._open() as container:
            stream = self._stream(container)
            count, begin = 0, None
            for decoded in self._decode(container, stream):
                time = self._time(decoded, count, self.info.frame_rate)
                begin = time if begin is None else begin
                if count < start or (count - start) % every:
                    count += 1
                    continue
                self._check_depth(decoded, count)
                pixels = self._pixels(decoded)
                if pixels.shape[:2] != self.info.size_px:
                    raise InputError(
                        f"{self._path}: frame {count} has {describe_size(pixels.shape)}, the first one "
                        f"{describe_size(self.info.size_px)}",
                        "convert it to one size",
                    )
                count += 1
                yield Frame(pixels, time - begin)
        if count < (1 - _EMPTY_FRACTION) * self.info.num_frames:
            raise InputError(
                f"{self._path} is truncated: {count} of {self.info.num_frames} frames can be decoded",
                "get or export the file again",
            )

    def _open(self) -> InputContainer:
        import av

        try:
            return av.open(str(self._path))
        except FileNotFoundError as error:
            raise InputError(f"{self._path}: no such file", "check the name") from error
        except (OSError, ValueError, av.FFmpegError) as error:
            raise InputError(
                f"{self._path} is not a video that FFmpeg can read ({_fault(error)})",
                "name a video, or a folder or pattern of images",
            ) from error

    def _stream(self, container: InputContainer) -> VideoStream:
        if not container.streams.video:
            raise InputError(f"{self._path} has no video in it", "name a video")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        return stream

    def _count(self) -> int:
        """Count the packets of a file that does not state its number of frames, without decoding."""
        count = 0
        with self._open() as container, self._corrupt_after(lambda: count):
            for packet in container.demux(self._stream(container)):
                count += packet.size > 0
        return count

    def _has_color(self) -> bool:
        """Whether a later frame has color, as from a camera that switches to infrared at night."""
        with suppress(InputError), self._open() as container:  # reading the frames reports the error again
            return not all(_is_gray(frame) for frame in self._decode(container, self._stream(container)))
        return False

    def _check_depth(self, frame: VideoFrame, index: int) -> None:
        if _bits(frame) > self._bits:
            raise InputError(
                f"{self._path}: frame {index} has {_bits(frame)} bits, the first one {self._bits}",
                "convert it to one depth",
            )

    def _decode(self, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
        count = 0
        with self._corrupt_after(lambda: count):
            for frame in container.decode(stream):
                yield frame
                count += 1

    @contextmanager
    def _corrupt_after(self, count: Callable[[], int]) -> Iterator[None]:
        """Convert errors of FFmpeg into an `InputError` that names the frame."""
        from av import FFmpegError

        try:
            yield
        except (OSError, ValueError, FFmpegError) as error:
            raise InputError(
                f"{self._path} is truncated or corrupt after frame {count()} ({_fault(error)})",
                "get or export the file again",
            ) from error

    def _pixels(self, frame: VideoFrame) -> Levels:
        """Return the pixels, turned upright."""
        kind = (
            ("gray16le" if self._deep else "gray") if self._gray else ("rgb48le" if self._deep else "rgb24")
        )
        flags = _DEEP_EXACT if self._deep else _EXACT
        try:
            matrix = matrix_of(frame)
        except InputError as error:
            raise InputError(f"{self._path}: {error.message}", error.remedy) from None
        coefficients = None if matrix == RGB else Look(matrix).coefficients((frame.height, frame.width))
        converted: Any = self._reformatter.reformat(
            frame,
            format=kind,
            interpolation=flags,
            src_colorspace=coefficients,
            dst_colorspace=coefficients,
            dst_color_range=FULL_RANGE,
        )
        pixels = converted.to_ndarray()
        return self._orientation.upright(pixels.reshape(*pixels.shape[:2], -1))

    def _time(self, frame: VideoFrame, count: int, rate: Fraction) -> Fraction:
        if frame.pts is None or frame.time_base is None:
            return count / rate
        return frame.pts * frame.time_base


def start_of(container: InputContainer) -> Fraction:
    """Return the time in seconds at which the first stream of a file starts."""
    return Fraction(container.start_time or 0, 1_000_000)


def _bits(frame: VideoFrame) -> int:
    return max(component.bits for component in frame.format.components)


def _is_gray(frame: VideoFrame) -> bool:
    return frame.format.name.startswith(("gray", "ya", "mono"))


def _fault(error: Exception) -> str:
    return " ".join(str(getattr(error, "strerror", None) or error).split())
