"""Denoising of a clip frame by frame, in memory that is independent of its length."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edlrr_cli.baselines.denoisers import DENOISERS
from edlrr_cli.errors import UsageError
from edlrr_cli.tasks.denoise.clip_noise import (
    NUM_WINDOW,
    WindowNoise,
    noise_of_windows,
    unit_range,
)
from edlrr_cli.tasks.denoise.config import Config
from edlrr_cli.tasks.denoise.network import Denoiser
from edlrr_cli.tasks.denoise.noise_type import Noise
from edlrr_cli.tasks.denoise.run import (
    channels_of,
    denoise_by_network,
    pixels_of,
    remove_noise,
    without_copies,
)
from edlrr_cli.tasks.device import resolve_device
from edlrr_cli.tasks.frames import Frame, Levels, Source


@dataclass(frozen=True, eq=False)
class Denoised:
    """A frame without its noise.

    Attributes:
        index: Index of the frame.
        pixels: Shape and dtype of the frame's.
        is_still: For a frame that was denoised with its neighbors, see
            `edlrr_cli.tasks.denoise.temporal.Estimate`; None for others.
    """

    index: int
    frame: Any
    pixels: Levels
    is_still: bool | None


@dataclass(frozen=True, eq=False)
class _Noisy:
    """A frame and its noise."""

    index: int
    frame: Frame
    noise: Noise
    pixels: NDArray[np.float64]


class ClipDenoising:
    """Denoises the frames of a clip one after another.

    White noise at the quality ``best`` is removed from each frame with its neighbors, see
    `edlrr_cli.tasks.denoise.temporal.denoise_temporal`; other noise and the other qualities and methods take
    each frame as an image. The noise is estimated once for a window of frames.

    Args:
        denoiser: The network of the method ``network``.
        start: First frame to yield. Results do not depend on it.

    Attributes:
        windows: The noise of each window so far.

    Raises:
        UsageError: The method is ``network``, and no denoiser is given.
        DeviceError: The device is not available.
    """

    def __init__(
        self, source: Source, config: Config, denoiser: Denoiser | None = None, *, start: int = 0
    ) -> None:
        self.device = torch.device("cpu") if config.method in DENOISERS else resolve_device(config.device)
        if config.method == "network" and denoiser is None:
            raise UsageError("method network needs a denoiser", "load one, or use another method")
        self._denoiser = None if denoiser is None else denoiser.to(self.device)
        self._source, self._config, self._start = source, config, start
        self.windows: list[WindowNoise] = []

    def __iter__(self) -> Iterator[Denoised]:
        """Yield the frames in order.

        Raises:
            InputError: The source cannot read a frame.
        """
        for channels, run in groupby(self._noisy(), key=self._channels_over_time):
            for denoised in map(self._by_itself, run) if channels is None else self._over_time(run):
                if denoised.index >= self._start:
                    yield denoised

    def _noisy(self) -> Iterator[_Noisy]:
        """Yield the frames, beginning with those on which the first one depends."""
        first = self._start
        if self._config.quality == "best":
            # Imported here, since only best needs penalties, which take half a second to import.
            from edlrr_cli.tasks.denoise.temporal import RADIUS

            first = max(self._start - 2 * RADIUS, 0)
        windows = noise_of_windows(self._source, self._config, start=first)
        for index, frame in enumerate(self._source.frames(start=first), start=first):
            if index in (first, index // NUM_WINDOW * NUM_WINDOW):
                self.windows.append(next(windows))
            pixels = unit_range(frame.pixels, self._source.info.peak)
            yield _Noisy(index, frame, self.windows[-1].noise, pixels)

    def _channels_over_time(self, noisy: _Noisy) -> int | None:
        """Return the number of channels of a frame that is denoised with its neighbors, None for others."""
        level = noisy.noise.sigma * self._config.strength
        if self._config.quality != "best" or noisy.noise.kind != "white" or level == 0:
            return None
        return self._image(noisy).shape[0]

    def _image(self, noisy: _Noisy) -> Tensor:
        assert self._denoiser is not None
        is_color = self._denoiser.channels == 3
        return channels_of(noisy.pixels if is_color else without_copies(noisy.pixels), self.device)

    def _by_itself(self, noisy: _Noisy) -> Denoised:
        noise = noisy.noise.scaled(self._config.strength)
        if noise.sigma == 0:
            return Denoised(noisy.index, noisy.frame, noisy.frame.pixels, None)
        (clean,) = remove_noise([noisy.pixels], [noise], self._config, self._denoiser, self.device)
        return Denoised(noisy.index, noisy.frame, self._levels(clean, noisy.frame.pixels), None)

    def _over_time(self, run: Iterable[_Noisy]) -> Iterator[Denoised]:
        """Denoise adjacent frames with as many channels."""
        from edlrr_cli.tasks.denoise.temporal import denoise_temporal

        pending: deque[_Noisy] = deque()

        def images() -> Iterator[tuple[Tensor, float]]:
            for noisy in run:
                pending.append(noisy)
                yield self._image(noisy), noisy.noise.sigma

        for estimate in denoise_temporal(images(), self._network, strength=self._config.strength):
            noisy = pending.popleft()
            pixels = self._levels(pixels_of(estimate.clean), noisy.frame.pixels)
            yield Denoised(noisy.index, noisy.frame, pixels, estimate.is_still)

    def _network(self, image: Tensor, sigma: float) -> Tensor:
        assert self._denoiser is not None
        level = torch.full((1,), sigma, dtype=torch.float32, device=self.device)
        return denoise_by_network(image[None], level, self._denoiser)[0]

    def _levels(self, clean: NDArray[np.float64], like: Levels) -> Levels:
        """Return pixels on [0, 1] in the shape and dtype of a frame."""
        peak = self._source.info.peak
        levels = np.rint(clean * peak).clip(0, peak).astype(like.dtype)
        return np.ascontiguousarray(np.broadcast_to(levels, like.shape))
