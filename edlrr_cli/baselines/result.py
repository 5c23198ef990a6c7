"""Progress, result and monitoring of the baseline methods."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.errors import NumericsError

Pixels = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Progress:
    """Progress of a method, reported after each step.

    Attributes:
        step: Steps done.
        num_steps: Maximum number of steps.
        loss: The method's objective, or the change that stops it.
        stage: Name of the method.
    """

    step: int
    num_steps: int
    loss: float
    stage: str


Callback = Callable[[Progress], None]


@dataclass(frozen=True, eq=False)
class Result:
    """Result of a method.

    Attributes:
        raw: Image computed by the method, shape (h, w, c), float64, neither clipped nor with the known pixels
            restored; some methods keep them.
        iterations: Steps done; 0 for a direct method.
        stop: ``"tolerance"``, ``"iterations"`` or ``"direct"`` (no iteration).
        history: (step, loss), after each step.
    """

    raw: Pixels
    iterations: int
    stop: str
    history: tuple[tuple[int, float], ...] = ()

    def restored(self, image: Pixels, known: Bools) -> Pixels:
        """Return the image clipped to [0, 1], with the exact known pixels."""
        return np.where(known[..., None], image, self.raw.clip(0.0, 1.0))


class Monitor:
    """Records the history of an iteration, calls the callback, and rejects NaN and Inf.

    Args:
        method: Name of the method, for the error.
        num_steps: Maximum number of steps.
        callback: Called after each step.
    """

    def __init__(self, method: str, num_steps: int, callback: Callback | None) -> None:
        self._method, self._num_steps, self._callback = method, num_steps, callback
        self.history: list[tuple[int, float]] = []

    def note(self, loss: float) -> None:
        """Record one step.

        Raises:
            NumericsError: The loss is NaN or infinite.
        """
        step = len(self.history) + 1
        if not math.isfinite(loss):
            raise NumericsError(f"{self._method} became {loss} at step {step}", "change its parameters")
        self.history.append((step, loss))
        if self._callback is not None:
            self._callback(Progress(step, self._num_steps, loss, self._method))

    def result(self, raw: Pixels, *, converged: bool) -> Result:
        """Return the result of the iteration."""
        stop = "tolerance" if converged else "iterations"
        return Result(raw, len(self.history), stop, tuple(self.history))
