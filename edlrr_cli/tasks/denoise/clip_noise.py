"""The noise of a clip: one estimate for a window of frames, so that it does not jump between frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.tasks.denoise.config import Config
from edlrr_cli.tasks.denoise.noise_level import estimate_noise_level
from edlrr_cli.tasks.denoise.noise_type import Noise, estimate_noise
from edlrr_cli.tasks.frames import Source

NUM_WINDOW = 60
"""Frames of a window."""

# Frames of a window whose noise is estimated.
_NUM_SAMPLES = 5


@dataclass(frozen=True)
class WindowNoise:
    """The noise of a window.

    Attributes:
        start: Index of the first frame.
    """

    start: int
    noise: Noise


def noise_of_windows(source: Source, config: Config, *, start: int) -> Iterator[WindowNoise]:
    """Yield the noise of each window, for ever after the last one.

    Args:
        start: A frame of the first window. Windows start at multiples of `NUM_WINDOW`.
    """
    first = start // NUM_WINDOW * NUM_WINDOW
    every = NUM_WINDOW // _NUM_SAMPLES
    frames = source.frames(start=first, every=every) if config.sigma is None else iter(())
    noise = Noise.white(0.0 if config.sigma is None else config.sigma)
    while True:
        found = [
            frame_noise(unit_range(frame.pixels, source.info.peak), config.noise_type)
            for frame in islice(frames, _NUM_SAMPLES)
        ]
        noise = typical_noise(found) if found else noise
        yield WindowNoise(first, noise)
        first += NUM_WINDOW


def frame_noise(pixels: NDArray[np.float64], noise_type: str) -> Noise:
    """Estimate the noise of a frame of shape (h, w, c).

    In images, the differences of colors bound the level of white noise. Most clips store colors at half the
    size, where these differences have lost it.
    """
    noise = estimate_noise(pixels, noise_type=noise_type)
    if noise.kind != "white":
        return noise
    return Noise.white(estimate_noise_level(pixels), noise.correlation_px)


def unit_range(pixels: NDArray[Any], peak: int) -> NDArray[np.float64]:
    """Return integer pixels on [0, 1]."""
    return pixels.astype(np.float64) / peak


def typical_noise(noises: Sequence[Noise]) -> Noise:
    """Return the medians over the noises of the most frequent kind; at least one noise.

    Example:
        >>> typical_noise([Noise.white(0.1), Noise.white(0.3), Noise.white(0.2)]).sigma
        0.2
    """
    ((kind, _),) = Counter(noise.kind for noise in noises).most_common(1)
    chosen = [noise for noise in noises if noise.kind == kind]
    levels = [each.name for each in fields(Noise) if each.name != "kind"]
    return Noise(kind=kind, **{name: median(getattr(noise, name) for noise in chosen) for name in levels})
