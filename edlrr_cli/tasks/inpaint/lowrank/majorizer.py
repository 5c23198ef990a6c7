"""Minimization of the penalty of many small matrices of an image over its missing pixels.

    min_X  sum_g c_g R(P_g X),   R(S) = sum_i h((sigma_i(S)^2 + tau^2)^(1/2) / u)

P_g extracts matrix g from the image and subtracts the mean of its rows. Images of one size form a batch, with
channels last, shape (b, h, w, c).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from edlrr_cli.lrr.matrices.product import centered
from edlrr_cli.lrr.matrices.protocol import Matrices
from edlrr_cli.lrr.series import Function
from edlrr_cli.lrr.weights import weights_of
from edlrr_cli.parallel import run_single_threaded
from edlrr_cli.tasks.inpaint.lowrank.minimizers import AdamMinimizer, ConjugateGradient, Minimizer

R = TypeVar("R")

_TINY = 1e-12
# Parts of the sum that run in parallel, which have a gradient each.
_NUM_PARTS = 8
# Steps of Adam that replace one conjugate gradient step, and their first and last length within a round, in
# errors of the round.
_ADAM_STEPS, _ADAM_LR = 5, (1.0, 0.02)

#: Called after each round for each image with its index, the number of rounds done, the number of all rounds,
#: the penalty, and the image, shape (c, h, w).
Progress = Callable[[int, int, int, float, Tensor], None]


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
    h: Function,
    *,
    errors: Tensor,
    num_steps: int,
    optimizer: str = "cg",
    progress: Progress | None = None,
    time_left: Callable[[], bool] | None = None,
) -> Tensor:
    """Lower the penalty by changing the missing pixels.

    Each round replaces the penalty by its quadratic majorizer and minimizes that by a few steps; tau shrinks
    from round to round. The weights of each matrix are scaled so that the largest is 1 / (1 + rank):
    matrices of low rank count more.

    Args:
        images: Shape (b, c, h, w), floating; the missing pixels are the start. Not modified.
        known: Shape (b, h, w), bool, True = known pixel, whose value is kept.
        matrices_of: Returns the matrices for images (b, h, w, c) and the number of the round, from 0.
        h: The function of the singular values.
        errors: Errors of the images, on [0, 1], that tau corresponds to, shape (num_rounds, b).
        num_steps: Conjugate gradient steps in a round; Adam takes `_ADAM_STEPS` times as many.
        optimizer: One of `edlrr_cli.tasks.inpaint.config.OPTIMIZERS`.
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
        majorizer = Majorizer(X, hole, matrices_of(X, number), h, error)
        X = _minimized(X, majorizer, optimizer, num_steps, error)
        if progress is not None:
            for index, penalty in enumerate(majorizer.penalty.tolist()):
                progress(index, number + 1, len(errors), penalty, X[index].permute(2, 0, 1))
    return X.permute(0, 3, 1, 2).contiguous()


def _minimized(X: Tensor, majorizer: Majorizer, optimizer: str, num_steps: int, error: Tensor) -> Tensor:
    if optimizer == "cg":
        minimizer: Minimizer = ConjugateGradient(X, majorizer, majorizer.inverse_diagonal)
    else:
        num_steps *= _ADAM_STEPS
        minimizer = AdamMinimizer(X, majorizer, unit=error[:, None, None, None])
    for lr in np.geomspace(*_ADAM_LR, num_steps):
        minimizer.step(float(lr))
    return minimizer.X


@dataclass(frozen=True, eq=False)
class _Weighted:
    """Matrices and their weights c_g W_g on the smaller side, shape (g, n, n)."""

    matrices: Matrices
    weights: Tensor
    among_rows: bool


class _Part:
    """A part of the sum, computed by one thread.

    Attributes:
        weighted: Batches of matrices with their weights.
        penalty: Part of the penalty of each image, shape (b,).
        weight_sum: Sum of the constants c_g of all entries taken from each pixel, shape (b, h, w, 1).
    """

    def __init__(self, X: Tensor, h: Function, error: Tensor, matrices: Sequence[Matrices]) -> None:
        self.penalty = X.new_zeros(len(X))
        self.weight_sum = torch.zeros_like(X[..., :1])
        self.weighted = [self._with_weights(X, h, error, batch) for batch in matrices]

    def gradient(self, X: Tensor) -> Tensor:
        """Return sum_g c_g P_g^T W_g (P_g X)."""
        total = torch.zeros_like(X)
        for part in self.weighted:
            part.matrices.add_product(total, X, part.weights, among_rows=part.among_rows)
        return total

    def _with_weights(self, X: Tensor, h: Function, error: Tensor, matrices: Matrices) -> _Weighted:
        S = centered(matrices.gather(X))
        image = matrices.indices // X[0, ..., 0].numel()
        # About the largest singular value of noise of that level.
        tau = error[image] * (S.shape[1] ** 0.5 + S.shape[2] ** 0.5)
        among_rows = S.shape[1] <= S.shape[2]
        weights = weights_of(S if among_rows else S.mT, h, tau)
        coefficients = 1 / (1 + weights.rank)
        self.penalty.index_add_(0, image, coefficients * weights.value)
        matrices.add_weights(self.weight_sum, coefficients)
        W = coefficients[:, None, None] * weights.matrices
        return _Weighted(matrices, centered(centered(W).mT) if among_rows else W, among_rows)


class Majorizer:
    """sum_g c_g tr(S_g^T W_g S_g) / 2, S_g = P_g X, whose gradient at X is that of the penalty.

    The constants c_g are kept as X changes. On a CPU the sum has a fixed number of parts, which run in
    parallel, so that it does not depend on the number of threads.

    Args:
        X: Images, shape (b, h, w, c), contiguous.
        hole: True = missing pixel, shape (b, h, w, 1).
        matrices: Matrices of the images.
        h: The function of the singular values.
        error: Error of each image, on [0, 1], that tau corresponds to, shape (b,).

    Attributes:
        penalty: sum_g c_g R(P_g X) for each image, shape (b,).
    """

    def __init__(
        self, X: Tensor, hole: Tensor, matrices: Sequence[Matrices], h: Function, error: Tensor
    ) -> None:
        self._hole = hole
        num_parts = _NUM_PARTS if X.device.type == "cpu" else 1
        self._parts = _run([partial(_Part, X, h, error, part) for part in _split(matrices, num_parts)])
        self.penalty = sum((part.penalty for part in self._parts), X.new_zeros(len(X)))

    @property
    def inverse_diagonal(self) -> Tensor:
        """Approximation of the inverse diagonal of the Hessian, shape (b, h, w, 1), 0 at known pixels."""
        weight_sum = sum((part.weight_sum for part in self._parts), self.penalty.new_zeros(self._hole.shape))
        return self._hole / weight_sum.clamp_min(_TINY)

    def gradient(self, X: Tensor) -> Tensor:
        """Return the gradient at the missing pixels, linear in X."""
        return self._whole_gradient(X) * self._hole

    curvature = gradient

    def _whole_gradient(self, X: Tensor) -> Tensor:
        return sum(_run([partial(part.gradient, X) for part in self._parts]), torch.zeros_like(X))


def _run(calls: Sequence[Callable[[], R]]) -> list[R]:
    return run_single_threaded(calls) if len(calls) > 1 else [call() for call in calls]


def _split(items: Sequence[Matrices], count: int) -> list[Sequence[Matrices]]:
    """Return consecutive parts of about equal size."""
    edges = [len(items) * number // count for number in range(count + 1)]
    return [items[first:last] for first, last in pairwise(edges) if last > first]
