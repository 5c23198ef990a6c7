"""The clean frames of a clip, against which the filled hole is measured."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.errors import InputError
from edlrr_cli.media.still_image import Levels
from edlrr_cli.media.video import VideoInfo, describe_size
from edlrr_cli.media.video_sources import open_video


class Reference:
    """The clean frames: a video, a folder of images or a pattern of them.

    Raises:
        InputError: They cannot be read, are of another size than the clip, or fewer.
    """

    def __init__(self, path: Path, info: VideoInfo) -> None:
        self._path, self._info, self._video = path, info, open_video(path)
        found = self._video.info
        if (found.size_px, found.num_channels, found.peak) != (info.size_px, info.num_channels, info.peak):
            raise InputError(
                f"reference {path} has frames of {_describe(found)}, the clip of {_describe(info)}",
                "give the clean frames in the size and depth of the clip",
            )
        if found.num_frames < info.num_frames:
            raise self._too_short(found.num_frames)

    def frames(self, *, start: int) -> Iterator[Levels]:
        """Yield the pixels of the frames from a given one on.

        Raises:
            InputError: A frame cannot be read, or they end before the clip.
        """
        for frame in self._video.frames(start=start):
            yield frame.pixels
        raise self._too_short(self._video.info.num_frames)

    def _too_short(self, num_frames: int) -> InputError:
        return InputError(
            f"reference {self._path} has {num_frames} frames, the clip {self._info.num_frames}",
            "give the clean frames of the whole clip",
        )


def _describe(info: VideoInfo) -> str:
    return f"{describe_size((*info.size_px, info.num_channels))}, {info.bits} bits"


@dataclass
class SquaredErrors:
    """The sum of the squared errors of missing pixels, in levels, and their number."""

    total: float = 0.0
    count: int = 0

    def add(self, restored: Levels, truth: Levels, missing: NDArray[np.bool_]) -> None:
        """Add those of a frame."""
        errors = restored[missing].astype(np.float64) - truth[missing]
        self.total += float(np.square(errors).sum())
        self.count += errors.size


def psnr_of(parts: Sequence[Mapping[str, float]], peak: int) -> float | None:
    """Return the PSNR over the parts of a clip in dB, each a `SquaredErrors`; None without any pixel."""
    count, total = (sum(part[name] for part in parts) for name in ("count", "total"))
    if not count:
        return None
    return 10 * math.log10(peak**2 * count / total) if total else math.inf
