"""What every method is told, and what it returns."""

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
    """What a callback is told after each step.

    Attributes:
        step: Steps done.
        num_steps: Steps at most.
        loss: What the method watches: its objective, or the change that it stops by.
        stage: The method.
    """

    step: int
    num_steps: int
    loss: float
    stage: str


Callback = Callable[[Progress], None]


@dataclass(frozen=True, eq=False)
class Result:
    """Outcome of a method.

    Attributes:
        raw: The image as the method leaves it, shape (h, w, c), float64: neither clipped nor with the
            known pixels put back. Methods that keep those return them as they came.
        iterations: Steps done; 0 for a method without any.
        stop: ``"tolerance"``, ``"iterations"`` or ``"direct"`` (no iteration).
        history: (step, loss), after each step.
    """

    raw: Pixels
    iterations: int
    stop: str
    history: tuple[tuple[int, float], ...] = ()

    def restored(self, image: Pixels, known: Bools) -> Pixels:
        """Return the image clipped to [0, 1], the known pixels put back bit by bit."""
        return np.where(known[..., None], image, self.raw.clip(0.0, 1.0))


class Monitor:
    """Keeps the history of a loop, tells the callback, and refuses what is not finite.

    Args:
        method: Named in the error.
        num_steps: Steps at most.
        callback: Told after each step.
    """

    def __init__(self, method: str, num_steps: int, callback: Callback | None) -> None:
        self._method, self._num_steps, self._callback = method, num_steps, callback
        self.history: list[tuple[int, float]] = []

    def note(self, loss: float) -> None:
        """Count one step.

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
        """Return the outcome of the loop."""
        stop = "tolerance" if converged else "iterations"
        return Result(raw, len(self.history), stop, tuple(self.history))
