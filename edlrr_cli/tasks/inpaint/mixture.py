"""Several restorations of one picture, mixed region by region as hidden known pixels ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]

# How far a hidden pixel counts, in pixels, and how many of them the whole picture's choice counts as.
_REACH_PX, _INERTIA = 32.0, 1000.0
# The expected error is that of a neighbourhood so wide.
_SMOOTH_PX = 2.0
_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Mixture:
    """What came of it.

    Attributes:
        pixels: Shape (h, w, c).
        shares: Of each candidate, mean over the missing pixels; they sum to 1.
        error: Expected root mean square error over the channels, shape (h, w).
    """

    pixels: Pixels
    shares: tuple[float, ...]
    error: Pixels


def mix(candidates: Sequence[Pixels], truth: Pixels, hidden: Bools, missing: Bools) -> Mixture:
    """Mix candidates by least squares on the hidden pixels.

    One choice of shares, none below 0, fits all hidden pixels; those nearby move it in each region. The
    expected error grows with how much the candidates differ, as it does on the hidden pixels.

    Args:
        candidates: At least one, shape (h, w, c) each. Not modified.
        truth: Same shape; looked at where hidden alone.
        hidden: Shape (h, w), True = a known pixel that no candidate has seen; at least one.
        missing: Shape (h, w), True = missing pixel, over which shares are averaged; at least one.
    """
    whole = _shares(candidates, truth, hidden)
    base = _sum(whole, candidates)
    differences = [candidate - base for candidate in candidates]
    moves = _moves(differences, (truth - base) * hidden[..., None], hidden)
    shares = (whole[:, None, None] + moves).clip(0.0)
    shares /= shares.sum(0)
    pixels = base + _sum(shares[..., None], differences)
    spread = _sum(shares, [np.square(each - pixels).mean(2) for each in candidates])
    spread = _smoothed(spread, hidden | missing)
    error = _expected_error(np.square(pixels - truth).mean(2)[hidden], spread, hidden)
    return Mixture(pixels, tuple(shares[:, missing].mean(1).tolist()), error)


def _sum(shares: NDArray[np.float64], parts: Sequence[Pixels]) -> Pixels:
    return np.asarray(sum(share * part for share, part in zip(shares, parts, strict=True)))


def _shares(candidates: Sequence[Pixels], truth: Pixels, hidden: Bools) -> NDArray[np.float64]:
    """Return non-negative shares that sum to 1 and fit all hidden pixels best."""
    from scipy.optimize import nnls

    values = np.stack([candidate[hidden].ravel() for candidate in candidates], axis=1)
    # A row that outweighs all others asks for the sum.
    heavy = 1e3 * np.sqrt(len(values))
    rows = np.vstack([values, np.full((1, values.shape[1]), heavy)])
    shares, _ = nnls(rows, np.append(truth[hidden].ravel(), heavy))
    return np.asarray(shares / shares.sum())


def _moves(differences: Sequence[Pixels], wanted: Pixels, hidden: Bools) -> NDArray[np.float64]:
    """Return how shares differ from the whole picture's, shape (n, h, w).

    Args:
        differences: Of the candidates from the whole picture's mixture.
        wanted: What is missing to the truth, 0 where not hidden.
        hidden: Shape (h, w).
    """
    from scipy.ndimage import gaussian_filter

    def nearby(product: Pixels) -> Pixels:
        peak = 2 * np.pi * _REACH_PX**2  # so that a hidden pixel counts for one where it is
        return np.asarray(peak * gaussian_filter(product.sum(2), _REACH_PX, mode="constant"))

    count = len(differences)
    there = [difference * hidden[..., None] for difference in differences]
    A = np.empty((*hidden.shape, count, count))
    b = np.empty((*hidden.shape, count))
    for i in range(count):
        b[..., i] = nearby(there[i] * wanted)
        for j in range(i, count):
            A[..., i, j] = A[..., j, i] = nearby(there[i] * there[j])
    typical = np.mean([np.square(each).sum() for each in there]) / hidden.sum()
    A += (_INERTIA * typical + _TINY) * np.eye(count)
    return np.asarray(np.moveaxis(np.linalg.solve(A, b[..., None])[..., 0], 2, 0))


def _smoothed(values: Pixels, where: Bools) -> Pixels:
    """Return means of the values nearby, of those at the places alone."""
    from scipy.ndimage import gaussian_filter

    total, count = (gaussian_filter(part * 1.0, _SMOOTH_PX) for part in (values * where, where))
    return np.asarray(total / np.maximum(count, _TINY))


def _expected_error(squares: Pixels, spread: Pixels, hidden: Bools) -> Pixels:
    """Return the root of a + b times the spread of the candidates, a, b >= 0 as fits the hidden pixels."""
    from scipy.optimize import nnls

    # Squares of errors scatter with their size: relative to what is expected, all count alike.
    size = spread[hidden] + squares.mean() + _TINY
    rows = np.stack([np.ones_like(size), spread[hidden]], axis=1) / size[:, None]
    (constant, slope), _ = nnls(rows, squares / size)
    return np.asarray(np.sqrt(constant + slope * spread))
