"""Differentiable low-rank learning (DLRL): a product of factors trained by back-propagation."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any

import torch
from torch import Tensor

from edlrr_cli.baselines.interface import Completed, Monitor, iterative

# Shift added to a Gram matrix before its power, relative to its largest diagonal entry.
_SHIFT = 0.002
# Lower bounds of spectral norms and of eta (released as 0, which divides by zero).
_MIN_NORM, _MIN_ETA = 1e-4, 1e-3
_BETA_MEAN, _BETA_SQUARE, _EPS = 0.90, 0.92, 1e-8
# Eigenvalues closer than this, relative to their mean, count as equal.
_GAP = 1e-7
# If its loss has not improved by the relative tolerance for more than _PATIENCE steps, the rate of a channel
# decays; after the last decay its training ends.
_LR_DECAY, _RTOL, _PATIENCE, _MAX_FALLS = 0.1, 1e-4, 10, 4

# The squares of the first gradients exceed float32.
_in_float64 = partial(iterative, precision=torch.float64)


@_in_float64
def dlrl(
    P: Tensor,
    observed: Tensor,
    monitor: Monitor,
    *,
    rank: int = 20,
    num_factors: int = 5,
    factor_p: float = 1.0,
    scale: float = 1.0,
    eta: float = 0.1,
    lr: float = 0.01,
    weight_decay: float = 0.15,
    max_iterations: int = 300,
    seed: int = 0,
) -> Completed:
    """Train the network as released, with the sign and the entrywise power of its code.

        Y_i = X_i - D_i / eta,   D_i = L^T P(M - L X_i R) R^T / (||L||_2^2 ||R||_2^2)
        X^_i = relu(W_i pinv((Y_i^T Y_i + s)^((p_i - 2) / 2))),   the power taken entry by entry
        loss = ||P(M - X^_1 ... X^_I)||_F^2 / 2

    X_i is fixed, L and R are the products of the X_j to its left and right, and s is 0.002 of the largest
    diagonal entry. Adam learns W_i and eta; convergence is not proven. -D_i is the direction of the gradient,
    so Y_i ascends; the right sign leaves negative entries in Y_i^T Y_i, whose power is not a number.

    Args:
        monitor: Receives the loss after each step.
        rank: Columns of X_1, an upper bound of the rank.
        num_factors: I, at least 2.
        factor_p: p_i of each factor, below 2; that of the product is p_i / I.
        scale: X_1 and X_I are uniform on [0, scale], the other X_i are I.
        eta: Initial value of eta, which is clipped to [0.001, 1].
        lr: Learning rate of Adam, divided by ten whenever the loss of a channel stagnates.
        weight_decay: Factor of W_i and eta that is added to their gradients.
        seed: Seed of X_i and W_i.

    Source: Chen, Yao, Xiao, Wang, "Efficient and differentiable low-rank matrix completion with back
        propagation", IEEE TMM 2021; defaults of its code, which are for ratings: on images they start at
        losses of 1e20, and 300 steps are not enough. Each channel is a matrix.
        The pseudo-inverse is replaced by an inverse, since its cutoff 1e-15 is below rounding.
    """
    settings = _Settings(rank, num_factors, factor_p, scale, eta, lr, weight_decay, max_iterations, seed)
    return _train(P, observed, monitor, settings, sign=-1.0, gain=_entrywise_gain)


@_in_float64
def dlrl_principled(
    P: Tensor,
    observed: Tensor,
    monitor: Monitor,
    *,
    rank: int = 50,
    num_factors: int = 5,
    factor_p: float = 2.0,
    scale: float = 1.0,
    eta: float = 0.1,
    lr: float = 0.003,
    weight_decay: float = 0.15,
    max_iterations: int = 600,
    seed: int = 0,
) -> Completed:
    """Train the network of `dlrl` as its derivation defines it.

        Y_i = X_i + D_i / eta,   X^_i = relu(W_i (Y_i^T Y_i + s I)^((2 - p_i) / 2))

    The step descends, and the power is that of a matrix, by its eigenvalues. With p_i = 2 it is I, and the
    factors are the rectified weights, whose norms are in the weight decay. Smaller p_i start so far off on
    [0, 1] pixels that thousands of steps are spent on the scale.

    Args:
        monitor: Receives the loss after each step.
        factor_p: p_i of each factor; that of the product is p_i / I.
        eta: As in `dlrl`, like all others; without effect at p_i = 2.

    Source: As `dlrl`; sign, power and defaults are ours, as settings for images are not published.
    """
    settings = _Settings(rank, num_factors, factor_p, scale, eta, lr, weight_decay, max_iterations, seed)
    return _train(P, observed, monitor, settings, sign=1.0, gain=_matrix_gain)


@dataclass(frozen=True)
class _Settings:
    rank: int
    num_factors: int
    factor_p: float
    scale: float
    eta: float
    lr: float
    weight_decay: float
    max_iterations: int
    seed: int


# Maps a Gram matrix, its shift s and (2 - p_i) / 2 to the matrix that multiplies the weights.
_Gain = Callable[[Tensor, Tensor, float], Tensor]


def _train(
    P: Tensor, observed: Tensor, monitor: Monitor, settings: _Settings, *, sign: float, gain: _Gain
) -> Completed:
    network = _Network(P, observed, settings, sign, gain)
    rate = _Rate(len(P), settings.lr, P.device)
    adam = _Adam(network.parameters, settings.weight_decay)
    while not rate.ended and len(monitor.history) < settings.max_iterations:
        loss = network.loss()
        monitor.note(float(loss.detach().sum()))
        adam.step(loss.sum(), rate.lr)
        rate.step(loss.detach())
    with torch.no_grad():
        return network.product(), rate.ended


class _Network:
    """Product of all factors and its loss."""

    def __init__(self, P: Tensor, observed: Tensor, settings: _Settings, sign: float, gain: _Gain) -> None:
        self._P, self._observed, self._gain = P, observed, gain
        self._exponent = (2 - settings.factor_p) / 2
        (channels, height, width), rank = P.shape, settings.rank
        generator = torch.Generator().manual_seed(settings.seed)

        def draw(*shape: int) -> Tensor:
            return torch.rand(channels, *shape, generator=generator, dtype=torch.float64).to(P.device)

        first, last = settings.scale * draw(height, rank), settings.scale * draw(rank, width)
        inner = torch.eye(rank, dtype=P.dtype, device=P.device).expand(channels, rank, rank)
        misfit = torch.where(observed, P - first @ last, 0.0)
        norm_first, norm_last = _squared_norm(first), _squared_norm(last.mT)
        blocks = [
            _Block(draw(1, height, rank), first, sign * (misfit @ last.mT / norm_last)),
            _Block(draw(1, rank, width), last, sign * (first.mT @ misfit / norm_first)),
        ]
        num_inner = settings.num_factors - 2
        if num_inner:
            step = first.mT @ misfit @ last.mT / (norm_first * norm_last)
            weights = inner[:, None].repeat(1, num_inner, 1, 1)
            blocks.insert(1, _Block(weights, inner, sign * step))
        self._blocks = blocks
        self._eta = torch.full((channels, 1, 1), settings.eta, dtype=P.dtype, device=P.device)
        self.parameters = [X.requires_grad_() for X in (*(block.weights for block in blocks), self._eta)]

    def product(self) -> Tensor:
        """Return X^_1 ... X^_I of each channel, shape (c, h, w)."""
        eta = self._eta.clamp(_MIN_ETA, 1.0)
        factors = (block.factors(eta, self._gain, self._exponent) for block in self._blocks)
        return reduce(torch.matmul, (X for stack in factors for X in stack.unbind(1)))

    def loss(self) -> Tensor:
        """Return ||P(M - X^_1 ... X^_I)||_F^2 / 2 of each channel, shape (c,)."""
        misfit: Tensor = self._P - self._observed * self.product()
        return misfit.square().sum((-2, -1)) / 2


class _Block:
    """Factors of one shape, with weights (c, number, r, k) and a common Y(eta) = X + D / eta.

    Only Y^T Y is needed, which three precomputed products give at any eta; Y is transposed unless it is tall.
    """

    def __init__(self, weights: Tensor, X: Tensor, D: Tensor) -> None:
        self.weights = weights
        self._tall = X.shape[-2] >= 2 * X.shape[-1]
        if not self._tall:
            X, D = X.mT, D.mT
        self._constant, self._quadratic = X.mT @ X, D.mT @ D
        self._linear = X.mT @ D + D.mT @ X

    def factors(self, eta: Tensor, gain: _Gain, exponent: float) -> Tensor:
        """Return relu(W G) of all weights W, or relu(G W) where Y was transposed."""
        gram = self._constant + self._linear / eta + self._quadratic / eta**2
        shift = _SHIFT * gram.diagonal(dim1=-2, dim2=-1).amax(-1)[:, None, None]
        G = gain(gram, shift, exponent)[:, None]
        return (self.weights @ G if self._tall else G @ self.weights).relu()


def _squared_norm(X: Tensor) -> Tensor:
    """Return ||X||_2^2 for each matrix (c, r, k), from its Gram matrix, shape (c, 1, 1)."""
    squares: Tensor = torch.linalg.eigvalsh(X.mT @ X)[:, -1:, None]
    return squares.clamp_min(_MIN_NORM**2)


def _entrywise_gain(gram: Tensor, shift: Tensor, exponent: float) -> Tensor:
    """Return the inverse of (gram + s)^(-exponent), an entrywise power; not finite where there is none."""
    inverse: Tensor = torch.linalg.inv_ex((gram + shift) ** -exponent).inverse
    return inverse


def _matrix_gain(gram: Tensor, shift: Tensor, exponent: float) -> Tensor:
    """Return the power of the matrix gram + s I; I for exponent 0, without an eigendecomposition."""
    eye = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    if exponent == 0:
        return eye.expand_as(gram)
    power: Tensor = _MatrixPower.apply(gram + shift * eye, exponent)  # type: ignore[no-untyped-call]
    return power


class _MatrixPower(torch.autograd.Function):
    """A^exponent for symmetric positive definite A, also differentiable where eigenvalues coincide."""

    @staticmethod
    def forward(ctx: Any, A: Tensor, exponent: float) -> Tensor:
        """Return Q diag(e^exponent) Q^T."""
        eigenvalues, Q = torch.linalg.eigh(A)
        ctx.save_for_backward(eigenvalues, Q)
        ctx.exponent = exponent
        power: Tensor = (Q * eigenvalues[..., None, :] ** exponent) @ Q.mT
        return power

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Return Q (F * (Q^T gradient Q)) Q^T, F the divided differences (Daleckii, Krein 1951)."""
        eigenvalues, Q = ctx.saved_tensors
        a, b = eigenvalues[..., :, None], eigenvalues[..., None, :]
        gap, middle = a - b, (a + b) / 2
        apart = gap.abs() > _GAP * middle
        slope = (a**ctx.exponent - b**ctx.exponent) / gap.where(apart, 1.0)
        tangent = ctx.exponent * middle ** (ctx.exponent - 1)
        F = torch.where(apart, slope, tangent)
        return Q @ (F * (Q.mT @ gradients[0] @ Q)) @ Q.mT, None


