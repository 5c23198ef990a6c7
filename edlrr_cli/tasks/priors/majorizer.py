"""The penalty on many small matrices taken out of one image, lowered over its missing pixels.

    min_X  sum_g c_g R(P_g X),   R(S) = sum_i log(sigma_i(S)^2 + tau^2)

P_g takes matrix g out of the image, and the mean of its columns off.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

_TINY = 1e-12
# Of a matrix' squared Frobenius norm: less than this, its Gram matrix in float32 cannot tell from 0.
_RESOLUTION = 1e-6

#: Called after each round with how many are done, how many there are, the penalty and the image (c, h, w).
Progress = Callable[[int, int, float, Tensor], None]


class Matrices(Protocol):
    """Some matrices of one size, made of the pixels of an image of shape (c, h, w)."""

    def __len__(self) -> int:
        """Return how many there are."""

    def gather(self, image: Tensor) -> Tensor:
        """Return them, shape (g, m, k); linear in the image."""

    def add_patches(self, total: Tensor, matrices: Tensor, trust: Tensor) -> None:
        """Add the adjoint of `gather` to an image, each matrix times its trust, shape (g,); in place."""

    def add_trust(self, weight: Tensor, trust: Tensor) -> None:
        """Add to each pixel, shape (h, w), the trust of every entry that is made of it; in place."""


def lower_penalty(
    image: Tensor,
    known: Tensor,
    matrices_of: Callable[[Tensor, int], Sequence[Matrices]],
    *,
    errors: Sequence[float],
    num_steps: int,
    progress: Progress | None = None,
    time_left: Callable[[], bool] | None = None,
) -> Tensor:
    """Lower the penalty by changing the missing pixels.

    Every round puts a quadratic majorizer in the place of the penalty, of weights
    W_g = (S_g^T S_g + tau^2)^-1 by Cholesky, S_g = P_g X, and takes some steps of conjugate gradients on it;
    tau shrinks from round to round. A matrix of low rank counts more: c_g = 1 / (1 + rank).

    Args:
        image: Shape (c, h, w), floating; the missing pixels are the start. Not modified.
        known: Shape (h, w), bool, True = known pixel; they keep their values.
        matrices_of: Returns the matrices for an image and the number of the round, from 0.
        errors: One for each round: the error of the image, on [0, 1], that tau stands for.
        num_steps: Of conjugate gradients in a round.
        progress: Told of each round.
        time_left: Asked before each round; the rounds end where it says False.

    Returns:
        Shape and dtype of the image, not clipped.

    Source: Mohan, Fazel, "Iterative reweighted algorithms for matrix rank minimization", 2012.
    """
    X, hole = image.clone(), ~known
    for number, error in enumerate(errors):
        if time_left is not None and not time_left():
            break
        majorizer = Majorizer(X, matrices_of(X, number), error)
        X = majorizer.minimised(X, hole, num_steps)
        if progress is not None:
            progress(number + 1, len(errors), majorizer.penalty, X)
    return X


@dataclass(frozen=True, eq=False)
class _Weighted:
    """Matrices with tau^2 W_g, of their smaller side, shape (g, n, n), and c_g, shape (g,)."""

    matrices: Matrices
    weights: Tensor
    trust: Tensor
    of_rows: bool

    def product(self, X: Tensor) -> Tensor:
        """Return tau^2 W_g P_g X or P_g X tau^2 W_g, whichever fits, less its mean column."""
        S = self.matrices.gather(X)
        # Among columns the weights take the mean off themselves.
        return _centred(self.weights @ S) if self.of_rows else S @ self.weights


class Majorizer:
    """sum_g c_g tau^2 tr(S_g W_g S_g^T), which has the gradient of the penalty at X, but for a factor.

    Attributes:
        penalty: sum_g c_g R(P_g X), up to a constant.
    """

    def __init__(self, X: Tensor, matrices: Sequence[Matrices], error: float) -> None:
        self.penalty = 0.0
        self._cover = torch.zeros_like(X[0])
        self._parts = [self._weighted(X, some, error) for some in matrices]

    def _weighted(self, X: Tensor, matrices: Matrices, error: float) -> _Weighted:
        S = _centred(matrices.gather(X))
        # As large as the largest singular value of so much noise, nearly.
        tau = error * (S.shape[1] ** 0.5 + S.shape[2] ** 0.5)
        tau2 = (_RESOLUTION * S.square().sum((1, 2))).clamp_min(tau**2)[:, None]
        of_rows = S.shape[1] < S.shape[2]
        gram = S @ S.mT if of_rows else S.mT @ S
        gram.diagonal(dim1=1, dim2=2).add_(tau2)
        L = torch.linalg.cholesky(gram)
        weights = tau2[..., None] * torch.cholesky_inverse(L)
        rank = (1 - weights.diagonal(dim1=1, dim2=2)).sum(1)
        trust = 1 / (1 + rank)
        logs = 2 * L.diagonal(dim1=1, dim2=2).log().sum(1)
        self.penalty += float((trust * logs).sum())
        matrices.add_trust(self._cover, trust)
        if not of_rows:
            weights = _centred(_centred(weights).mT)
        return _Weighted(matrices, weights, trust, of_rows)

    def minimised(self, X: Tensor, hole: Tensor, num_steps: int) -> Tensor:
        """Take steps of conjugate gradients from X on the missing pixels, preconditioned by the cover."""
        inverse = hole / self._cover.clamp_min(_TINY)
        gradient = self._gradient(X) * hole
        step = -inverse * gradient
        power = -(gradient * step).sum()
        for _ in range(num_steps):
            bent = self._gradient(step) * hole
            length = power / (step * bent).sum().clamp_min(_TINY)
            X = X + length * step
            gradient = gradient + length * bent
            downhill = -inverse * gradient
            before, power = power, -(gradient * downhill).sum()
            step = downhill + power / before.clamp_min(_TINY) * step
        return X

    def _gradient(self, X: Tensor) -> Tensor:
        """Return sum_g c_g P_g^T (P_g X) tau^2 W_g: half the gradient, linear in X."""
        total = torch.zeros_like(X)
        for part in self._parts:
            part.matrices.add_patches(total, part.product(X), part.trust)
        return total


def _centred(S: Tensor) -> Tensor:
    return S - S.mean(2, keepdim=True)
