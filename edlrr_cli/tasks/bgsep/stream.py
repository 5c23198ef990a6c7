"""Separation of a video frame by frame, in memory that is independent of its length."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edlrr_cli.baselines.subtractors import Subtractor
from edlrr_cli.errors import InputError
from edlrr_cli.tasks.bgsep.camera import steady
from edlrr_cli.tasks.bgsep.config import Config
from edlrr_cli.tasks.bgsep.difference import blur, difference, foreground, threshold
from edlrr_cli.tasks.bgsep.given import with_background
from edlrr_cli.tasks.bgsep.keyframes import Keyframes
from edlrr_cli.tasks.bgsep.mask import cast_shadow, clean, follow_edges
from edlrr_cli.tasks.bgsep.model import SubspaceModel, fit
from edlrr_cli.tasks.bgsep.region import Bools, Region
from edlrr_cli.tasks.bgsep.tuning import DEFAULT, Tuning
from edlrr_cli.tasks.bgsep.view import View
from edlrr_cli.tasks.bgsep.windows import FixedPlan, Plan, Window
from edlrr_cli.tasks.device import resolve_device
from edlrr_cli.tasks.frames import Levels, Source

# Keyframes of a window unless all its frames are used, and frames per batch.
_NUM_KEYS, _BATCH = 60, 8


@dataclass(frozen=True, eq=False)
class Split:
    """A frame and its separation.

    Attributes:
        index: Index of the frame.
        background: Background, shape and dtype of the frame's pixels.
        mask: Shape (h, w), True = foreground.
        difference: Blurred difference from the background, in gray levels of 255, shape (h, w); None for
            methods without one.
    """

    index: int
    frame: Any
    background: Levels
    mask: NDArray[np.bool_]
    difference: NDArray[np.float32] | None


@dataclass(frozen=True)
class WindowStatistics:
    """Statistics of a window's model.

    Attributes:
        start: Index of the first frame.
        rank: Rank of the low-rank solution; None for methods without one, as are the next two.
        sparsity: Fraction of the values that the solution fits to one gray level.
        objective: sum |V - X| + lambda R(X).
        noise: Median over the counted pixels of their variation, in gray levels of 255.
        stabilized: Whether the camera shakes, and frames are registered.
        shake_px: Median displacement of the keyframes, in pixels; None if not measured, as is the next.
        lost: Fraction of the keyframes that are displaced too far.
        background_px: Displacement of the given background, which was removed; None without one.
        seconds: Duration of the fit.
    """

    start: int
    stop: int
    num_keys: int
    rank: int | None
    sparsity: float | None
    objective: float | None
    noise: float
    stabilized: bool
    shake_px: float | None
    lost: float | None
    background_px: float | None
    seconds: float


class Separation:
    """Separates the frames of a video one after another.

    Args:
        start: First frame to yield; the results do not depend on it.
        ignored: Pixels that never count, bool, shape (h, w); the background shows the frame there. None for
            none.
        background: The empty scene, shape (h, w, c) of the frames, values on [0, 1], whose brightness follows
            each frame; None to estimate it.
        plan: The windows, of a source that can be read once; None for those of a video of known length.
        tuning: Constants, for measurements.

    Attributes:
        windows: Statistics of the windows fitted so far.
        num_counted: Number of the pixels that count.

    Raises:
        InputError: The video has fewer than two frames.
        DeviceError: The device is not available.
        UsageError: The method needs a library that is not installed, or estimates the background always.
    """

    def __init__(
        self,
        source: Source,
        config: Config,
        *,
        start: int = 0,
        ignored: Bools | None = None,
        background: NDArray[np.floating[Any]] | None = None,
        plan: Plan | None = None,
        tuning: Tuning = DEFAULT,
    ) -> None:
        if background is not None:
            config.require_takes_background()
        self.device = resolve_device(config.device)
        self.windows: list[WindowStatistics] = []
        self._source, self._config, self._start, self._tuning = source, config, start, tuning
        self._region = Region(np.zeros(source.info.size_px, np.bool_) if ignored is None else ignored)
        self.num_counted = int(self._region.counted.sum())
        self._background, self._plan = background, plan
        if source.info.num_frames < 2:
            raise InputError("the video has a single frame, and nothing moves in it", "give a longer one")

    def __iter__(self) -> Iterator[Split]:
        """Yield the separated frames in order.

        Raises:
            InputError: The source cannot read a frame.
            NumericsError: The penalty left the range of its series.
        """
        if self._config.method in ("mog2", "knn"):
            return self._subtracted()
        return self._modeled()

    def _subtracted(self) -> Iterator[Split]:
        """Run a method that learns from frame to frame, and hence always from the first frame."""
        subtractor = Subtractor(self._config.method, shadows=self._config.shadows)
        for index, frame in enumerate(self._source.frames()):
            background, mask = subtractor.apply(self._region.seen(frame.pixels))
            if index >= self._start:
                yield self._finished(index, frame, background, mask, None)

    def _modeled(self) -> Iterator[Split]:
        plan = self._plan or self._fixed_plan()
        frames = self._source.frames(start=self._start)
        index, begun = self._start, plan.begun(self._start + _BATCH)
        keyframes = self._keyframes(begun[0])
        alive: list[tuple[Window, View]] = []
        while True:
            for window in begun:
                if found := keyframes.of(window):  # none if the file has fewer frames than it declares
                    alive.append((window, self._fitted(window, found)))
            batch = list(islice(frames, _BATCH))
            if not batch:
                return
            alive = [pair for pair in alive if pair[0].stop > index] or alive[-1:]
            yield from self._split(batch, index, alive)
            index += len(batch)
            begun = plan.begun(index + _BATCH)

    def _fixed_plan(self) -> FixedPlan:
        config, num_frames = self._config, self._source.info.num_frames
        return FixedPlan(num_frames, size=config.num_window, overlap=config.num_overlap, start=self._start)

    def _keyframes(self, window: Window) -> _KeyframeReader:
        """Return the reader of the keyframes of all windows, of which the first is given."""
        is_full = self._config.fit == "full"
        every = 1 if is_full else math.ceil((window.stop - window.start) / _NUM_KEYS)
        return _KeyframeReader(self._source, self._region, self.device, first=window.start, every=every)

    def _fitted(self, window: Window, keyframes: list[Tensor]) -> View:
        info, started = self._source.info, time.perf_counter()
        counted = torch.from_numpy(self._region.counted).to(self.device)
        found = Keyframes(torch.stack(keyframes), info.peak, info.size_px, counted)
        camera, shake, background_px = None, None, None
        if self._config.stabilize == "auto":
            found, camera, shake = steady(found)
        model = fit(found, self._config, self._tuning)
        if self._background is not None and isinstance(model, SubspaceModel):
            image = torch.from_numpy(self._region.seen(self._background)).to(self.device).float()
            register = self._config.stabilize == "auto"
            model, background_px = with_background(model, image, found, register=register)
        solution = model.solution
        self.windows.append(
            WindowStatistics(
                start=window.start,
                stop=window.stop,
                num_keys=len(keyframes),
                rank=None if solution is None else solution.rank,
                sparsity=None if solution is None else solution.sparsity,
                objective=None if solution is None else solution.objective,
                noise=float(model.noise[counted].median()),
                stabilized=camera is not None,
                shake_px=None if shake is None else shake.median_px,
                lost=None if shake is None else shake.lost,
                background_px=background_px,
                seconds=time.perf_counter() - started,
            )
        )
        return View(model, camera)

    def _split(self, batch: list[Any], index: int, alive: list[tuple[Window, View]]) -> Iterator[Split]:
        peak = self._source.info.peak
        pixels = np.stack([self._region.seen(frame.pixels) for frame in batch])
        frames = torch.from_numpy(pixels).to(self.device).float() / peak
        backgrounds, noise = _faded(frames.flatten(1), index, alive)
        backgrounds = backgrounds.view_as(frames).clamp(0, 1)
        differences = difference(frames, backgrounds)
        blurred = blur(differences)
        level = self._config.threshold or threshold(noise, self._tuning)
        masks = follow_edges(foreground(differences, blurred, level), frames)
        if not self._config.shadows:
            masks &= ~cast_shadow(frames, backgrounds)
        whole = (backgrounds * peak).round().cpu().numpy().astype(pixels.dtype)
        found, off = masks.cpu().numpy(), blurred.cpu().numpy()
        for offset, frame in enumerate(batch):
            yield self._finished(index + offset, frame, whole[offset], found[offset], off[offset])

    def _finished(
        self, index: int, frame: Any, background: Levels, mask: Bools, off: NDArray[np.float32] | None
    ) -> Split:
        counted = self._region.counted
        cleaned = clean(mask & counted, min_blob_px=self._config.min_blob_px) & counted
        return Split(index, frame, self._region.restored(background, frame.pixels), cleaned, off)


class _KeyframeReader:
    """Reads the keyframes of one window after another, each once."""

    def __init__(
        self, source: Source, region: Region, device: torch.device, *, first: int, every: int
    ) -> None:
        self._next, self._every = -(-first // every) * every, every
        self._frames = source.frames(start=self._next, every=every)
        self._region, self._device = region, device
        self._held: dict[int, Tensor] = {}

    def of(self, window: Window) -> list[Tensor]:
        """Return the keyframes of a window, which starts no earlier than the one before."""
        wanted = range(self._next, window.stop, self._every)
        for index, frame in zip(wanted, self._frames, strict=False):
            pixels = np.ascontiguousarray(self._region.seen(frame.pixels)).reshape(-1)
            self._held[index] = torch.from_numpy(pixels).to(self._device)
            self._next = index + self._every
        self._held = {index: pixels for index, pixels in self._held.items() if index >= window.start}
        return list(self._held.values())


def _faded(frames: Tensor, index: int, alive: list[tuple[Window, View]]) -> tuple[Tensor, Tensor]:
    """Return backgrounds, shape (b, n), and variation, shape (b, h, w), cross-faded between windows."""
    indices = range(index, index + len(frames))
    weights = torch.tensor([[float(window.weight(frame)) for frame in indices] for window, _ in alive])
    weights[-1, weights.sum(0) == 0] = 1.0
    weights = (weights / weights.sum(0)).to(frames.device)
    backgrounds, noise = torch.zeros_like(frames), torch.zeros((), device=frames.device)
    for weight, (window, view) in zip(weights, alive, strict=True):
        if bool((weight > 0).any()):
            found, variation = view.predict(frames, index - window.start)
            backgrounds += weight[:, None] * found
            noise = noise + weight[:, None, None] * variation
    return backgrounds, noise
