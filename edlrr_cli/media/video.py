"""Video input: any file that FFmpeg decodes, the pages of a TIFF, a folder of images or a glob pattern."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.errors import InputError
from edlrr_cli.media import formats
from edlrr_cli.media.cmyk import to_rgb
from edlrr_cli.media.images import Images, open_images, read_image
from edlrr_cli.media.still_image import StillImage
from edlrr_cli.media.tags.png import lost_colors
from edlrr_cli.media.tags.video import (
    FULL_RANGE,
    RGB,
    RGB_LOOK,
    Look,
    Orientation,
    look_of,
    matrix_of,
    notes_on,
)
from edlrr_cli.media.tiff import MAGICS as TIFF_MAGICS

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

Pixels = NDArray[np.unsignedinteger[Any]]

#: Default frames per second of image sequences.
DEFAULT_RATE = Fraction(25)
_MAX_DENOMINATOR = 10_000  # of a frame rate; sufficient for the rates of files
_MIN_SIDE_PX = 2
# Extensions by which videos are recognized in a folder; a file named explicitly may have any.
_VIDEO_EXTENSIONS = (
    *(".3gp", ".asf", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg"),
    *(".mts", ".mxf", ".ogv", ".ts", ".vob", ".webm", ".wmv", ".y4m"),
)
# FFmpeg's flags: colors are interpolated bilinearly (2), rounded to the nearest (2^18) and, with 8 bits only,
# computed pixel by pixel (2^13). Without the latter two, the result is darker by one level.
_DEEP_EXACT = 2 | 2**18
_EXACT = _DEEP_EXACT | 2**13
# Maximum fraction of the counted frames that may be repetitions without pixels of their own, as in AVI.
_EMPTY_FRACTION = 0.05


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame.

    Attributes:
        pixels: Shape (h, w, c) with c = 1 (gray) or 3 (RGB), uint8 or uint16, upright.
        time: Seconds since the first frame, exact.
    """

    pixels: Pixels
    time: Fraction


@dataclass(frozen=True)
class VideoInfo:
    """Properties of a video, known before the frames are read.

    Attributes:
        size_px: (height, width) of the upright frames.
        num_channels: 1 (gray) or 3 (RGB).
        peak: Largest value of a pixel: 255, or 65535 for files with more than 8 bits.
        frame_rate: Frames per second; the mean if it varies.
        num_frames: Number of frames stated by the file, which may be slightly too large.
        notes: Losses on reading, one phrase each, for the user.
        bits: Bits per channel, as stored.
        look: Display properties of the frames.
    """

    size_px: tuple[int, int]
    num_channels: int
    peak: int
    frame_rate: Fraction
    num_frames: int
    notes: tuple[str, ...]
    bits: int = 8
    look: Look = RGB_LOOK


class Video(Protocol):
    """A source of frames that can be read repeatedly."""

    @property
    def info(self) -> VideoInfo:
        """Return the properties that are known before the frames are read."""

    def frames(self, *, start: int = 0, every: int = 1) -> Iterator[Frame]:
        """Yield the frames in the order of their times.

        Args:
            start: Index of the first frame, from 0.
            every: Step from one index to the next.

        Raises:
            InputError: A frame cannot be decoded or has another size; frames are missing at the end.
        """


def open_video(source: Path) -> Video:
    """Open a source of frames and decode the first one.

    Args:
        source: A video file, an animation, a TIFF of several pages, a folder of images, or a pattern such as
            ``frames/*.png``; images are sorted by the numbers in their names.

    Raises:
        InputError: The source is missing, not a video, or has no frame or frames of less than 2 x 2 pixels.
    """
    files = source_files(source)
    if files != [source]:
        return _Images(source, files)
    return _Stack(source) if _is_stack(source) else _File(source)


def _is_stack(path: Path) -> bool:
    """Whether a file is a TIFF or WebP, whose image sequences FFmpeg does not read."""
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except OSError:
        return False  # FFmpeg then reports the reason
    return head[:4] in TIFF_MAGICS or (head[:4], head[8:]) == (b"RIFF", b"WEBP")


def is_animation(path: Path) -> bool:
    """Whether an image file holds several images, which may be the frames of a video."""
    try:
        with open_images(path) as images:
            return len(images) > 1
    except InputError:
        return False


def source_files(source: Path) -> list[Path]:
    """Return the files that `open_video` reads, in order: the video, or the images."""
    if source.is_dir():
        return image_files(source)
    if formats.is_pattern(source):
        return formats.matching(source)
    return [source]


def fingerprint(source: Path) -> str:
    """Return a text that changes whenever a file of the source changes.

    Raises:
        InputError: A file is missing.
    """
    try:
        stats = [path.stat() for path in source_files(source)]
    except OSError as error:
        raise InputError(f"{source} cannot be read ({error})", "check the name") from error
    size, newest = sum(each.st_size for each in stats), max(each.st_mtime_ns for each in stats)
    return f"{len(stats)} files of {size} bytes, changed at {newest} ns"


def is_image(path: Path) -> bool:
    """Whether a file in a folder is a frame of a video, by its extension; a GIF is itself a video."""
    return formats.is_image(path) and not is_video(path)


def is_video(path: Path) -> bool:
    """Whether a file in a folder is a video, by its extension."""
    return path.suffix.lower() in _VIDEO_EXTENSIONS


def image_files(folder: Path) -> list[Path]:
    """Return the images of a folder, the frames of a video, sorted by the numbers in their names."""
    return list(filter(is_image, formats.list_images(folder)))


