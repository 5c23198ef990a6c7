"""First fill of missing pixels, from which the optimization starts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.baselines.biharmonic import biharmonic

Pixels = NDArray[np.floating[Any]]


def fill(image: Pixels, known: NDArray[np.bool_], method: str) -> Pixels:
    """Fill the missing pixels.

    Args:
        image: Shape (h, w, c), values in [0, 1]; missing pixels are ignored. Not modified.
        known: Shape (h, w), True = known pixel, at least one.
        method: ``"biharmonic"`` (scikit-image), ``"mean"`` (of the known pixels, per channel) or ``"zero"``.

    Returns:
        Shape (h, w, c), float64; known pixels unchanged.

    Example:
        >>> fill(np.array([[[0.0], [0.5], [1.0]]]), np.array([[True, False, True]]), "mean").ravel()
        array([0. , 0.5, 1. ])
    """
    observed = np.where(known[..., None], image, 0.0).astype(np.float64)
    if method == "zero":
        return observed
    mean = observed.sum((0, 1)) / known.sum()
    if method == "mean":
        return np.where(known[..., None], observed, mean)
    return biharmonic(observed, known).raw.clip(0.0, 1.0)
