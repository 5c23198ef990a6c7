"""A video of any length, split frame by frame in memory that does not depend on the length."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edlrr_cli.baselines.subtractors import Subtractor
from edlrr_cli.errors import InputError
from edlrr_cli.tasks.bgsep.config import Config
from edlrr_cli.tasks.bgsep.difference import blur, difference, foreground, threshold
from edlrr_cli.tasks.bgsep.keys import Keys
from edlrr_cli.tasks.bgsep.mask import cast_shadow, clean
from edlrr_cli.tasks.bgsep.model import Model, fit
from edlrr_cli.tasks.bgsep.windows import Window, windows
from edlrr_cli.tasks.device import resolve_device

Pixels = NDArray[np.unsignedinteger[Any]]

# Key frames of a window, if not all its frames are; and frames that are split together.
_NUM_KEYS, _BATCH = 60, 8


class Picture(Protocol):
    """A frame: its pixels, shape (h, w, c), c = 1 or 3, uint8 or uint16."""

    @property
    def pixels(self) -> Pixels:
        """Return the pixels."""


class Info(Protocol):
    """What is known of a video before its frames are read; see `edlrr_cli.media.video.VideoInfo`."""

    @property
    def size_px(self) -> tuple[int, int]:
        """Return (h, w)."""

    @property
    def peak(self) -> int:
        """Return the largest value of a pixel."""

    @property
    def num_frames(self) -> int:
        """Return the number of frames, which may be a few too many."""


class Source(Protocol):
    """A video that can be read more than once; see `edlrr_cli.media.video.Video`."""

    @property
    def info(self) -> Info:
        """Return what is known beforehand."""

    def frames(self, *, start: int = 0, every: int = 1) -> Iterator[Picture]:
        """Yield the frames start, start + every, and so on."""


@dataclass(frozen=True, eq=False)
class Split:
    """One frame, split.

    Attributes:
        index: Of the frame.
        frame: As the source gave it.
        background: Pixels like those of the frame.
        mask: Shape (h, w), True = foreground.
        difference: From the background, blurred, in gray levels of 255, shape (h, w); None for methods
            that have no such thing.
    """

    index: int
    frame: Any
    background: Pixels
    mask: NDArray[np.bool_]
    difference: NDArray[np.float32] | None


@dataclass(frozen=True)
class WindowNote:
    """What is to be said of a window's model.

    Attributes:
        start: Its first frame.
        stop: The frame behind its last one.
        num_keys: Frames that decided.
        rank: Of the low-rank solution; None for methods without one, as below.
        sparsity: Share of the values that the solution meets to one gray level.
        objective: sum |V - X| + lambda R(X).
        noise: Median over the pixels of their variation, in gray levels of 255.
        seconds: Spent on the fit.
    """

    start: int
    stop: int
    num_keys: int
    rank: int | None
    sparsity: float | None
    objective: float | None
    noise: float
    seconds: float


class Separation:
    """Splits the frames of a video one after another.

    Args:
        source: The video.
        config: Settings.
        start: First frame that is wanted; the outcome does not depend on it.

    Attributes:
        notes: Of the windows fitted so far.
        device: Where it runs.

    Raises:
        InputError: Fewer than two frames.
        DeviceError: There is no such device here.
        UsageError: The method needs a library that is not installed.
    """

    def __init__(self, source: Source, config: Config, *, start: int = 0) -> None:
        self.device = resolve_device(config.device)
        self.notes: list[WindowNote] = []
        self._source, self._config, self._start = source, config, start
        if source.info.num_frames < 2:
            raise InputError("the video has a single frame, and nothing moves in it", "give a longer one")

    def __iter__(self) -> Iterator[Split]:
        """Yield the frames in their order.

        Raises:
            InputError: As the source; a frame cannot be read.
            NumericsError: The penalty left the range of its series.
        """
        if self._config.method in ("mog2", "knn"):
            return self._subtracted()
        return self._modelled()

    def _subtracted(self) -> Iterator[Split]:
        """Run a method that learns from frame to frame: from the first one, whatever is wanted."""
        subtractor = Subtractor(self._config.method, shadows=self._config.shadows)
        for index, frame in enumerate(self._source.frames()):
            background, mask = subtractor.apply(frame.pixels)
            if index >= self._start:
                cleaned = clean(mask, min_blob_px=self._config.min_blob_px)
                yield Split(index, frame, background, cleaned, None)

    def _modelled(self) -> Iterator[Split]:
        plan = self._plan()
        models = self._models(plan)
        alive: list[tuple[Window, Model]] = []
        frames = self._source.frames(start=self._start)
        index = self._start
        while batch := list(islice(frames, _BATCH)):
            num_begun = sum(window.start < index + len(batch) for window in plan)
            alive += islice(models, num_begun)
            plan = plan[num_begun:]
            alive = [pair for pair in alive if pair[0].stop > index] or alive[-1:]
            yield from self._split(batch, index, alive)
            index += len(batch)

    def _plan(self) -> list[Window]:
        """Return the windows from the first that matters; the last one stands for frames beyond all."""
        config = self._config
        plan = windows(self._source.info.num_frames, size=config.num_window, overlap=config.num_overlap)
        return [window for window in plan if window.stop > self._start] or plan[-1:]

    def _models(self, plan: list[Window]) -> Iterator[tuple[Window, Model]]:
        """Fit one window after another; each key frame is read once."""
        size = min(self._config.num_window, self._source.info.num_frames)
        every = 1 if self._config.fit == "full" else math.ceil(size / _NUM_KEYS)
        first = -(-plan[0].start // every) * every
        frames = self._source.frames(start=first, every=every)
        keys: dict[int, Tensor] = {}
        for window in plan:
            wanted = range(max(keys, default=first - every) + every, window.stop, every)
            for index, frame in zip(wanted, frames, strict=False):
                pixels = np.ascontiguousarray(frame.pixels).reshape(-1)
                keys[index] = torch.from_numpy(pixels).to(self.device)
            keys = {index: pixels for index, pixels in keys.items() if index >= window.start}
            if not keys:  # the file has fewer frames than it says
                return
            yield window, self._fitted(window, list(keys.values()))

    def _fitted(self, window: Window, keys: list[Tensor]) -> Model:
        info, started = self._source.info, time.perf_counter()
        model = fit(Keys(torch.stack(keys), info.peak, info.size_px), self._config)
        solution = model.solution
        self.notes.append(
            WindowNote(
                start=window.start,
                stop=window.stop,
                num_keys=len(keys),
                rank=None if solution is None else solution.rank,
                sparsity=None if solution is None else solution.sparsity,
                objective=None if solution is None else solution.objective,
                noise=float(model.noise.median()),
                seconds=time.perf_counter() - started,
            )
        )
        return model

    def _split(self, batch: list[Any], index: int, alive: list[tuple[Window, Model]]) -> Iterator[Split]:
        peak = self._source.info.peak
        pixels = np.stack([frame.pixels for frame in batch])
        frames = torch.from_numpy(pixels).to(self.device).float() / peak
        backgrounds, noise = _faded(frames.flatten(1), index, alive)
        backgrounds = backgrounds.view_as(frames).clamp(0, 1)
        differences = difference(frames, backgrounds)
        blurred = blur(differences)
        level = threshold(noise) if self._config.threshold is None else self._config.threshold
        masks = foreground(differences, blurred, level)
        if not self._config.shadows:
            masks &= ~cast_shadow(frames, backgrounds)
        whole = (backgrounds * peak).round().cpu().numpy().astype(pixels.dtype)
        found, off = masks.cpu().numpy(), blurred.cpu().numpy()
        for place, frame in enumerate(batch):
            mask = clean(found[place], min_blob_px=self._config.min_blob_px)
            yield Split(index + place, frame, whole[place], mask, off[place])


def _faded(frames: Tensor, index: int, alive: list[tuple[Window, Model]]) -> tuple[Tensor, Tensor]:
    """Return the backgrounds, shape (b, n), and the variation, shape (b, h, w), of all windows together."""
    places = range(index, index + len(frames))
    shares = torch.tensor([[float(window.weight(place)) for place in places] for window, _ in alive])
    shares[-1, shares.sum(0) == 0] = 1.0
    shares = (shares / shares.sum(0)).to(frames.device)
    backgrounds, noise = torch.zeros_like(frames), torch.zeros((), device=frames.device)
    for share, (window, model) in zip(shares, alive, strict=True):
        if bool((share > 0).any()):
            backgrounds += share[:, None] * model.backgrounds(frames, index - window.start)
            noise = noise + share[:, None, None] * model.noise
    return backgrounds, noise
