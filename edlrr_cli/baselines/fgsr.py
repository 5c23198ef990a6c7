"""FGSR: Schatten-2/3 and Schatten-1/2 quasi-norms as the minimal cost of factors A B, without SVD.

Source: Fan, Ding, Chen, Udell, "Factor group-sparse regularization for efficient low-rank matrix
    recovery", 2019, and the solvers that its authors published. Their weight alpha between the factors is 1
    here; others only rescale the regularizer by alpha^(1/3) or alpha^(1/2).
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from edlrr_cli.baselines.shrinkage import soft_columns

# The authors' threshold on the squared norm of a column or row, which is absolute: it depends on the scale.
_NEGLIGIBLE = 1e-5


class Factors(NamedTuple):
    """Factors of X = A B: A, shape (c, m, d), with columns a_j, and B, shape (c, d, n), with rows b_j."""

    A: Tensor
    B: Tensor


class Regularizer(Protocol):
    """A cost of factors and the steps that ADMM needs."""

    def cost(self, factors: Factors) -> Tensor:
        """Return the cost, summed over the channels."""

    def factorize(self, Y: Tensor, max_rank: int) -> Factors:
        """Return the factors of minimal cost whose product is the best approximation of Y of that rank."""

    def step_B(self, factors: Factors, target: Tensor, penalty: float, safety: float) -> Tensor:
        """Return a B that lowers cost + penalty / 2 ||target - A B||_F^2."""


class TwoThirds:
    """sum_j ||a_j|| + 1/2 ||B||_F^2, whose minimum over A B = X is 3/2 sum_i sigma_i(X)^(2/3)."""

    def cost(self, factors: Factors) -> Tensor:
        """Return the cost, summed over the channels."""
        return _sum_of_norms(factors.A) + factors.B.square().sum() / 2

    def factorize(self, Y: Tensor, max_rank: int) -> Factors:
        """Return A = U S^(2/3), B = S^(1/3) V^T of the leading singular triplets of Y."""
        return _split(Y, max_rank, 2 / 3)

    def step_B(self, factors: Factors, target: Tensor, penalty: float, safety: float) -> Tensor:
        """Return the minimizer, (penalty A^T A + I)^-1 penalty A^T target; `safety` is not needed."""
        A = factors.A
        normal = penalty * (A.mT @ A)
        normal.diagonal(dim1=-2, dim2=-1).add_(1.0)
        return torch.cholesky_solve(penalty * (A.mT @ target), torch.linalg.cholesky(normal))


class Half:
    """sum_j ||a_j|| + sum_j ||b_j||, whose minimum over A B = X is 2 sum_i sigma_i(X)^(1/2)."""

    def cost(self, factors: Factors) -> Tensor:
        """Return the cost, summed over the channels."""
        return _sum_of_norms(factors.A) + _sum_of_norms(factors.B.mT)

    def factorize(self, Y: Tensor, max_rank: int) -> Factors:
        """Return A = U S^(1/2), B = S^(1/2) V^T of the leading singular triplets of Y."""
        return _split(Y, max_rank, 1 / 2)

    def step_B(self, factors: Factors, target: Tensor, penalty: float, safety: float) -> Tensor:
        """Return B after one proximal gradient step of length 1 / (safety penalty ||A||_2^2)."""
        A, B = factors
        return step_A(Factors(B.mT, A.mT), target.mT, penalty, safety).mT


def step_A(factors: Factors, target: Tensor, penalty: float, safety: float) -> Tensor:
    """Return A after one proximal gradient step on sum_j ||a_j|| + penalty / 2 ||target - A B||_F^2.

        A <- soft_columns(A + (target - A B) B^T / L, 1 / (penalty L)),   L = safety ||B||_2^2

    The step does not raise it for safety >= 1. A column of A stays 0 if its row of B is 0, too.
    """
    A, B = factors
    gram = B @ B.mT
    tiny = torch.finfo(A.dtype).tiny
    length = 1 / (safety * torch.linalg.eigvalsh(gram)[..., -1, None, None]).clamp_min(tiny)
    return soft_columns(A + (target @ B.mT - A @ gram) * length, length / penalty)


def prune(factors: Factors, *, by_rows: bool) -> Factors:
    """Set negligible pairs of a column and a row to 0, and remove those that are 0 in every channel.

    A pair of zeros stays zero in all steps, so each channel continues as if its own pairs had been removed.

    Args:
        factors: Not modified.
        by_rows: Whether a negligible row of B is sufficient, in addition to a negligible column of A.
    """
    A, B = factors
    present = A.square().sum(-2) > _NEGLIGIBLE
    if by_rows:
        present &= B.square().sum(-1) > _NEGLIGIBLE
    A, B = A * present[:, None, :], B * present[:, :, None]
    somewhere = present.any(0)
    somewhere[0] = True  # an eigenvalue of an empty matrix is an error
    return Factors(A, B) if somewhere.all() else Factors(A[..., somewhere], B[:, somewhere])


def settled(before: tuple[Tensor, Tensor, Tensor], after: tuple[Tensor, Tensor, Tensor], rtol: float) -> bool:
    """Return whether every channel meets the authors' stopping criterion.

    It is max(e_A, e_B, e_E) < rtol or e_E < rtol / 10, with the relative changes e of A, B and a full matrix
    E. A matrix that was 0 and still is 0, as E at first, is ignored and does not stop the loop.
    """
    norm = torch.linalg.matrix_norm
    changes = [norm(new - old) / norm(old) for old, new in zip(before, after, strict=True)]
    # 0 / 0 is NaN, which fmax ignores and which is not less than anything.
    greatest = torch.fmax(torch.fmax(changes[0], changes[1]), changes[2])
    return bool(((greatest < rtol) | (changes[2] < rtol / 10)).all())


def _sum_of_norms(A: Tensor) -> Tensor:
    """Return the sum of the norms of the columns of A, shape (..., m, d)."""
    norms: Tensor = torch.linalg.vector_norm(A, dim=-2)
    return norms.sum()


def _split(Y: Tensor, max_rank: int, power: float) -> Factors:
    """Return U S^power and S^(1 - power) V^T of the leading singular triplets of Y."""
    U, sigma, Vh = torch.linalg.svd(Y, full_matrices=False)
    U, sigma, Vh = U[..., :max_rank], sigma[..., :max_rank], Vh[..., :max_rank, :]
    return Factors(U * sigma.pow(power)[..., None, :], sigma.pow(1 - power)[..., None] * Vh)
