"""Inpainting by groups of similar patches: the penalty on many small matrices, all channels together.

    min_X  sum_g c_g R(P_g X)   over the missing pixels,   R(S) = sum_i log(sigma_i(S)^2 + tau^2)

P_g takes the patches of group g out of the image, one in each column, and their mean patch off.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from edlrr_cli.tasks.patch_groups import Groups, find_groups

# Measured: see DECISIONS.md.
_PATCH_PX, _STRIDE_PX, _SEARCH_PX, _NUM_SIMILAR = 7, 4, 28, 36
# The error of the estimate that tau stands for, on [0, 1], at the start and at the end.
_ERROR_START, _ERROR_END = 0.01, 0.002
_NUM_ROUNDS, _ROUNDS_MATCHED, _NUM_STEPS = 8, 2, 3
# Groups handled at once.
_CHUNK = 1024
_TINY = 1e-12

#: Called after each round with how many are done, how many there are, the penalty and the image (c, h, w).
Progress = Callable[[int, int, float, Tensor], None]


def lower_group_ranks(
    image: Tensor,
    known: Tensor,
    *,
    progress: Progress | None = None,
    time_left: Callable[[], bool] | None = None,
) -> Tensor:
    """Lower the penalty of groups of similar patches by changing the missing pixels.

    Every round puts a quadratic majorizer in the place of the penalty, of weights
    W_g = (S_g^T S_g + tau^2)^-1 by Cholesky, S_g = P_g X, and takes some steps of conjugate gradients on it;
    tau shrinks from round to round. A group of low rank counts more: c_g = 1 / (1 + rank).

    Args:
        image: Shape (c, h, w), floating; the missing pixels are the start, which must be a good guess:
            it decides which patches are similar. Not modified.
        known: Shape (h, w), bool, True = known pixel; they keep their values.
        progress: Told of each round.
        time_left: Asked before each round; the rounds end where it says False.

    Returns:
        Shape and dtype of the image, not clipped.

    Source: groups: Dong et al., "Compressive sensing via nonlocal low-rank regularization", 2014; majorizer:
        Mohan, Fazel, "Iterative reweighted algorithms for matrix rank minimization", 2012.
    """
    X, hole = image.clone(), ~known
    groups: list[Groups] = []
    for number, error in enumerate(np.geomspace(_ERROR_START, _ERROR_END, _NUM_ROUNDS)):
        if time_left is not None and not time_left():
            break
        if number % _ROUNDS_MATCHED == 0:
            groups = _groups_at(X, hole, number // _ROUNDS_MATCHED)
        majorizer = _Majorizer(X, groups, float(error))
        X = majorizer.minimised(X, hole)
        if progress is not None:
            progress(number + 1, _NUM_ROUNDS, majorizer.penalty, X)
    return X


def _groups_at(X: Tensor, hole: Tensor, matching: int) -> list[Groups]:
    """Return the groups that have a missing pixel; every second grid lies between the others' patches."""
    patch_px = min(_PATCH_PX, *hole.shape)
    stride_px = min(_STRIDE_PX, patch_px)
    found = find_groups(
        X,
        patch_px=patch_px,
        stride_px=stride_px,
        search_px=_SEARCH_PX,
        num_similar=_NUM_SIMILAR,
        first_px=matching % 2 * (stride_px // 2),
    )
    missing = hole.to(X.dtype)[None]
    chunks = (chunk for part in found for chunk in part.chunks(_CHUNK))
    return [touched for chunk in chunks if len(touched := _touching(chunk, missing))]


def _touching(groups: Groups, missing: Tensor) -> Groups:
    touched = groups.gather(missing).amax((1, 2)) > 0
    return Groups(groups.corners[touched], groups.patch_px, groups.width_px)


@dataclass(frozen=True, eq=False)
class _Weighted:
    """Groups with tau^2 W_g, of the smaller side of their matrices, shape (g, n, n), and c_g, shape (g,)."""

    groups: Groups
    weights: Tensor
    trust: Tensor

    def product(self, S: Tensor) -> Tensor:
        """Return tau^2 W_g S or S tau^2 W_g, whichever fits, less its mean patch."""
        rows = S.shape[1] == self.weights.shape[1]
        return _centred(self.weights @ S if rows else S @ self.weights)


class _Majorizer:
    """sum_g c_g tau^2 tr(S_g W_g S_g^T), which has the gradient of the penalty at X, but for a factor."""

    def __init__(self, X: Tensor, groups: list[Groups], error: float) -> None:
        self.penalty = 0.0
        self._cover = torch.zeros_like(X[0])
        self._parts = [self._weighted(X, some, error) for some in groups]

    def _weighted(self, X: Tensor, groups: Groups, error: float) -> _Weighted:
        S = _centred(groups.gather(X))
        # As large as the largest singular value of so much noise, nearly.
        tau = error * (S.shape[1] ** 0.5 + S.shape[2] ** 0.5)
        # Float32 will do: similar patches differ by little, so the rounding errors lie far below tau^2.
        gram = S @ S.mT if S.shape[1] < S.shape[2] else S.mT @ S
        gram.diagonal(dim1=1, dim2=2).add_(tau**2)
        L = torch.linalg.cholesky(gram)
        weights = tau**2 * torch.cholesky_inverse(L)
        rank = (1 - weights.diagonal(dim1=1, dim2=2)).sum(1)
        trust = 1 / (1 + rank)
        logs = 2 * L.diagonal(dim1=1, dim2=2).log().sum(1)
        self.penalty += float((trust * logs).sum())
        groups.add_trust(self._cover, trust)
        return _Weighted(groups, weights, trust)

    def minimised(self, X: Tensor, hole: Tensor) -> Tensor:
        """Take steps of conjugate gradients from X on the missing pixels, preconditioned by the cover."""
        inverse = hole / self._cover.clamp_min(_TINY)
        gradient = self._gradient(X) * hole
        step = -inverse * gradient
        power = -(gradient * step).sum()
        for _ in range(_NUM_STEPS):
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
            part.groups.add_patches(total, part.product(_centred(part.groups.gather(X))), part.trust)
        return total


def _centred(S: Tensor) -> Tensor:
    return S - S.mean(2, keepdim=True)
