"""Weighted products of small matrices without their mean row."""

from __future__ import annotations

from torch import Tensor


def centered(S: Tensor) -> Tensor:
    """Subtract the mean row, a self-adjoint map, from matrices (g, k, m)."""
    return S - S.mean(1, keepdim=True)


def product(S: Tensor, weights: Tensor, *, among_rows: bool) -> Tensor:
    """Return W S, or S W less its mean row, shape (g, k, m).

    Args:
        S: Shape (g, k, m).
        weights: W, symmetric, shape (g, k, k), or (g, m, m).
        among_rows: Whether the weights are (g, k, k); these subtract the mean themselves.
    """
    return weights @ S if among_rows else centered((weights @ S.mT).mT)
