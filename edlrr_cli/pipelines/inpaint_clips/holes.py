"""A clip and its hole: a fixed mask, boxes, or a mask for each frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import repeat
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.dilation import dilated
from edlrr_cli.errors import InputError, UsageError
from edlrr_cli.media.boxes import Box, union_of
from edlrr_cli.media.formats import is_pattern
from edlrr_cli.media.masks import read_mask
from edlrr_cli.media.still_image import Levels, StillImage
from edlrr_cli.media.video import Frame, Video, VideoInfo, describe_size
from edlrr_cli.media.video_sources import is_animation, is_image, is_video, open_video
from edlrr_cli.pipelines.inpaint.settings import MaskSettings

Bools = NDArray[np.bool_]

# Level of 255 from which on a pixel of a mask video is white: the compression of videos blurs the marks.
_VIDEO_THRESHOLD = 128
# A mask for each frame that marks more than this fraction of the first one is taken for an inverted one.
_MOST_MARKED = 0.5


@dataclass(frozen=True, eq=False)
class DamagedFrame:
    """A frame with its hole.

    Attributes:
        pixels: Shape (h, w, c); missing pixels are ignored.
        time: Seconds since the first frame.
        known: Shape (h, w), True = known pixel.
    """

    pixels: Levels
    time: Fraction
    known: Bools


class DamagedClip:
    """A clip and its hole; see `edlrr_cli.tasks.clips.windows.Source`.

    Args:
        fixed: The known pixels of a fixed mask, shape (h, w).
        masks: The masks of the frames; None without any.
        boxes: Further missing pixels.
        dilate: Radius by which the boxes and the masks of the frames are grown.

    Attributes:
        evidence: How the mask was read; None without one.
    """

    def __init__(
        self,
        video: Video,
        *,
        fixed: Bools,
        masks: FrameMasks | None,
        boxes: Sequence[Box],
        dilate: int,
        evidence: str | None,
    ) -> None:
        self.info, self.evidence = video.info, evidence
        self._video, self._fixed, self._masks = video, fixed, masks
        self._holes = [(box, dilated(box.hole(self.info.size_px), dilate)) for box in boxes]

    @property
    def may_be_missing(self) -> Bools:
        """Return the pixels that are missing in any frame; all of them if each has a mask."""
        if self._masks is not None:
            return np.ones(self.info.size_px, dtype=np.bool_)
        missing = ~self._fixed
        for _, hole in self._holes:
            missing |= hole
        return missing

    def frames(self, *, start: int = 0, every: int = 1) -> Iterator[DamagedFrame]:
        """Yield the frames start, start + every, and so on; see `edlrr_cli.media.video.Video`."""
        masks = repeat(self._fixed) if self._masks is None else self._masks.known(start=start, every=every)
        for frame in self._video.frames(start=start, every=every):
            known = next(masks).copy()
            for box, hole in self._holes:
                if box.covers(frame.time):
                    known &= ~hole
            yield DamagedFrame(frame.pixels, frame.time, known)


class FrameMasks:
    """A mask for each frame: a video, a folder of images or a pattern of them, white = missing by default."""

    def __init__(self, path: Path, info: VideoInfo, settings: MaskSettings) -> None:
        if settings.mask_mode == "alpha":
            raise UsageError("--mask-mode alpha is for images", "paint the masks of the frames")
        self._path, self._settings, self._num_frames = path, settings, info.num_frames
        self._video = open_video(path)
        found = self._video.info
        if found.size_px != info.size_px:
            raise InputError(
                f"mask {path} has frames of {describe_size(found.size_px)}, the clip of "
                f"{describe_size(info.size_px)}",
                "give masks of the size of the frames",
            )
        if found.num_frames < info.num_frames:
            raise self._too_short(found.num_frames)
        self._refuse_inverted()

    def known(self, *, start: int = 0, every: int = 1) -> Iterator[Bools]:
        """Yield the known pixels of the frames start, start + every, and so on.

        Raises:
            InputError: The masks end before the clip.
        """
        for frame in self._video.frames(start=start, every=every):
            yield ~dilated(self._missing(frame), self._settings.dilate)
        raise self._too_short(self._video.info.num_frames)

    def _missing(self, frame: Frame) -> Bools:
        levels = frame.pixels.astype(np.float64) * (255 / self._video.info.peak)
        distance = 255 - levels.min(axis=2) if self._settings.mask_mode == "black" else levels.max(axis=2)
        is_compressed = is_video(self._path)
        threshold = self._settings.mask_threshold or (_VIDEO_THRESHOLD if is_compressed else 1)
        missing: Bools = distance >= threshold
        return missing

    def _refuse_inverted(self) -> None:
        if self._settings.mask_mode != "auto":
            return
        marked = float(self._missing(next(iter(self._video.frames()))).mean())
        if marked > _MOST_MARKED:
            raise InputError(
                f"mask {self._path} is white in {marked:.0%} of its first frame",
                "pass --mask-mode white or --mask-mode black (what marks the hole)",
            )

    def _too_short(self, num_masks: int) -> InputError:
        return InputError(
            f"mask {self._path} has {num_masks} frames, the clip {self._num_frames}",
            "give a mask for every frame, or one image for all",
        )


def damaged_clip(
    source: Path, video: Video, mask: Path | None, boxes: Sequence[Box], settings: MaskSettings
) -> DamagedClip:
    """Return a clip with its hole.

    Args:
        mask: An image for all frames, or what `FrameMasks` reads; None: boxes only.

    Raises:
        InputError: The mask cannot be read, is of another size or too short.
        UsageError: A box is outside the frames or the time of the clip.
    """
    info = video.info
    _check_boxes(source, boxes, info)
    is_fixed = mask is not None and not _is_sequence(mask)
    masks = FrameMasks(mask, info, settings) if mask is not None and not is_fixed else None
    fixed, evidence = np.ones(info.size_px, dtype=np.bool_), None
    if mask is not None and is_fixed:
        reading = read_mask(
            mask,
            _still(next(iter(video.frames())), info.peak),
            mode=settings.mask_mode,
            threshold=settings.mask_threshold,
            dilate=settings.dilate,
        )
        fixed, evidence = reading.known, reading.evidence
    return DamagedClip(
        video, fixed=fixed, masks=masks, boxes=boxes, dilate=settings.dilate, evidence=evidence
    )


def _is_sequence(mask: Path) -> bool:
    return mask.is_dir() or is_pattern(mask) or is_video(mask) or (is_image(mask) and is_animation(mask))


def _still(frame: Frame, peak: int) -> StillImage:
    """Return a frame as an image, by which the polarity of a mask is decided."""
    return StillImage(frame.pixels / float(peak), None, "RGB", "", b"", b"", None, ())


def _check_boxes(source: Path, boxes: Sequence[Box], info: VideoInfo) -> None:
    union_of([box for box in boxes if not box.is_timed], info.size_px)
    duration_s = info.num_frames / info.frame_rate
    for box in boxes:
        if box.start >= duration_s:
            raise UsageError(
                f"box {box.text} starts after the end of {source}, which lasts {float(duration_s):.2f} s",
                "choose an earlier time",
            )
