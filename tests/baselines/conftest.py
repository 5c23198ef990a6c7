"""What the tests of the methods share: small images of low rank with holes, and how to run a method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from edlrr_cli.baselines.registry import run
from edlrr_cli.baselines.result import Bools, Pixels, Result


def low_rank_image(height: int = 30, width: int = 36, channels: int = 3, rank: int = 2) -> Pixels:
    """A smooth image in [0, 1] whose channels have a known rank."""
    y, x = np.linspace(0, 3, height), np.linspace(0, 4, width)
    terms = [np.outer(np.cos(k * y + 0.3), np.sin(k * x + 0.7)) for k in range(1, rank)]
    shades = [0.5 + 0.15 * (1 + 0.3 * channel) * sum(terms) for channel in range(channels)]
    return np.stack(shades, axis=2)


def random_hole(height: int, width: int, rate: float = 0.3, seed: int = 0) -> Bools:
    """Known pixels, True, where a fraction ``rate`` is missing at random."""
    return np.random.default_rng(seed).random((height, width)) >= rate


@pytest.fixture(scope="session")
def sample() -> Callable[..., Pixels]:
    return low_rank_image


@pytest.fixture(scope="session")
def hole() -> Callable[..., Bools]:
    return random_hole


@pytest.fixture(scope="session")
def complete() -> Callable[..., Result]:
    """Run a method on the CPU in float64."""

    def start(name: str, image: Pixels, known: Bools, **params: Any) -> Result:
        settings: dict[str, Any] = {"device": torch.device("cpu"), "dtype": torch.float64, **params}
        return run(name, image, known, **settings)

    return start
