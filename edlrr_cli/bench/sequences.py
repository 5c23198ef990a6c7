"""Sequences with ground-truth foreground masks, in the folder layout of the CDnet and SBI data sets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.errors import InputError, UsageError
from edlrr_cli.lrr.names import nearest
from edlrr_cli.media.formats import visible
from edlrr_cli.media.images import read_image
from edlrr_cli.media.video import Frame, Video, VideoInfo
from edlrr_cli.media.video_sources import image_files, open_video

Bytes = NDArray[np.uint8]
Bools = NDArray[np.bool_]


def find_sequences(data: Path) -> dict[str, Path]:
    """Return the folders of the sequences by name: those in a folder, or the folder itself if it is one.

    Raises:
        InputError: No sequence is found.
    """
    if (data / "input").is_dir():
        return {data.resolve().name: data}
    inside = [folder for folder in visible(data) if (folder / "input").is_dir()]
    if not inside:
        raise InputError(f"data {data}: no NAME/input in it", "give a folder in the layout of CDnet")
    return {folder.name: folder for folder in inside}


def choose(found: Mapping[str, Path], names: list[str] | None) -> dict[str, Path]:
    """Return the named folders in the given order; all if ``names`` is None.

    Raises:
        UsageError: A name is unknown; the message suggests the closest one.
    """
    chosen = list(found) if names is None else names
    for name in chosen:
        if name not in found:
            raise UsageError(f"no sequence {name!r} in the data", nearest(name, tuple(found)))
    return {name: found[name] for name in chosen}


@dataclass(frozen=True, eq=False)
class Scene:
    """A sequence and its ground truth.

    Attributes:
        masks: Files of labels, by the index of the frame from 0; only in the labeled range.
        region: Mask of the evaluated pixels, shape (h, w); None for all.
        background: The true background, uint8, shape (h, w, c) of a frame; None if unknown.
        notes: Files that were ignored, one phrase each.
    """

    video: Video
    masks: Mapping[int, Path]
    region: Bools | None
    background: Bytes | None
    notes: tuple[str, ...]

    def spread(self, count: int) -> list[int]:
        """Return the indices of at most ``count`` frames with masks, evenly spread from first to last."""
        indices = sorted(self.masks)
        if count >= len(indices):
            return indices
        return [indices[step] for step in np.linspace(0, len(indices) - 1, count).round().astype(int)]

    def truth(self, index: int) -> Bytes:
        """Return the labels of a frame, shape (h, w).

        Raises:
            InputError: The file cannot be read.
        """
        return _levels(self.masks[index])


def read_scene(folder: Path) -> Scene:
    """Open a sequence and its ground truth.

    Args:
        folder: Has ``input/``, the frames, and ``groundtruth/``, masks of all or some frames. May have
            ``temporalROI.txt``, the first and the last number of the evaluated frames, ``ROI.bmp``, black
            for ignored pixels, and ``background.png``. Frames and masks are matched by number.

    Raises:
        InputError: Files are missing or cannot be used.
    """
    video, truths = open_video(folder / "input"), folder / "groundtruth"
    if not truths.is_dir():
        raise InputError(f"{truths} is no folder of masks", "give a sequence in the layout of CDnet")
    files = {_number(path): path for path in image_files(truths)}
    first, last = _labeled_range(folder / "temporalROI.txt")
    numbers = map(_number, image_files(folder / "input"))
    masks = {
        index: files[number]
        for index, number in enumerate(numbers)
        if number in files and first <= number <= last
    }
    if not masks:
        raise InputError(f"{folder}: no frame has a mask", "number frames and masks alike")
    notes: list[str] = []
    region = _fitting(folder / "ROI.bmp", video.info.size_px, notes)
    background = _fitting(folder / "background.png", (*video.info.size_px, video.info.num_channels), notes)
    return Scene(video, masks, None if region is None else region != 0, background, tuple(notes))


def _number(path: Path) -> int:
    """Return the last number in a file's name.

    Example:
        >>> _number(Path("clip2_000950.jpg"))
        950
    """
    numbers = re.findall(r"\d+", path.stem)
    if not numbers:
        raise InputError(f"{path} has no number in its name", "number frames and masks alike")
    return int(numbers[-1])


def _labeled_range(path: Path) -> tuple[float, float]:
    """Read the first and the last number of the evaluated frames; without the file, all are evaluated."""
    if not path.exists():
        return -np.inf, np.inf
    try:
        first, last = map(int, path.read_text(encoding="utf-8").split())
    except (OSError, ValueError) as error:
        raise InputError(f"{path} does not hold two numbers ({error})", "write: FIRST LAST") from error
    return first, last


def _fitting(path: Path, shape: tuple[int, ...], notes: list[str]) -> Bytes | None:
    """Read an image of shape (h, w) or (h, w, c); None if it is missing, or differs in shape, with a note."""
    if not path.exists():
        return None
    pixels = _levels(path) if len(shape) == 2 else _eight_bits(path)
    if pixels.shape == shape:
        return pixels
    found, expected = (" x ".join(map(str, sides)) for sides in (pixels.shape, shape))
    notes.append(f"{path.name} is ignored: it is {found}, the frames are {expected}")
    return None


def _levels(path: Path) -> Bytes:
    """Read gray levels, shape (h, w); of a palette image, the levels of its colors."""
    return _eight_bits(path)[..., 0]


def _eight_bits(path: Path) -> Bytes:
    return np.rint(read_image(path).pixels * 255).astype(np.uint8)


@dataclass(frozen=True)
class Excerpt:
    """A selection of frames as a video; see `edlrr_cli.media.video.Video`.

    Attributes:
        indices: Indices of the frames in the source; they may repeat.
    """

    video: Video
    indices: tuple[int, ...]

    @property
    def info(self) -> VideoInfo:
        """Return the properties that are known before the frames are read."""
        return replace(self.video.info, num_frames=len(self.indices))

    def frames(self, *, start: int = 0, every: int = 1) -> Iterator[Frame]:
        """Yield the frames start, start + every, and so on."""
        for index in self.indices[start::every]:
            yield next(iter(self.video.frames(start=index)))


def first_frames(video: Video, count: int) -> Excerpt:
    """Return the first frames of a video, which is repeated if it is shorter."""
    return Excerpt(video, tuple(index % video.info.num_frames for index in range(count)))
