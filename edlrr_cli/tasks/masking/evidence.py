"""The evidence that a candidate is a defect: a logistic model of the logarithms of its features.

The weights were fitted to photographs with synthetic defects, drawn by `edlrr_cli.bench.defects`, against
what the same detection finds in the photographs as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Features = Mapping[str, Values]

# Features are bounded from below before the logarithm.
_LEAST = 1e-3


@dataclass(frozen=True)
class Evidence:
    """A logistic model.

    Attributes:
        weights: Weight of the logarithm of each feature by name.
        offset: Added to the weighted sum.
    """

    weights: Mapping[str, float]
    offset: float

    def logits(self, features: Features) -> Values:
        """Return the logarithm of the odds that each candidate is a defect, shape (n,)."""
        logs = [weight * np.log(np.maximum(features[name], _LEAST)) for name, weight in self.weights.items()]
        return np.asarray(np.sum(logs, axis=0) + self.offset)


def is_gray(pixels: NDArray[np.float64]) -> bool:
    """Whether an image, shape (h, w, c), has no colors, up to rounding."""
    return pixels.shape[2] == 1 or float(np.ptp(pixels, axis=2).mean()) < 2 / 255
