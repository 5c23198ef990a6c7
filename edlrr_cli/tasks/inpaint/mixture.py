"""Mixture of several restorations of one image, with local weights fitted to held-out pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]

# Radius within which a hidden pixel changes the weights, and the number of hidden pixels that the weights of
# the whole image count as.
_REACH_PX, _INERTIA = 32.0, 1000.0
# Side of the cells in which the weights are fitted; between their centers they are interpolated.
_CELL_PX = 8
# Radius of the neighborhood that the expected error is averaged over.
_SMOOTH_PX = 2.0
_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Mixture:
    """A mixture of restorations.

    Attributes:
        pixels: Shape (h, w, c).
        weights: Mean weight of each candidate over the missing pixels; they sum to 1.
        error: Expected root mean square error over the channels, shape (h, w).
    """

    pixels: Pixels
    weights: tuple[float, ...]
    error: Pixels


def mix(candidates: Sequence[Pixels], truth: Pixels, hidden: Bools, missing: Bools) -> Mixture:
    """Mix candidates by least squares on the hidden pixels.

    Non-negative weights are fitted to all hidden pixels, and then adapted in each region to those nearby. The
    expected error grows with the spread of the candidates, as fitted to the hidden pixels.

    Args:
        candidates: At least one image, shape (h, w, c) each. Not modified.
        truth: Same shape; used at hidden pixels only.
        hidden: Shape (h, w), True = known pixel that was hidden from all candidates; at least one.
        missing: Shape (h, w), True = missing pixel, over which weights are averaged; at least one.
    """
    overall = _fit_weights(candidates, truth, hidden)
    base = _sum(overall, candidates)
    differences = [candidate - base for candidate in candidates]
    changes = _local_changes(differences, (truth - base) * hidden[..., None], hidden)
    weights = (overall[:, None, None] + changes).clip(0.0)
    weights /= weights.sum(0)
    pixels = base + _sum(weights[..., None], differences)
    spread = _sum(weights, [np.square(each - pixels).mean(2) for each in candidates])
    spread = _smoothed(spread, hidden | missing)
    error = _expected_error(np.square(pixels - truth).mean(2)[hidden], spread, hidden)
    return Mixture(pixels, tuple(weights[:, missing].mean(1).tolist()), error)


def _sum(weights: NDArray[np.float64], parts: Sequence[Pixels]) -> Pixels:
    return np.asarray(sum(weight * part for weight, part in zip(weights, parts, strict=True)))


def _fit_weights(candidates: Sequence[Pixels], truth: Pixels, hidden: Bools) -> NDArray[np.float64]:
    """Return non-negative weights that sum to 1 and fit all hidden pixels best."""
    from scipy.optimize import nnls

    values = np.stack([candidate[hidden].ravel() for candidate in candidates], axis=1)
    # A row that outweighs all others constrains the sum to 1.
    heavy = 1e3 * np.sqrt(len(values))
    rows = np.vstack([values, np.full((1, values.shape[1]), heavy)])
    weights, _ = nnls(rows, np.append(truth[hidden].ravel(), heavy))
    return np.asarray(weights / weights.sum())


def _local_changes(differences: Sequence[Pixels], wanted: Pixels, hidden: Bools) -> NDArray[np.float64]:
    """Return the local changes of the weights, shape (n, h, w).

    Args:
        differences: Candidates minus the mixture with the weights of the whole image, shape (h, w, c) each.
        wanted: Truth minus that mixture, 0 where not hidden.
        hidden: Shape (h, w).
    """
    from scipy.ndimage import gaussian_filter, zoom

    def nearby(product: Pixels) -> Pixels:
        peak = (
            2 * np.pi * (_REACH_PX / _CELL_PX) ** 2
        )  # so that a hidden pixel has the weight 1 in its own cell
        return np.asarray(peak * gaussian_filter(_cell_sums(product), _REACH_PX / _CELL_PX, mode="constant"))

    count, (height, width) = len(differences), hidden.shape
    hidden_differences = [difference * hidden[..., None] for difference in differences]
    b = np.stack([nearby(each * wanted) for each in hidden_differences], axis=-1)
    A = np.empty((*b.shape, count))
    for i in range(count):
        for j in range(i, count):
            A[..., i, j] = A[..., j, i] = nearby(hidden_differences[i] * hidden_differences[j])
    typical = np.mean([np.square(each).sum() for each in hidden_differences]) / hidden.sum()
    A += (_INERTIA * typical + _TINY) * np.eye(count)
    changes = np.moveaxis(np.linalg.solve(A, b[..., None])[..., 0], 2, 0)
    scale = (1, _CELL_PX, _CELL_PX)
    return np.asarray(zoom(changes, scale, order=1, mode="nearest", grid_mode=True)[:, :height, :width])


def _cell_sums(values: Pixels) -> Pixels:
    """Return the sums over square cells and channels; the last cells may extend beyond the image."""
    by_rows = np.add.reduceat(values.sum(2), np.arange(0, values.shape[0], _CELL_PX), axis=0)
    return np.asarray(np.add.reduceat(by_rows, np.arange(0, values.shape[1], _CELL_PX), axis=1))


def _smoothed(values: Pixels, where: Bools) -> Pixels:
    """Return local means of the values where ``where`` is True."""
    from scipy.ndimage import gaussian_filter

    total, count = (gaussian_filter(part * 1.0, _SMOOTH_PX) for part in (values * where, where))
    return np.asarray(total / np.maximum(count, _TINY))


def _expected_error(squares: Pixels, spread: Pixels, hidden: Bools) -> Pixels:
    """Return sqrt(a + b * spread), with a, b >= 0 fitted to the hidden pixels."""
    from scipy.optimize import nnls

    # The scatter of squared errors grows with their size, so the fit is relative to the expected size.
    size = spread[hidden] + squares.mean() + _TINY
    rows = np.stack([np.ones_like(size), spread[hidden]], axis=1) / size[:, None]
    (constant, slope), _ = nnls(rows, squares / size)
    return np.asarray(np.sqrt(constant + slope * spread))
