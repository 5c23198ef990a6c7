"""Inpainting of a clip frame by frame, in memory that is independent of its length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edlrr_cli.tasks.clips.background import Bools, Pixels, Region
from edlrr_cli.tasks.clips.residual import complete
from edlrr_cli.tasks.clips.steady import stand_still
from edlrr_cli.tasks.clips.windows import Backgrounds, Frame, Source, WindowStatistics
from edlrr_cli.tasks.device import resolve_device
from edlrr_cli.tasks.frames import Levels
from edlrr_cli.tasks.inpaint.config import Config
from edlrr_cli.tasks.inpaint.restore import restore
from edlrr_cli.tasks.inpaint.windows import is_small

CHUNK = 50
"""Frames that are completed at once; fewer of large frames."""

# Further frames before and after a chunk, from which it is completed.
_OVERLAP = 12
# Above so many pixels, chunk and overlap are divided by so much, which bounds the memory.
_DIVISORS = ((1.2e6, 5), (6e5, 2))
# Surroundings of a hole that are looked at, in pixels.
_MARGIN_PX = 48
# The scene moves as a whole where more than half of the pixels around the hole differ so much, on [0, 1].
_UNSTABLE = 12 / 255
# Penalty of the background unless the settings name one.
_REG = "nuclear"


@dataclass(frozen=True, eq=False)
class Filled:
    """A frame and its restoration.

    Attributes:
        index: Index of the frame.
        pixels: Restored pixels, shape and dtype of the frame's; known ones unchanged.
        follows_motion: Whether the scene moves as a whole, so that no background was used.
    """

    index: int
    frame: Any
    pixels: Levels
    follows_motion: bool


class ClipFilling:
    """Fills the holes of a clip's frames one after another.

    Where other frames of a window reveal what is behind the hole, it is filled with their low-rank
    background; elsewhere with an image restored once from the background around the hole. What moves in front
    of the background is carried into the hole along its motion. Where the scene moves as a whole, everything
    is.

    Args:
        source: The clip with its holes.
        config: Settings of the restoration of single images; its penalty is that of the background too.
        start: First frame to yield. Results do not depend on it, unless the scene moves as a whole.

    Attributes:
        windows: Statistics of the windows fitted so far.

    Raises:
        DeviceError: The device is not available.
    """

    def __init__(self, source: Source, config: Config, *, start: int = 0) -> None:
        self.device = resolve_device(config.device)
        self._steady = stand_still(source, self.device)
        self._source: Source = source if self._steady is None else self._steady
        self._start, self._config = start, config
        self._needed = self._source.may_be_missing
        region = around(self._needed)
        num_px = self._needed[region].size
        divisor = next((divisor for least_px, divisor in _DIVISORS if num_px > least_px), 1)
        self._chunk, self._overlap = max(CHUNK // divisor, 1), _OVERLAP // divisor
        self._recent: dict[int, Levels] = {}
        self._backgrounds = Backgrounds(
            self._source,
            _whole(self._needed) if is_small(self._needed) else region,
            self._restored,
            reg=_REG if config.reg == "auto" else config.reg,
            gamma=None if config.reg == "auto" else config.gamma,
            seed=config.seed,
            device=self.device,
        )

    @property
    def shake_px(self) -> float | None:
        """Return the median displacement of a shaking camera in pixels; None if frames are not registered."""
        return None if self._steady is None else self._steady.shake_px

    @property
    def windows(self) -> list[WindowStatistics]:
        """Return the statistics of the windows."""
        return self._backgrounds.statistics

    def __iter__(self) -> Iterator[Filled]:
        """Yield the restored frames in order.

        Raises:
            InputError: The source cannot read a frame or its mask.
            NumericsError: The penalty left the range of its series.
        """
        at = self._start // self._chunk * self._chunk
        index = max(at - self._overlap, 0)
        frames = self._source.frames(start=index)
        held: list[Frame] = []
        while True:
            held += islice(frames, at + self._chunk + self._overlap - index - len(held))
            if index + len(held) <= at:
                return
            inside = slice(at - index, at - index + self._chunk)
            for filled in self._filled(held, index, inside):
                if filled.index >= self._start:
                    yield self._returned(filled)
            at += self._chunk
            following = max(at - self._overlap, 0)
            held, index = held[following - index :], following

    def _returned(self, filled: Filled) -> Filled:
        """Return a frame as the camera saw it."""
        if self._steady is None:
            return filled
        frame = filled.frame
        return replace(filled, frame=frame.original, pixels=self._steady.restored(frame, filled.pixels))

    def _filled(self, held: list[Frame], index: int, inside: slice) -> Iterator[Filled]:
        """Fill the frames of a chunk, given those around it too."""
        chunk = held[inside]
        first = index + inside.start
        if all((frame.known | ~self._needed).all() for frame in chunk):
            yield from (Filled(first + i, frame, frame.pixels, False) for i, frame in enumerate(chunk))
            return
        pixels = torch.from_numpy(np.stack([frame.pixels for frame in held])).to(self.device)
        known = torch.from_numpy(np.stack([frame.known for frame in held])).to(self.device)
        rows, columns = around(~known.all(0).cpu().numpy() & self._needed)
        frames = pixels[:, rows, columns].movedim(-1, 1).float() / self._source.info.peak
        mask = known[:, None, rows, columns].float()
        base = self._backgrounds.of_frames(pixels, known, index, (rows, columns)).movedim(-1, 1)
        moving = _is_unstable((frames - base) * mask, mask)
        if moving:
            base = (frames * mask).sum((0, 2, 3), keepdim=True) / mask.sum().clamp_min(1)
        start = self._content(frames[0], mask[0], index, (rows, columns)) - base[0] if moving else None
        filled = complete(frames, base, mask, start).clamp(0, 1)[inside]
        levels = (filled * self._source.info.peak).round().movedim(1, -1).cpu().numpy()
        for offset, frame in enumerate(chunk):
            whole = frame.pixels.copy()
            hole = ~frame.known[rows, columns]
            whole[rows, columns][hole] = levels[offset][hole].astype(whole.dtype)
            if offset >= self._chunk - self._overlap:
                self._recent[first + offset] = whole
            yield Filled(first + offset, frame, whole, moving)
        self._recent = {at: pixels for at, pixels in self._recent.items() if at >= first}

    def _content(self, frame: Tensor, mask: Tensor, index: int, region: Region) -> Tensor:
        """Return a frame whose hole is filled as in the chunk before, or as that of a single image."""
        if index in self._recent:
            levels = torch.from_numpy(self._recent[index][region].astype(np.float32)).to(frame)
            return levels.movedim(-1, 0) / self._source.info.peak
        known = mask[0].bool().cpu().numpy()
        if known.all() or not known.any():
            return frame
        image = frame.movedim(0, -1).double().cpu().numpy()
        return torch.from_numpy(self._restored(image, known)).to(frame).movedim(-1, 0)

    def _restored(self, image: Pixels, known: Bools) -> Pixels:
        """Restore an image from its known pixels."""
        return restore(np.where(known[..., None], image, 0.0).clip(0, 1), known, self._config).restored


def _whole(image: Bools) -> Region:
    return slice(0, image.shape[0]), slice(0, image.shape[1])


def around(missing: Bools) -> Region:
    """Return the rows and columns of the missing pixels and their surroundings.

    Args:
        missing: Shape (h, w), at least one True.
    """
    region = []
    for axis in (1, 0):
        where = np.flatnonzero(missing.any(axis))
        region.append(slice(max(int(where[0]) - _MARGIN_PX, 0), int(where[-1]) + 1 + _MARGIN_PX))
    return region[0], region[1]


def _is_unstable(residual: Tensor, mask: Tensor) -> bool:
    """Whether most known pixels differ from the background in most of the frames."""
    size = residual.abs().amax(1, keepdim=True)
    fractions = ((size > _UNSTABLE) * mask).sum((1, 2, 3)) / mask.sum((1, 2, 3)).clamp_min(1)
    return bool((fractions > 0.5).float().mean() > 0.5)
