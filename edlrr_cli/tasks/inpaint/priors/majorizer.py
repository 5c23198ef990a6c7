"""The penalty on many small matrices taken out of an image, lowered over its missing pixels.

    min_X  sum_g c_g R(P_g X),   R(S) = sum_i log(sigma_i(S)^2 + tau^2)

P_g takes matrix g out of the image, and the mean of its columns off. Images of one size are one batch; here
their channels come first, shape (c, b, h, w), so that an index into a flattened channel is a place in one of
them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

_TINY = 1e-12
# Of a matrix' squared Frobenius norm: less than this, its Gram matrix in float32 cannot tell from 0.
_RESOLUTION = 1e-6

#: Called after each round for each image: with its index, how many rounds are done, how many there are, its
#: penalty, and it, shape (c, h, w).
Progress = Callable[[int, int, int, float, Tensor], None]


class Matrices(Protocol):
    """Some matrices of one size, made of the pixels of images of shape (c, b, h, w), each of one of them."""

    @property
    def places(self) -> Tensor:
        """Return a pixel of each, as an index into the flattened images, shape (g,)."""

    def __len__(self) -> int:
        """Return how many there are."""

    def gather(self, image: Tensor) -> Tensor:
        """Return them, shape (g, m, k); linear in the images."""

    def add_patches(self, total: Tensor, matrices: Tensor, trust: Tensor) -> None:
        """Add the adjoint of `gather` to images, each matrix times its trust, shape (g,); in place."""

    def add_trust(self, weight: Tensor, trust: Tensor) -> None:
        """Add to each pixel, shape (b, h, w), the trust of every entry that is made of it; in place."""


def errors_of(
    start: float, end: float, num_rounds: int, *, least: Tensor, most: Tensor | None = None
) -> Tensor:
    """Return errors that shrink from round to round by the same share.

    Args:
        start: The first.
        end: The last.
        num_rounds: At least 1.
        least: None of an image is smaller, shape (b,).
        most: Where the first would be larger than this, shape (b,), all are smaller by as much.

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

    Every round puts a quadratic majorizer in the place of the penalty, of weights
    W_g = (S_g^T S_g + tau^2)^-1 by Cholesky, S_g = P_g X, and takes some steps of conjugate gradients on it;
    tau shrinks from round to round. A matrix of low rank counts more: c_g = 1 / (1 + rank).

    Args:
        images: Shape (b, c, h, w), floating; the missing pixels are the start. Not modified.
        known: Shape (b, h, w), bool, True = known pixel; they keep their values.
        matrices_of: Returns the matrices for images (c, b, h, w) and the number of the round, from 0.
        errors: Shape (num_rounds, b): the errors of the images, on [0, 1], that tau stands for.
        num_steps: Of conjugate gradients in a round.
        progress: Told of each round.
        time_left: Asked before each round; the rounds end where it says False.

    Returns:
        Shape and dtype of the images, not clipped; of each what it comes to alone, but for rounding.

    Source: Mohan, Fazel, "Iterative reweighted algorithms for matrix rank minimization", 2012.
    """
    X, hole = images.transpose(0, 1).clone(memory_format=torch.contiguous_format), ~known
    for number, error in enumerate(errors):
        if time_left is not None and not time_left():
            break
        majorizer = Majorizer(X, matrices_of(X, number), error)
        X = majorizer.minimised(X, hole, num_steps)
        if progress is not None:
            for index, penalty in enumerate(majorizer.penalty.tolist()):
                progress(index, number + 1, len(errors), penalty, X[:, index])
    return X.transpose(0, 1)


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

    Args:
        X: Images, shape (c, b, h, w).
        matrices: Their matrices.
        error: Of each image, on [0, 1], that tau stands for, shape (b,).

    Attributes:
        penalty: sum_g c_g R(P_g X) of each image, up to a constant, shape (b,).
    """

    def __init__(self, X: Tensor, matrices: Sequence[Matrices], error: Tensor) -> None:
        self.penalty = X.new_zeros(X.shape[1])
        self._cover = torch.zeros_like(X[0])
        self._parts = [self._weighted(X, some, error) for some in matrices]

    def _weighted(self, X: Tensor, matrices: Matrices, error: Tensor) -> _Weighted:
        S = _centred(matrices.gather(X))
        image = matrices.places // X[0, 0].numel()
        # As large as the largest singular value of so much noise, nearly.
        tau = error[image] * (S.shape[1] ** 0.5 + S.shape[2] ** 0.5)
        tau2 = (_RESOLUTION * S.square().sum((1, 2))).clamp_min(tau**2)[:, None]
        of_rows = S.shape[1] < S.shape[2]
        gram = S @ S.mT if of_rows else S.mT @ S
        gram.diagonal(dim1=1, dim2=2).add_(tau2)
        L = torch.linalg.cholesky(gram)
        weights = tau2[..., None] * torch.cholesky_inverse(L)
        rank = (1 - weights.diagonal(dim1=1, dim2=2)).sum(1)
        trust = 1 / (1 + rank)
        logs = 2 * L.diagonal(dim1=1, dim2=2).log().sum(1)
        self.penalty.index_add_(0, image, trust * logs)
        matrices.add_trust(self._cover, trust)
        if not of_rows:
            weights = _centred(_centred(weights).mT)
        return _Weighted(matrices, weights, trust, of_rows)

    def minimised(self, X: Tensor, hole: Tensor, num_steps: int) -> Tensor:
        """Take steps of conjugate gradients from X on the missing pixels, preconditioned by the cover."""
        inverse = hole / self._cover.clamp_min(_TINY)
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
        """Return sum_g c_g P_g^T (P_g X) tau^2 W_g: half the gradient, linear in X."""
        total = torch.zeros_like(X)
        for part in self._parts:
            part.matrices.add_patches(total, part.product(X), part.trust)
        return total


def _product(X: Tensor, Y: Tensor) -> Tensor:
    """Return the inner product of each pair of images, shape (1, b, 1, 1)."""
    return (X * Y).sum((0, 2, 3), keepdim=True)


def _centred(S: Tensor) -> Tensor:
    return S - S.mean(2, keepdim=True)
