"""Shrinkage operators: the proximal maps that most of the methods use."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Rule = Callable[[Tensor], Tensor]

# Below this fraction of the largest, a singular value from a float64 Gram matrix has no correct digit.
_NOISE_FLOOR = 1e-8


def soft(X: Tensor, threshold: float | Tensor) -> Tensor:
    """Return sign(x) max(|x| - threshold, 0), entrywise."""
    return torch.sign(X) * (X.abs() - threshold).clamp_min(0.0)


def soft_columns(X: Tensor, threshold: float | Tensor) -> Tensor:
    """Return x_j max(1 - threshold / ||x_j||, 0) for each column: the prox of the sum of column norms.

    Args:
        X: Shape (..., m, n). Not modified.
        threshold: Threshold, broadcast against the norms, shape (..., 1, n).
    """
    norms: Tensor = torch.linalg.vector_norm(X, dim=-2, keepdim=True)
    return X * (1 - threshold / norms.clamp_min(torch.finfo(X.dtype).tiny)).clamp_min(0.0)


def shrink_singular_values(Y: Tensor, rule: Rule) -> tuple[Tensor, Tensor]:
    """Replace the singular values of each matrix, U diag(sigma) V^H -> U diag(rule(sigma)) V^H.

    Uses the eigenvectors of the smaller Gram matrix, in double precision for any input: several times as fast
    as an SVD, and as accurate for all values above 1e-8 of the largest. Those below become 0.

    Args:
        Y: Shape (..., m, n), real or complex. Not modified.
        rule: Maps singular values (..., k), float64, descending, to new ones of the same shape.

    Returns:
        The matrices, dtype of Y, and their singular values as the rule returns them, shape (..., k).
    """
    if Y.shape[-2] < Y.shape[-1]:
        X, sigma = shrink_singular_values(Y.mH, rule)
        return X.mH, sigma
    S = Y.to(torch.complex128 if Y.is_complex() else torch.float64)
    squares, V = torch.linalg.eigh(S.mH @ S)
    squares, V = squares.flip(-1), V.flip(-1)
    sigma = squares.clamp_min(0.0).sqrt()
    present = sigma > _NOISE_FLOOR * sigma[..., :1]
    sigma = sigma.where(present, 0.0)
    shrunk = rule(sigma).where(present, 0.0)
    gain = (shrunk / sigma.where(present, 1.0)).to(S.dtype)
    return ((S @ (V * gain[..., None, :])) @ V.mH).to(Y.dtype), shrunk


def svt(Y: Tensor, threshold: float | Tensor) -> tuple[Tensor, Tensor]:
    """Threshold the singular values: the proximal map of threshold * nuclear norm.

    Returns:
        U diag(max(sigma - threshold, 0)) V^H and its singular values, descending.

    Source: Cai, Candes, Shen, "A singular value thresholding algorithm for matrix completion", 2010.

    Example:
        >>> X, sigma = svt(torch.diag(torch.tensor([3.0, 1.0])), 2.0)
        >>> sigma.tolist()
        [1.0, 0.0]
    """
    return shrink_singular_values(Y, lambda sigma: (sigma - threshold).clamp_min(0.0))
