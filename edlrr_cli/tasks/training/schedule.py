"""Learning rate schedule."""

from __future__ import annotations

import math

_WARM_UP = 0.1
_START, _END = 1 / 25, 1e-4


def one_cycle(progress: float) -> float:
    """Return the learning rate as a fraction of its maximum: cosine warm-up, then cosine decay to near 0.

    Args:
        progress: Fraction of the run that is done, in [0, 1].

    Source: Smith, Topin, "Super-convergence: very fast training of neural networks using large learning
        rates", 2018, as in `torch.optim.lr_scheduler.OneCycleLR`, which supports steps but not time budgets.

    Example:
        >>> [round(one_cycle(progress), 3) for progress in (0, 0.1, 0.55, 1)]
        [0.04, 1.0, 0.5, 0.0]
    """
    if progress < _WARM_UP:
        return _between(_START, 1.0, progress / _WARM_UP)
    return _between(1.0, _END, min((progress - _WARM_UP) / (1 - _WARM_UP), 1.0))


def _between(start: float, end: float, fraction: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * fraction)) / 2
