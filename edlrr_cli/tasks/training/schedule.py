"""The learning rate over the course of a training run."""

from __future__ import annotations

import math

_WARM_UP = 0.1
_START, _END = 1 / 25, 1e-4


def one_cycle(progress: float) -> float:
    """Return the share of the largest learning rate: up, then down to almost nothing, along cosines.

    Args:
        progress: How much of the run is over, 0 .. 1.

    Source: Smith, Topin, "Super-convergence: very fast training of neural networks using large learning
        rates", 2018, as in `torch.optim.lr_scheduler.OneCycleLR`, which counts steps and cannot count time.

    Example:
        >>> [round(one_cycle(progress), 3) for progress in (0, 0.1, 0.55, 1)]
        [0.04, 1.0, 0.5, 0.0]
    """
    if progress < _WARM_UP:
        return _between(_START, 1.0, progress / _WARM_UP)
    return _between(1.0, _END, min((progress - _WARM_UP) / (1 - _WARM_UP), 1.0))


def _between(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
