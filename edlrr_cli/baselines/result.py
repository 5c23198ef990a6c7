"""Progress and result of the baseline methods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Progress:
    """Progress of a method, reported after each step.

    Attributes:
        loss: The method's objective, or the change that stops it.
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
