"""Parts of computations with matrices: shapes, denominators, eigenvectors, the largest eigenvalue."""

from __future__ import annotations

from contextlib import suppress

import torch
from torch import Tensor


def wide_of(S: Tensor) -> Tensor:
    """Transpose tall matrices, shape (..., m, n), so that m <= n."""
    return S if S.shape[-2] <= S.shape[-1] else S.mT


def shaped_like(wide: Tensor, S: Tensor) -> Tensor:
    """Undo `wide_of` for a result of its shape, and convert it to the dtype of S."""
    return (wide if S.shape[-2] <= S.shape[-1] else wide.mT).to(S.dtype)


def positive(x: Tensor) -> Tensor:
    """Replace zeros by ones, for denominators such that 0 / 0 is 0."""
    return torch.where(x > 0, x, 1.0)


def largest_eigenvalue(Q: Tensor) -> Tensor:
    """Return the largest eigenvalue of a symmetric positive matrix, by repeated squaring.

    It is the Rayleigh quotient of the largest column of Q^128, with relative error (lambda_2 / lambda_1)^256.
    """
    P = Q
    for _ in range(7):
        P = P / positive(torch.linalg.matrix_norm(P))[..., None, None]
        P = P @ P
    column = P.norm(dim=-2).argmax(-1)[..., None, None].expand(*P.shape[:-1], 1)
    v = P.gather(-1, column)
    return (v.mT @ (Q @ v)).squeeze((-2, -1)) / positive((v.mT @ v).squeeze((-2, -1)))


def eigenvectors(gram: Tensor) -> Tensor:
    """Return the eigenvectors of symmetric matrices, shape (b, k, k)."""
    # LAPACK in float32 fails on some matrices of rounding errors, which matrices of one color have: it does
    # not converge, or returns NaN.
    U = torch.full_like(gram, torch.nan)
    with suppress(torch.linalg.LinAlgError):  # type: ignore[attr-defined]
        U = torch.linalg.eigh(gram)[1]
    failed = ~U.isfinite().flatten(1).all(1)
    if failed.any():
        U[failed] = torch.linalg.eigh(gram[failed].double())[1].to(U.dtype)
    return U
