"""Minimization of a penalty on many small matrices of an image over its missing pixels.

    min_X  sum_g c_g R(P_g X),   R(S) = sum_i log(sigma_i(S)^2 + tau^2)

P_g extracts matrix g from the image and subtracts the mean of its rows. Images of one size form a batch, with
channels last, shape (b, h, w, c).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

_TINY = 1e-12
# Smallest eigenvalue that a Gram matrix in float32 resolves, relative to the squared Frobenius norm.
_RESOLUTION = 1e-6
# Bound of the weights, which are at most 1 up to rounding.
_LARGEST = 1.01

#: Called after each round for each image with its index, the number of rounds done, the number of all rounds,
#: the penalty, and the image, shape (c, h, w).
Progress = Callable[[int, int, int, float, Tensor], None]


class Matrices(Protocol):
    """A batch of g matrices of one size, each made of the pixels of one of b images (b, h, w, c)."""

    @property
    def indices(self) -> Tensor:
        """Return the index of a pixel of each (see `edlrr_cli.tasks.pixel_indices`), shape (g,)."""

    def __len__(self) -> int:
        """Return the number of matrices."""

    def gather(self, images: Tensor) -> Tensor:
        """Return the matrices, shape (g, k, m); linear in the images."""

    def add_patches(self, total: Tensor, matrices: Tensor) -> None:
        """Add the adjoint of `gather` to images; in place."""

    def add_weights(self, weight_sum: Tensor, weights: Tensor) -> None:
        """Add to each pixel, shape (b, h, w, 1), the weight of every matrix entry taken from it; in place."""


def errors_of(
    start: float, end: float, num_rounds: int, *, least: Tensor, most: Tensor | None = None
) -> Tensor:
    """Return errors that decay geometrically from round to round.

    Args:
        start: Error of the first round.
        end: Error of the last round.
        num_rounds: At least 1.
        least: Lower bound for each image, shape (b,).
        most: Upper bound of the first error, shape (b,); if it applies, all errors are scaled by it.

    Returns:
        Shape (num_rounds, b), dtype and device of ``least``.
    """
    errors = torch.as_tensor(np.geomspace(start, end, num_rounds)).to(least)[:, None]
    if most is not None:
        errors = errors * (most / start).clamp_max(1.0)
    return errors.clamp_min(least)


def lower_penalty(
    images: Tensor,
    known: Tensor,
    matrices_of: Callable[[Tensor, int], Sequence[Matrices]],
    *,
    errors: Tensor,
    num_steps: int,
    progress: Progress | None = None,
    time_left: Callable[[], bool] | None = None,
) -> Tensor:
    """Lower the penalty by changing the missing pixels.

    Each round replaces the penalty by a quadratic majorizer with the weights W_g = (S_g^T S_g + tau^2)^-1,
    S_g = P_g X, computed by Cholesky, and takes conjugate gradient steps on it; tau shrinks from round to
    round. Matrices of low rank have more weight: c_g = 1 / (1 + rank).

    Args:
        images: Shape (b, c, h, w), floating; the missing pixels are the start. Not modified.
        known: Shape (b, h, w), bool, True = known pixel, whose value is kept.
        matrices_of: Returns the matrices for images (b, h, w, c) and the number of the round, from 0.
        errors: Errors of the images, on [0, 1], that tau corresponds to, shape (num_rounds, b).
        num_steps: Conjugate gradient steps in a round.
        progress: Called after each round.
        time_left: Called before each round; the rounds end when it returns False.

    Returns:
        Shape and dtype of the images, not clipped; up to rounding independent of the batch.

    Source: Mohan, Fazel, "Iterative reweighted algorithms for matrix rank minimization", 2012.
    """
    X = images.permute(0, 2, 3, 1).clone(memory_format=torch.contiguous_format)
    hole = ~known[..., None]
    for number, error in enumerate(errors):
        if time_left is not None and not time_left():
            break
        majorizer = Majorizer(X, matrices_of(X, number), error)
        X = majorizer.minimized(X, hole, num_steps)
        if progress is not None:
            for index, penalty in enumerate(majorizer.penalty.tolist()):
                progress(index, number + 1, len(errors), penalty, X[index].permute(2, 0, 1))
    return X.permute(0, 3, 1, 2).contiguous()


@dataclass(frozen=True, eq=False)
class _Weighted:
    """Matrices and their weights c_g tau^2 W_g on the smaller side, shape (g, n, n)."""

    matrices: Matrices
    weights: Tensor
    among_rows: bool

    def product(self, X: Tensor) -> Tensor:
        """Return c_g tau^2 W_g P_g X or P_g X c_g tau^2 W_g, whichever fits, less its mean row."""
        S = self.matrices.gather(X)
        if self.among_rows:  # these weights subtract the mean themselves
            return self.weights @ S
        return _centered((self.weights @ S.mT).mT)


class Majorizer:
    """sum_g c_g tau^2 tr(S_g^T W_g S_g), whose gradient at X is proportional to that of the penalty.

    Args:
        X: Images, shape (b, h, w, c), contiguous.
        matrices: Matrices of the images.
        error: Error of each image, on [0, 1], that tau corresponds to, shape (b,).

    Attributes:
        penalty: sum_g c_g R(P_g X) for each image, up to a constant, shape (b,).
    """

    def __init__(self, X: Tensor, matrices: Sequence[Matrices], error: Tensor) -> None:
        self.penalty = X.new_zeros(len(X))
        self._weight_sum = torch.zeros_like(X[..., :1])
        self._parts = [self._weighted(X, part, error) for part in matrices]

    def _weighted(self, X: Tensor, matrices: Matrices, error: Tensor) -> _Weighted:
        S = _centered(matrices.gather(X))
        image = matrices.indices // X[0, ..., 0].numel()
        # About the largest singular value of noise of that level.
        tau = error[image] * (S.shape[1] ** 0.5 + S.shape[2] ** 0.5)
        tau2 = (_RESOLUTION * S.square().sum((1, 2))).clamp_min(tau**2)[:, None]
        among_rows = S.shape[1] <= S.shape[2]
        weights, logs = _weights_of(S if among_rows else S.mT, tau2)
        rank = (1 - weights.diagonal(dim1=1, dim2=2)).sum(1)
        coefficients = 1 / (1 + rank)
        self.penalty.index_add_(0, image, coefficients * logs)
        matrices.add_weights(self._weight_sum, coefficients)
        if among_rows:
            weights = _centered(_centered(weights).mT)
        return _Weighted(matrices, coefficients[:, None, None] * weights, among_rows)

    def minimized(self, X: Tensor, hole: Tensor, num_steps: int) -> Tensor:
        """Take conjugate gradient steps from X on the missing pixels, preconditioned by the weight sum."""
        inverse = hole / self._weight_sum.clamp_min(_TINY)
        gradient = self._gradient(X) * hole
        step = -inverse * gradient
        power = -_product(gradient, step)
        for _ in range(num_steps):
            bent = self._gradient(step) * hole
            length = power / _product(step, bent).clamp_min(_TINY)
            X = X + length * step
            gradient = gradient + length * bent
            downhill = -inverse * gradient
            before, power = power, -_product(gradient, downhill)
            step = downhill + power / before.clamp_min(_TINY) * step
        return X

    def _gradient(self, X: Tensor) -> Tensor:
        """Return sum_g c_g P_g^T tau^2 W_g (P_g X): half the gradient, linear in X."""
        total = torch.zeros_like(X)
        for part in self._parts:
            part.matrices.add_patches(total, part.product(X))
        return total


def _weights_of(S: Tensor, tau2: Tensor) -> tuple[Tensor, Tensor]:
    """Return tau^2 (S S^T + tau^2)^-1, shape (g, n, n), and log det(S S^T + tau^2), shape (g,).

    The eigenvalues of the weights are at most 1. Where rounding of a Gram matrix of a rank far below n
    violates that, they are recomputed in float64.
    """
    gram = S @ S.mT
    gram.diagonal(dim1=1, dim2=2).add_(tau2)
    L, failures = torch.linalg.cholesky_ex(gram)
    if bool(failures.any()):
        L[failures > 0] = torch.eye(L.shape[1], dtype=L.dtype, device=L.device)
    weights = tau2[..., None] * torch.cholesky_inverse(L)
    logs = 2 * L.diagonal(dim1=1, dim2=2).log().sum(1)
    is_sound = (failures == 0) & (weights.diagonal(dim1=1, dim2=2).amax(1) < _LARGEST)
    if S.dtype != torch.float64 and not bool(is_sound.all()):
        rest = ~is_sound
        exact, exact_logs = _weights_of(S[rest].double(), tau2[rest].double())
        weights[rest], logs[rest] = exact.to(S.dtype), exact_logs.to(S.dtype)
    return weights, logs


def _product(X: Tensor, Y: Tensor) -> Tensor:
    """Return the inner product of each pair of images, shape (b, 1, 1, 1)."""
    return (X * Y).sum((1, 2, 3), keepdim=True)


def _centered(S: Tensor) -> Tensor:
    return S - S.mean(1, keepdim=True)
