"""EDLRR as its authors released it: the penalty that their program minimizes, which differs from the paper's.

The program differs in three respects. Its square root is a binomial series truncated after n terms, which
maps all singular values below about sigma_1 sqrt(1.1 / (pi n)) to that value. Its projection onto the range
is one step from a ridge inverse, whatever number is set. Its known pixels are frozen, so that lambda has no
effect. All of it is a function of the singular values, and so is the gradient, which is computed here
exactly, without the random probes of the program.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from edlrr_cli.adam import Adam
from edlrr_cli.baselines.interface import Completed, Monitor, iterative
from edlrr_cli.baselines.shrinkage import shrink_singular_values
from edlrr_cli.errors import UsageError

_RIDGE = 0.1
_MARGIN = 1.1
_LR_DECAY, _LR_PERIOD = 0.8, 100
_PENALTIES = ("nuclear", "laplace")


@iterative
def edlrr_released(
    P: Tensor,
    observed: Tensor,
    monitor: Monitor,
    *,
    penalty: str = "nuclear",
    gamma: float = 500.0,
    terms: int = 200,
    lr: float = 0.1,
    max_iterations: int = 500,
) -> Completed:
    """Minimize sum p(sigma_i) h(q(sigma_i)) over the missing pixels by Adam, from black holes.

    q is the truncated square root and p the projection of the program, see `effective_weights`.

    Args:
        monitor: Receives the nuclear norm, summed over the channels, after each step.
        penalty: ``"nuclear"`` or ``"laplace"``.
        gamma: Shape of the Laplace penalty, for singular values of pixels on [0, 1].
        terms: n, the number of terms of the binomial series.
        lr: Learning rate of the first hundred steps; it decreases by a fifth after every hundred.

    Raises:
        UsageError: Unknown penalty.

    Source: the program of Li et al., "Efficient differentiable approximation of generalized low-rank
        regularization", 2025. Its probes are replaced by the exact trace, which they estimate.
    """
    if penalty not in _PENALTIES:
        raise UsageError(f"unknown penalty {penalty!r}", f"choose from {', '.join(_PENALTIES)}")
    X = P.clone()
    adam = Adam(X, beta2=0.999, eps=1e-8)
    spectrum: list[Tensor] = []

    def weights(sigma: Tensor) -> Tensor:
        spectrum[:] = [sigma]
        return effective_weights(sigma, penalty=penalty, gamma=gamma, terms=terms)

    for step in range(max_iterations):
        gradient, _ = shrink_singular_values(X, weights)
        adam.step(gradient.masked_fill(observed, 0.0), lr=lr * _LR_DECAY ** (step // _LR_PERIOD))
        monitor.note(float(spectrum[0].sum()))
    return X, False


def effective_weights(sigma: Tensor, *, penalty: str, gamma: float, terms: int) -> Tensor:
    """Return the derivative of p(sigma) h(q(sigma)), the weight of each singular value in the gradient.

    With k = 1.1 sigma_1^2, u = sigma^2 / k and the n coefficients c_i = |binomial(1/2, i)|,

        q(sigma) = sqrt(k) (1 - sum c_i (1 - u)^i),      q'(sigma) = I_u(1/2, n)
        p(sigma) = a (2 - a),   a = sigma^2 / (sigma^2 + 0.1)

    I is the regularized incomplete beta function: the derivative of the truncated series is the distribution
    function of a negative binomial variable.

    Args:
        sigma: Shape (..., k), descending, float64.
        penalty: ``"nuclear"`` or ``"laplace"``.
        gamma: Shape of the Laplace penalty.
        terms: n.
    """
    from scipy.special import betainc

    largest = sigma[..., :1].clamp_min(torch.finfo(sigma.dtype).tiny)
    u = (sigma / largest).square() / _MARGIN
    slope = torch.from_numpy(betainc(0.5, terms, u.cpu().numpy())).to(sigma)
    root = largest * math.sqrt(_MARGIN) * _truncated_root(u, slope, terms)
    a = sigma.square() / (sigma.square() + _RIDGE)
    a_slope = 2 * sigma * _RIDGE / (sigma.square() + _RIDGE).square()
    h, h_slope = root, torch.ones_like(root)
    if penalty == "laplace":
        h, h_slope = 1 - torch.exp(-root / gamma), torch.exp(-root / gamma) / gamma
    return 2 * (1 - a) * a_slope * h + a * (2 - a) * h_slope * slope


def _truncated_root(u: Tensor, slope: Tensor, terms: int) -> Tensor:
    """Return 1 - sum_{i<=n} c_i (1 - u)^i = sqrt(u) I_u(1/2, n) + binomial(2n, n) / 4^n (1 - u)^n."""
    log_rest = math.lgamma(2 * terms + 1) - 2 * math.lgamma(terms + 1) - 2 * terms * math.log(2)
    return u.sqrt() * slope + math.exp(log_rest) * (1 - u).pow(terms)