class _Images:
    """Image files, one per frame."""

    def __init__(self, source: Path, files: Sequence[Path]) -> None:
        if not files:
            raise InputError(f"{source}: no images there", "name a video, or a folder or pattern of images")
        self._files = files
        self.info = _info_of(_read_frame(files[0]), [Fraction(0)] * len(files))

    def frames(self, *, start: int = 0, every: int = 1) -> Iterator[Frame]:
        first = f"the first image {self._files[0].name}"
        for index, path in list(enumerate(self._files))[start::every]:
            pixels = _frame_pixels(_read_frame(path), self.info, str(path), first)
            yield Frame(pixels, index / self.info.frame_rate)


class _Stack:
    """The images of one file, one per frame: the pages of a TIFF, or an animated WebP."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with open_images(path) as images:
            if images.is_cut_off:
                raise InputError(
                    f"{path} is truncated after its page {len(images)}",
                    "get or export the file again",
                )
            self._durations_s = images.durations_s()
            info = _info_of(self._read(images, 0), self._durations_s)
            self.info = replace(info, notes=(*info.notes, *images.notes))

    def frames(self, *, start: int = 0, every: int = 1) -> Iterator[Frame]:
        time = Fraction(0)
        with open_images(self._path) as images:
            for index, duration_s in enumerate(self._durations_s):
                if index >= start and (index - start) % every == 0:
                    name = f"{self._path}: image {index + 1}"
                    image = self._read(images, index)
                    yield Frame(_frame_pixels(image, self.info, name, "the first one"), time)
                time += duration_s or 1 / DEFAULT_RATE

    def _read(self, images: Images, index: int) -> StillImage:
        return _without_floats(self._path, images.read(index))


def _info_of(first: StillImage, durations_s: Sequence[Fraction]) -> VideoInfo:
    """Return the properties of an image sequence; images without a duration get the default one."""
    height, width, num_channels = to_rgb(first.pixels).shape
    total_s = sum((duration_s or 1 / DEFAULT_RATE for duration_s in durations_s), Fraction(0))
    notes = list(first.notes)
    if not any(durations_s):
        notes.append(f"images have no frame rate: {DEFAULT_RATE} per second are taken")
    if first.extra is not None or (first.alpha is not None and (first.alpha < first.peak).any()):
        notes.append("only the colors of each image are used")
    if first.icc_profile or lost_colors(first.metadata.color, has_profile=False):
        notes.append("the color profile of the images is left out")
    return VideoInfo(
        size_px=(height, width),
        num_channels=num_channels,
        peak=first.peak,
        frame_rate=(len(durations_s) / total_s).limit_denominator(_MAX_DENOMINATOR),
        num_frames=len(durations_s),
        notes=tuple(notes),
        bits=8 if first.peak == 255 else 16,
    )


def _frame_pixels(image: StillImage, info: VideoInfo, name: str, first_name: str) -> Pixels:
    if image.peak > info.peak:
        raise InputError(f"{name} has 16 bits, {first_name} 8", "give images of one depth")
    pixels = to_rgb(image.pixels)
    if pixels.shape != (*info.size_px, info.num_channels):
        raise InputError(
            f"{name} has {_size(pixels.shape)}, {first_name} {_size((*info.size_px, info.num_channels))}",
            "give images of one size and kind",
        )
    whole: Pixels = np.rint(pixels * info.peak).astype(np.uint8 if info.peak == 255 else np.uint16)
    return whole


def _read_frame(path: Path) -> StillImage:
    return _without_floats(path, read_image(path))


def _without_floats(path: Path, image: StillImage) -> StillImage:
    if image.floats is not None:
        raise InputError(f"{path} has floats, which frames cannot have", "convert the frames to 16 bits")
    return image


class _File:
    """The first video stream of a file."""

    def __init__(self, path: Path) -> None:
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
            if min(pixels.shape[:2]) < _MIN_SIDE_PX:
                raise InputError(f"{path} has frames of {_size(pixels.shape)}", "give a larger video")
            rate = stream.average_rate or stream.guessed_rate or DEFAULT_RATE
            self.info = VideoInfo(
                size_px=(pixels.shape[0], pixels.shape[1]),
                num_channels=pixels.shape[2],
                peak=65535 if self._deep else 255,
                frame_rate=Fraction(rate),
                num_frames=stream.frames or self._count(),
                notes=notes_on(container, stream, first),
                bits=self._bits,
                look=look_of(first, stream),
            )

    def frames(self, *, start: int = 0, every: int = 1) -> Iterator[Frame]:
        with self._open() as container:
            stream = self._stream(container)
            count, begin = 0, None
            for decoded in self._decode(container, stream):
                time = self._time(decoded, count)
                begin = time if begin is None else begin
                if count < start or (count - start) % every:
                    count += 1
                    continue
                self._check_depth(decoded, count)
                pixels = self._pixels(decoded)
                if pixels.shape[:2] != self.info.size_px:
                    raise InputError(
                        f"{self._path}: frame {count} has {_size(pixels.shape)}, the first one "
                        f"{_size(self.info.size_px)}",
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

    def _pixels(self, frame: VideoFrame) -> Pixels:
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

    def _time(self, frame: VideoFrame, count: int) -> Fraction:
        if frame.pts is None or frame.time_base is None:
            return count / self.info.frame_rate
        return frame.pts * frame.time_base


def _bits(frame: VideoFrame) -> int:
    return max(component.bits for component in frame.format.components)


def _is_gray(frame: VideoFrame) -> bool:
    return frame.format.name.startswith(("gray", "ya", "mono"))


def _size(shape: tuple[int, ...]) -> str:
    colors = "" if len(shape) < 3 else " gray" if shape[2] == 1 else " RGB"
    return f"{shape[1]} x {shape[0]} pixels{colors}"


def _fault(error: Exception) -> str:
    return " ".join(str(getattr(error, "strerror", None) or error).split())
