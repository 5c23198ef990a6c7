"""The penalty on many small matrices taken out of an image, lowered over its missing pixels.

    min_X  sum_g c_g R(P_g X),   R(S) = sum_i log(sigma_i(S)^2 + tau^2)

P_g takes matrix g out of the image, and the mean of its rows off. Images of one size are one batch; here
their channels come last, shape (b, h, w, c).
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
# Of the weights, which are 1 at most but for rounding.
_LARGEST = 1.01

#: Called after each round for each image: with its index, how many rounds are done, how many there are, its
#: penalty, and it, shape (c, h, w).
Progress = Callable[[int, int, int, float, Tensor], None]


class Matrices(Protocol):
    """Some matrices of one size, made of the pixels of images of shape (b, h, w, c), each of one of them."""

    @property
    def places(self) -> Tensor:
        """Return a pixel of each, by its place (see `edlrr_cli.tasks.places`), shape (g,)."""

    def __len__(self) -> int:
        """Return how many there are."""

    def gather(self, images: Tensor) -> Tensor:
        """Return them, shape (g, k, m); linear in the images."""

    def add_patches(self, total: Tensor, matrices: Tensor) -> None:
        """Add the adjoint of `gather` to images; in place."""

    def add_trust(self, weight: Tensor, trust: Tensor) -> None:
        """Add to each pixel, shape (b, h, w, 1), the trust of every matrix that it is in; in place.

        A pixel that several entries are made of has it as often.
        """


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
        matrices_of: Returns the matrices for images (b, h, w, c) and the number of the round, from 0.
        errors: Shape (num_rounds, b): the errors of the images, on [0, 1], that tau stands for.
        num_steps: Of conjugate gradients in a round.
        progress: Told of each round.
        time_left: Asked before each round; the rounds end where it says False.

    Returns:
        Shape and dtype of the images, not clipped; of each what it comes to alone, but for rounding.

    Source: Mohan, Fazel, "Iterative reweighted algorithms for matrix rank minimization", 2012.
    """
    X = images.permute(0, 2, 3, 1).clone(memory_format=torch.contiguous_format)
    hole = ~known[..., None]
    for number, error in enumerate(errors):
        if time_left is not None and not time_left():
            break
        majorizer = Majorizer(X, matrices_of(X, number), error)
        X = majorizer.minimised(X, hole, num_steps)
        if progress is not None:
            for index, penalty in enumerate(majorizer.penalty.tolist()):
                progress(index, number + 1, len(errors), penalty, X[index].permute(2, 0, 1))
    return X.permute(0, 3, 1, 2).contiguous()


@dataclass(frozen=True, eq=False)
class _Weighted:
    """Matrices with c_g tau^2 W_g, of their smaller side, shape (g, n, n)."""

    matrices: Matrices
    weights: Tensor
    among_rows: bool

    def product(self, X: Tensor) -> Tensor:
        """Return c_g tau^2 W_g P_g X or P_g X c_g tau^2 W_g, whichever fits, less its mean row."""
        S = self.matrices.gather(X)
        if self.among_rows:  # these weights take the mean off themselves
            return self.weights @ S
        return _centred((self.weights @ S.mT).mT)


class Majorizer:
    """sum_g c_g tau^2 tr(S_g^T W_g S_g), which has the gradient of the penalty at X, but for a factor.

    Args:
        X: Images, shape (b, h, w, c), contiguous.
        matrices: Their matrices.
        error: Of each image, on [0, 1], that tau stands for, shape (b,).

    Attributes:
        penalty: sum_g c_g R(P_g X) of each image, up to a constant, shape (b,).
    """

    def __init__(self, X: Tensor, matrices: Sequence[Matrices], error: Tensor) -> None:
        self.penalty = X.new_zeros(len(X))
        self._cover = torch.zeros_like(X[..., :1])
        self._parts = [self._weighted(X, some, error) for some in matrices]

    def _weighted(self, X: Tensor, matrices: Matrices, error: Tensor) -> _Weighted:
        S = _centred(matrices.gather(X))
        image = matrices.places // X[0, ..., 0].numel()
        # As large as the largest singular value of so much noise, nearly.
        tau = error[image] * (S.shape[1] ** 0.5 + S.shape[2] ** 0.5)
        tau2 = (_RESOLUTION * S.square().sum((1, 2))).clamp_min(tau**2)[:, None]
        among_rows = S.shape[1] <= S.shape[2]
        weights, logs = _weights_of(S if among_rows else S.mT, tau2)
        rank = (1 - weights.diagonal(dim1=1, dim2=2)).sum(1)
        trust = 1 / (1 + rank)
        self.penalty.index_add_(0, image, trust * logs)
        matrices.add_trust(self._cover, trust)
        if among_rows:
            weights = _centred(_centred(weights).mT)
        return _Weighted(matrices, trust[:, None, None] * weights, among_rows)

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
        """Return sum_g c_g P_g^T tau^2 W_g (P_g X): half the gradient, linear in X."""
        total = torch.zeros_like(X)
        for part in self._parts:
            part.matrices.add_patches(total, part.product(X))
        return total


def _weights_of(S: Tensor, tau2: Tensor) -> tuple[Tensor, Tensor]:
    """Return tau^2 (S S^T + tau^2)^-1, shape (g, n, n), and the logarithm of the determinant of the inverse.

    The eigenvalues of the first are at most 1. Where rounding in the Gram matrix, of a rank far below n,
    leaves something else, it is computed anew in float64.
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


def _centred(S: Tensor) -> Tensor:
    return S - S.mean(1, keepdim=True)
