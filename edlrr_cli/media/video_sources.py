"""Sources of frames: a video, an animation, the pages of a TIFF, a folder of images or a glob pattern."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from edlrr_cli.errors import InputError
from edlrr_cli.media import formats
from edlrr_cli.media.image_sequences import ImageFiles, ImageStack
from edlrr_cli.media.images import open_images
from edlrr_cli.media.tiff import MAGICS as TIFF_MAGICS
from edlrr_cli.media.video import Video
from edlrr_cli.media.video_file import VideoFile

# Extensions by which videos are recognized in a folder; a file named explicitly may have any.
_VIDEO_EXTENSIONS = (
    *(".3gp", ".asf", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg"),
    *(".mts", ".mxf", ".ogv", ".ts", ".vob", ".webm", ".wmv", ".y4m"),
)


def open_video(source: Path, *, copied: Collection[str] = ()) -> Video:
    """Open a source of frames and decode the first one.

    Args:
        source: A video file, an animation, a TIFF of several pages, a folder of images, or a pattern such as
            ``frames/*.png``; images are sorted by the numbers in their names.
        copied: See `VideoFile`.

    Raises:
        InputError: The source is missing, not a video, or has no frame or frames of less than 2 x 2 pixels.
    """
    files = source_files(source)
    if files != [source]:
        return ImageFiles(source, files)
    return ImageStack(source) if _is_stack(source) else VideoFile(source, copied=copied)


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
