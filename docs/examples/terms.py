"""The low-rank term of one weight matrix, computed in three ways; each returns a value for the loss."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from edlrr_cli import lowrank_penalty
from edlrr_cli.lrr import Majorizer
from edlrr_cli.lrr.series import Function, make_function
from edlrr_cli.lrr.spectral import resolve_scale

Term = Callable[[Tensor], Tensor]

#: Steps between two factorizations of a majorizer.
RENEWED_EVERY = 10


def exact(reg: str) -> Term:
    """Return the exact penalty, one factorization per step and none for the gradient."""
    return lambda W: lowrank_penalty(W, reg)


def through_svd(reg: str) -> Term:
    """Return the same penalty in plain torch: h of the singular values, differentiated by autograd."""
    h: Function = make_function(reg)

    def penalty(W: Tensor) -> Tensor:
        sigma = torch.linalg.svdvals(W)
        return h.value(sigma / resolve_scale(h, sigma[0].detach(), None)).sum()

    return penalty


def majorized(reg: str) -> Term:
    """Return its quadratic upper bound, which is factored every few steps only; call it once per step."""
    h, calls = make_function(reg), 0
    bound: Majorizer | None = None

    def penalty(W: Tensor) -> Tensor:
        nonlocal bound, calls
        if bound is None or calls % RENEWED_EVERY == 0:
            bound = Majorizer(W, h)
        calls += 1
        return bound(W)

    return penalty


def without(reg: str) -> Term:
    """Return no penalty, for comparison."""
    return lambda W: W.new_zeros(())


#: The name of each way, as the tables show it.
TERMS: dict[str, Callable[[str], Term]] = {
    "without the term": without,
    "majorizer": majorized,
    "lowrank_penalty": exact,
    "autograd through the SVD": through_svd,
}


def effective_rank(sigma: Tensor, tail: float) -> int:
    """Return the smallest rank that leaves out at most a fraction of the sum of squares.

    Example:
        >>> effective_rank(torch.tensor([3.0, 1.0, 0.1]), 0.01)
        2
    """
    energy = sigma.square()
    left_out = energy.sum() - energy.cumsum(0)
    return int((left_out > tail * energy.sum()).sum()) + 1
