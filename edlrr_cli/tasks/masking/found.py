"""What a detection returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.dilation import dilated

Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Found:
    """The defects of an image.

    Attributes:
        hole: Shape (h, w), True = defect.
        score: How sure the mask is, within [0, 1]: 0.5 where the defects are as strong as the threshold, 1
            where they are far beyond it; 0 with nothing found.
        notes: Assumptions and limits, one phrase each, for the user.
    """

    hole: Bools
    score: float
    notes: tuple[str, ...] = ()

    @property
    def fraction(self) -> float:
        """Return the fraction of the pixels that are defects."""
        return float(self.hole.mean())

    @property
    def num_defects(self) -> int:
        """Return the number of connected defects."""
        from scipy.ndimage import label

        return int(label(self.hole, np.ones((3, 3)))[1])

    def dilated(self, radius_px: int) -> Found:
        """Return the defects, dilated by a disk."""
        return Found(dilated(self.hole, radius_px), self.score, self.notes)


def certainty(strength: float, threshold: float) -> float:
    """Return the score of a strength at or above its threshold.

    Example:
        >>> certainty(2.0, 2.0), certainty(8.0, 2.0)
        (0.5, 0.875)
    """
    return 1 - 0.5 * threshold / max(strength, threshold)