class _Rate:
    """Learning rate of each channel, which decays when its loss stagnates (as torch's ReduceLROnPlateau)."""

    def __init__(self, channels: int, lr: float, device: torch.device) -> None:
        self.lr = torch.full((channels,), lr, dtype=torch.float64, device=device)
        self._best = torch.full_like(self.lr, math.inf)
        self._misses, self._falls = torch.zeros_like(self.lr), torch.zeros_like(self.lr)

    @property
    def ended(self) -> bool:
        """Whether all channels have reached their last decay."""
        return bool((self._falls >= _MAX_FALLS).all())

    def step(self, loss: Tensor) -> None:
        """Update the rates by the loss of each channel, shape (c,)."""
        better = loss < self._best * (1 - _RTOL)
        self._best = torch.where(better, loss, self._best)
        self._misses = torch.where(better, 0.0, self._misses + 1)
        falling = self._misses > _PATIENCE
        self._misses = self._misses.masked_fill(falling, 0.0)
        self._falls = self._falls + falling
        self.lr = torch.where(falling, self.lr * _LR_DECAY, self.lr).masked_fill(
            self._falls >= _MAX_FALLS, 0.0
        )


class _Adam:
    """Adam with a learning rate per channel, the leading dimension of all parameters."""

    def __init__(self, parameters: list[Tensor], weight_decay: float) -> None:
        self._parameters, self._weight_decay = parameters, weight_decay
        self._means = [torch.zeros_like(X) for X in parameters]
        self._squares = [torch.zeros_like(X) for X in parameters]
        self._count = 0

    def step(self, loss: Tensor, lr: Tensor) -> None:
        """Move the parameters against the gradient of the loss, at rates of shape (c,)."""
        gradients = torch.autograd.grad(loss, self._parameters, materialize_grads=True)
        self._count += 1
        mean_correction, square_correction = 1 - _BETA_MEAN**self._count, 1 - _BETA_SQUARE**self._count
        with torch.no_grad():
            for X, gradient, mean, square in zip(
                self._parameters, gradients, self._means, self._squares, strict=True
            ):
                decayed = gradient.add(X, alpha=self._weight_decay)
                mean.lerp_(decayed, 1 - _BETA_MEAN)
                square.mul_(_BETA_SQUARE).addcmul_(decayed, decayed, value=1 - _BETA_SQUARE)
                width = (square / square_correction).sqrt_().add_(_EPS)
                X -= lr.view(-1, *[1] * (X.ndim - 1)) / mean_correction * mean / width
