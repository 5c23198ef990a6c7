"""F-measures of all thresholds on a difference, from one pass over the frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.errors import UsageError
from edlrr_cli.metrics.detection import MOVING, counted

# Thresholds are multiples of 1 / _STEPS gray levels, up to _PEAK.
_STEPS, _PEAK = 4, 255


class Best(NamedTuple):
    """The threshold with the largest F-measure, chosen with the ground truth: a bound, not a result."""

    f_measure: float
    threshold: float


class Sweep:
    """Histograms of the differences at moving and at static pixels.

    Example:
        >>> sweep = Sweep()
        >>> sweep.add(np.array([[3.0, 8.0, 9.0]]), np.array([[0, 0, 255]]))
        >>> sweep.best([2, 5, 8])
        Best(f_measure=1.0, threshold=8.0)
    """

    def __init__(self) -> None:
        self._moving = np.zeros(_STEPS * _PEAK + 1, dtype=np.int64)
        self._still = np.zeros_like(self._moving)

    def add(
        self,
        difference: NDArray[np.floating[Any]],
        truth: NDArray[np.integer[Any]],
        *,
        region: NDArray[np.bool_] | None = None,
    ) -> None:
        """Add one frame.

        Args:
            difference: Difference from the background, in gray levels of 255, shape (h, w).

        Raises:
            UsageError: The shapes differ.
        """
        if difference.shape != truth.shape:
            raise UsageError(f"difference: expected the truth's shape {truth.shape}, got {difference.shape}")
        counts = counted(truth, region)
        steps = np.ceil(difference * _STEPS).clip(0, _STEPS * _PEAK).astype(np.intp)
        self._moving += np.bincount(steps[counts & (truth == MOVING)], minlength=len(self._moving))
        self._still += np.bincount(steps[counts & (truth != MOVING)], minlength=len(self._still))

    def best(self, thresholds: Sequence[float] | None = None) -> Best | None:
        """Return the best threshold, the smallest among equals.

        Args:
            thresholds: Multiples of a quarter of a gray level, beyond which a pixel is foreground; None: all.

        Returns:
            None if no pixel is moving in any frame.
        """
        num_moving = int(self._moving.sum())
        if num_moving == 0:
            return None
        steps = np.arange(len(self._moving))
        if thresholds is not None:
            steps = np.rint(np.asarray(thresholds) * _STEPS).astype(np.intp)
        true_positive, false_positive = (
            values.sum() - values.cumsum()[steps] for values in (self._moving, self._still)
        )
        f_measure = 2 * true_positive / (true_positive + false_positive + num_moving)
        index = int(f_measure.argmax())
        return Best(float(f_measure[index]), float(steps[index] / _STEPS))
