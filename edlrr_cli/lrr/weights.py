"""Weights of the quadratic majorizer of R for batches of small matrices, whose spectrum is smoothed by tau.

With s = (sigma^2 + tau^2)^(1/2), Q = (S S^T + tau^2 I)^(1/2) and u the scale of the singular values,

    R(S) = sum_i h(s_i / u)   has the majorizer   tr(S^T W S) / (2 c),   W = c h'(Q / u) Q^(-1) / u,

and c is chosen such that a singular value of 0 has the weight 1, the largest one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from edlrr_cli.lrr.linear_algebra import eigenvectors, largest_eigenvalue
from edlrr_cli.lrr.matrix_function import matrix_function
from edlrr_cli.lrr.native.eigenvectors import principal
from edlrr_cli.lrr.series import Function
from edlrr_cli.lrr.sqrtm import sqrtm_newton_schulz

# Smallest eigenvalue that a Gram matrix in float32 resolves, relative to the squared Frobenius norm.
_RESOLUTION = 1e-6
# Scale of the singular values in multiples of tau, where h bends. Measured: see docs/decisions.md.
_SCALE = 4.0


@dataclass(frozen=True, eq=False)
class Weights:
    """Weights of a batch of matrices.

    Attributes:
        matrices: W, shape (b, k, k), symmetric, eigenvalues in [0, 1].
        value: c R(S), shape (b,).
        rank: Effective rank, sum_i sigma_i^2 / (sigma_i^2 + tau^2), shape (b,).
    """

    matrices: Tensor
    value: Tensor
    rank: Tensor


def weights_of(S: Tensor, h: Function, tau: Tensor) -> Weights:
    """Return the weights of a batch of matrices.

    The scale u is a multiple of tau, and larger where a series would otherwise leave its range; it is 1 if h
    has no bend. On a GPU a smooth h takes matrix products only, otherwise the eigenvectors of the
    Gram matrix.

    Args:
        S: Shape (b, k, n), k <= n, floating. Not modified, not differentiated.
        h: The function.
        tau: Smoothing, shape (b,), at least 1e-3 of the Frobenius norm of S, or it is raised to that: smaller
            singular values are not resolved.

    Source: Mohan, Fazel, "Iterative reweighted algorithms for matrix rank minimization", 2012, for any h.
    """
    if not (S.is_cuda and h.smooth):
        return _byeigenvectors(S, h, tau)
    gram = S @ S.mT
    tau = _resolved(tau, gram.diagonal(dim1=-2, dim2=-1).sum(-1))
    weights = _by_products(gram.double(), h, tau.double())
    return Weights(*(part.to(S.dtype) for part in (weights.matrices, weights.value, weights.rank)))


def _resolved(tau: Tensor, squared_norm: Tensor) -> Tensor:
    return torch.maximum(tau.square(), _RESOLUTION * squared_norm).sqrt()


def _byeigenvectors(S: Tensor, h: Function, tau: Tensor) -> Weights:
    U, squares = principal(S) or _principal(S)
    tau = _resolved(tau, squares.sum(-1))
    ridge = tau.square()[:, None]
    s = (squares + ridge).sqrt()
    scale = _scale_of(h, s.amax(-1), tau)
    c = _constant(h, scale, tau)
    weight = (c / scale)[:, None] * h.derivative(s / scale[:, None]) / s
    W = (U * weight[:, None]) @ U.mT
    return Weights(W, c * h.value(s / scale[:, None]).sum(-1), (squares / (squares + ridge)).sum(-1))


def _principal(S: Tensor) -> tuple[Tensor, Tensor]:
    """Return the eigenvectors of S S^T, and the squared lengths of the rows of U^T S, as `principal`."""
    U = eigenvectors(S @ S.mT)
    # Small eigenvalues of a Gram matrix in float32 are rounding errors of the largest; these are not.
    return U, (U.mT @ S).square().sum(-1)


def _by_products(gram: Tensor, h: Function, tau: Tensor) -> Weights:
    ridge = tau.square()[:, None, None]
    root = sqrtm_newton_schulz(gram + ridge * torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device))
    largest = largest_eigenvalue(root.value)
    scale = _scale_of(h, largest, tau)
    c = _constant(h, scale, tau)
    value, slope = matrix_function(h, root.value, scale, largest)
    W = (c / scale)[:, None, None] * (slope @ root.inverse_root)
    rank = gram.shape[-1] - tau.square() * root.inverse_root.square().sum((-2, -1))
    return Weights((W + W.mT) / 2, c * value, rank)


def _scale_of(h: Function, largest: Tensor, tau: Tensor) -> Tensor:
    if h.x_fit is None:
        return torch.ones_like(largest)
    return torch.maximum(largest / h.x_max, _SCALE * tau)


def _constant(h: Function, scale: Tensor, tau: Tensor) -> Tensor:
    """Return c, shape (b,), such that the weight of a singular value of 0 is 1."""
    return tau * scale / h.derivative(tau / scale)
