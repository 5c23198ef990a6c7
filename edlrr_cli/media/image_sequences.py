"""Images as the frames of a video: one file each, or several in one file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from edlrr_cli.errors import InputError
from edlrr_cli.media.cmyk import to_rgb
from edlrr_cli.media.images import Images, open_images, read_image
from edlrr_cli.media.still_image import Levels, StillImage
from edlrr_cli.media.tags.png import lost_colors
from edlrr_cli.media.video import DEFAULT_RATE, Frame, VideoInfo, describe_size

_PEAK = 65535
_MAX_DENOMINATOR = 10_000  # of a frame rate; sufficient for the rates of files


class ImageFiles:
    """Image files, one per frame."""

    def __init__(self, source: Path, files: Sequence[Path]) -> None:
        if not files:
            raise InputError(f"{source}: no images there", "name a video, or a folder or pattern of images")
        self._files = files
        self.info = _info_of(_read_frame(files[0]), [Fraction(0)] * len(files))

    def frames(self, *, start: int = 0, every: int = 1) -> Iterator[Frame]:
        """Yield the frames; see `edlrr_cli.media.video.Video`."""
        first = f"the first image {self._files[0].name}"
        for index, path in list(enumerate(self._files))[start::every]:
            pixels = _frame_pixels(_read_frame(path), self.info, str(path), first)
            yield Frame(pixels, index / self.info.frame_rate)


class ImageStack:
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
        """Yield the frames; see `edlrr_cli.media.video.Video`."""
        time = Fraction(0)
        with open_images(self._path) as images:
            for index, duration_s in enumerate(self._durations_s):
                if index >= start and (index - start) % every == 0:
                    name = f"{self._path}: image {index + 1}"
                    image = self._read(images, index)
                    yield Frame(_frame_pixels(image, self.info, name, "the first one"), time)
                time += duration_s or 1 / DEFAULT_RATE

    def _read(self, images: Images, index: int) -> StillImage:
        return _with_levels(self._path, images.read(index))


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


def _frame_pixels(image: StillImage, info: VideoInfo, name: str, first_name: str) -> Levels:
    if image.peak > info.peak:
        raise InputError(f"{name} has 16 bits, {first_name} 8", "give images of one depth")
    pixels, shape = to_rgb(image.pixels), (*info.size_px, info.num_channels)
    if pixels.shape != shape:
        raise InputError(
            f"{name} has {describe_size(pixels.shape)}, {first_name} {describe_size(shape)}",
            "give images of one size and kind",
        )
    whole: Levels = np.rint(pixels * info.peak).astype(np.uint8 if info.peak == 255 else np.uint16)
    return whole


def _read_frame(path: Path) -> StillImage:
    return _with_levels(path, read_image(path))


def _with_levels(path: Path, image: StillImage) -> StillImage:
    """Return an image of 8 or 16 bits; wider integers become 16-bit ones if their values fit."""
    if image.ranged is None:
        return image
    values = image.ranged.values
    if image.ranged.are_floats or values.min() < 0 or values.max() > _PEAK:
        raise InputError(
            f"{path} has {image.ranged.kind}, which frames cannot have", "convert the frames to 16 bits"
        )
    note = f"{image.ranged.kind} became 16-bit integers, of the same values"
    mode = image.mode.replace(";F", ";16")
    return replace(
        image, pixels=values / np.float64(_PEAK), mode=mode, ranged=None, notes=(*image.notes, note)
    )
