"""The backgrounds of a clip's windows, fitted one after another as the frames advance."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edlrr_cli.tasks.bgsep.keyframes import Keyframes
from edlrr_cli.tasks.bgsep.windows import Window, windows
from edlrr_cli.tasks.clips.background import Background, FillImage, Region, completed, fit_background
from edlrr_cli.tasks.frames import Info, Levels

Bools = NDArray[np.bool_]

NUM_WINDOW, NUM_OVERLAP, NUM_KEYS = 600, 300, 60
"""Frames that share a background, frames that neighbors share to fade between them, and keyframes."""


class Frame(Protocol):
    """A frame with a hole."""

    @property
    def pixels(self) -> Levels:
        """Return the pixels, shape (h, w, c), c = 1 or 3, uint8 or uint16; missing ones are ignored."""

    @property
    def known(self) -> Bools:
        """Return the mask, shape (h, w), True = known pixel."""


class Source(Protocol):
    """A clip that can be read more than once."""

    @property
    def info(self) -> Info:
        """Return the properties of the clip."""

    @property
    def may_be_missing(self) -> Bools:
        """Return the pixels that are missing in any frame, as far as it is known, shape (h, w)."""

    def frames(self, *, start: int = 0, every: int = 1) -> Iterator[Frame]:
        """Yield the frames start, start + every, and so on."""


@dataclass(frozen=True)
class WindowStatistics:
    """Statistics of a window's background.

    Attributes:
        start: Index of the first frame.
        num_keys: Number of keyframes.
        rank: Rank of the low-rank solution.
        revealed: Fraction of the pixels missing in some keyframe that are known in enough others.
        seconds: Duration of the fit.
    """

    start: int
    stop: int
    num_keys: int
    rank: int
    revealed: float
    seconds: float


class Backgrounds:
    """Fits the windows of a clip in order; each continues what the one before restored.

    Attributes:
        notes: Statistics of the windows fitted so far.
    """

    def __init__(
        self,
        source: Source,
        region: Region,
        fill_image: FillImage,
        *,
        reg: str,
        gamma: float | None,
        seed: int,
        device: torch.device,
    ) -> None:
        self.statistics: list[WindowStatistics] = []
        self._source, self._region, self._fill_image = source, region, fill_image
        self._needed = torch.from_numpy(source.may_be_missing[region]).to(device)
        self._reg, self._gamma, self._seed, self._device = reg, gamma, seed, device
        self._left = windows(source.info.num_frames, size=NUM_WINDOW, overlap=NUM_OVERLAP)
        self._fits = self._fitted(list(self._left))
        self._alive: list[tuple[Window, Background]] = []

    def of_frames(self, frames: Tensor, known: Tensor, index: int, inside: Region) -> Tensor:
        """Return the backgrounds of a part, faded from window to window, shape (b, h, w, c).

        Args:
            frames: Whole frames, shape (b, h, w, c), integers. Each call continues after the one before; some
                frames may be given again.
            known: Shape (b, h, w).
            index: Index of the first frame.
            inside: Rows and columns of the part, within the region.
        """
        rows, columns = (
            slice(wanted.start - whole.start, wanted.stop - whole.start)
            for wanted, whole in zip(inside, self._region, strict=True)
        )
        indices = range(index, index + len(frames))
        while self._left and self._left[0].start < indices.stop:
            self._left.pop(0)
            self._alive += [pair for pair in [next(self._fits, None)] if pair is not None]
        self._alive = [pair for pair in self._alive if pair[0].stop > index] or self._alive[-1:]
        weights = torch.tensor(
            [[float(window.weight(frame)) for frame in indices] for window, _ in self._alive]
        )
        weights[-1, weights.sum(0) == 0] = 1.0
        weights = (weights / weights.sum(0)).to(self._device)
        faded = torch.zeros((), device=self._device)
        for weight, (_, background) in zip(weights, self._alive, strict=True):
            sampled = frames.flatten(1, 2)[:, background.samples].float() / self._source.info.peak
            fitted = background.coefficients(sampled, known.flatten(1)[:, background.samples])
            images = background.images[:, rows, columns]
            faded = faded + torch.einsum("br,rhwc->bhwc", weight[:, None] * fitted, images)
        return faded.clamp(0, 1)

    def _fitted(self, plan: list[Window]) -> Iterator[tuple[Window, Background]]:
        """Fit one window after another; each keyframe is read once."""
        info = self._source.info
        every = math.ceil(min(NUM_WINDOW, info.num_frames) / NUM_KEYS)
        frames = self._source.frames(every=every)
        held: dict[int, tuple[Tensor, Tensor]] = {}
        before: Background | None = None
        for window in plan:
            wanted = range(max(held, default=-every) + every, window.stop, every)
            for index, frame in zip(wanted, frames, strict=False):
                pixels = torch.from_numpy(np.ascontiguousarray(frame.pixels).reshape(-1))
                held[index] = pixels.to(self._device), torch.from_numpy(frame.known).to(self._device)
            held = {index: pair for index, pair in held.items() if index >= window.start}
            if not held:  # the file has fewer frames than it declares
                return
            before = self._fit(window, list(held.values()), before)
            yield window, before

    def _fit(
        self, window: Window, held: list[tuple[Tensor, Tensor]], before: Background | None
    ) -> Background:
        info, started = self._source.info, time.perf_counter()
        pixels, known = (torch.stack(parts) for parts in zip(*held, strict=True))
        keyframes = Keyframes(pixels, info.peak, info.size_px)
        fitted = fit_background(
            keyframes, known, self._region, reg=self._reg, gamma=self._gamma, seed=self._seed
        )
        missing = ~known.all(0)[self._region] & self._needed
        revealed = float(fitted.revealed[missing].float().mean()) if bool(missing.any()) else 1.0
        whole = completed(fitted, self._needed, self._fill_image, before)
        seconds = time.perf_counter() - started
        self.statistics.append(
            WindowStatistics(window.start, window.stop, len(held), fitted.solution.rank, revealed, seconds)
        )
        return whole
