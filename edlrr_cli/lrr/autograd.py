"""The exact penalty for autograd and for `torch.func`: differentiable twice, batched by vmap."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from edlrr_cli.errors import UsageError
from edlrr_cli.lrr import operators
from edlrr_cli.parallel import run_single_threaded

# Numbers up to which torch has one thread anyway.
_GRAIN = 32_768


def spectral_penalty(
    S: Tensor, *, scale: Tensor | None, reg: str, gamma: float | None, backend: str
) -> Tensor:
    """Return R(S), shape (...); the gradient is computed with the value.

    Args:
        S: Shape (..., m, n), float32 or float64.
        scale: Scale of the singular values, broadcast to shape (...); constant in every derivative. None for
            the default.
        reg: As in `edlrr_cli.lrr.regularizer.lowrank_penalty`.
        gamma: As there.
        backend: As there; the second derivative always takes an SVD in float64.
    """
    # torch.compile does not trace functions with a jvp.
    function = _Penalty if torch.compiler.is_compiling() else _PenaltyWithJvp
    value: Tensor
    value, _, _ = _apply(function, S, scale, reg, gamma, backend)
    return value


def sigma_max(S: Tensor) -> Tensor:
    """Return sigma_1, shape (...), float64, not differentiated."""
    if torch.compiler.is_compiling():
        return operators.sigma_max(S.detach())
    largest: Tensor = _apply(_SigmaMax, S)
    return largest


def _apply(function: type[torch.autograd.Function], *inputs: Any) -> Any:
    return function.apply(*inputs)  # type: ignore[no-untyped-call]


class _Penalty(torch.autograd.Function):
    """R, with dR/dS and the scale of the singular values as non-differentiable outputs."""

    @staticmethod
    def forward(
        S: Tensor, scale: Tensor | None, reg: str, gamma: float | None, backend: str
    ) -> tuple[Tensor, Tensor, Tensor]:
        return operators.penalty(S, scale, reg, gamma, backend)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
        S, _, ctx.reg, ctx.gamma, _ = inputs
        _, gradient, scale = output
        ctx.mark_non_differentiable(gradient, scale)
        ctx.set_materialize_grads(False)  # or torch fills a matrix of zeros for the second output
        ctx.save_for_backward(S, gradient, scale)
        ctx.save_for_forward(S, gradient, scale)
        ctx.is_small = S.numel() < _GRAIN

    @staticmethod
    def backward(ctx: Any, upstream: Tensor | None, *_: Any) -> tuple[Tensor | None, None, None, None, None]:
        if upstream is None:
            return None, None, None, None, None
        if ctx.is_small or torch.is_grad_enabled() or torch.compiler.is_compiling():
            return upstream[..., None, None] * _gradient(ctx), None, None, None, None
        multiply = partial(torch.mul, upstream[..., None, None], _gradient(ctx))
        return run_single_threaded([multiply])[0], None, None, None, None  # as in the forward pass

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[Any, ...], S: Tensor, scale: Tensor | None, *settings: Any
    ) -> tuple[tuple[Tensor, Tensor, Tensor], tuple[int, int, int]]:
        S = _batched(S, in_dims[0], info.batch_size)
        if scale is not None and in_dims[1] is not None:
            scale = scale.movedim(in_dims[1], 0)
            missing = S.ndim - 2 - scale.ndim
            scale = scale.reshape(info.batch_size, *[1] * missing, *scale.shape[1:])
        return _apply(_PenaltyWithJvp, S, scale, *settings), (0, 0, 0)


class _PenaltyWithJvp(_Penalty):
    @staticmethod
    def jvp(ctx: Any, direction: Tensor, *_: Any) -> tuple[Tensor, None, None]:
        return (_gradient(ctx) * direction).sum((-2, -1)), None, None


def _gradient(ctx: Any) -> Tensor:
    S, gradient, scale = ctx.saved_tensors
    known: Tensor = gradient
    if not torch.is_grad_enabled() or torch.compiler.is_compiling():
        return known
    differentiable: Tensor = _apply(_Gradient, S, gradient, scale, ctx.reg, ctx.gamma)
    return differentiable


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    S, _, scale, ctx.reg, ctx.gamma = inputs
    ctx.save_for_backward(S, scale)
    ctx.save_for_forward(S, scale)


class _Gradient(torch.autograd.Function):
    """The already computed dR/dS as a function of S."""

    @staticmethod
    def forward(S: Tensor, gradient: Tensor, scale: Tensor, reg: str, gamma: float | None) -> Tensor:
        return gradient.clone()

    setup_context = staticmethod(_save)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None, None, None]:
        return _Gradient.jvp(ctx, upstream), None, None, None, None  # the second derivative is symmetric

    @staticmethod
    def jvp(ctx: Any, direction: Tensor, *_: Any) -> Tensor:
        S, scale = ctx.saved_tensors
        derivative: Tensor = _apply(_Curvature, S, direction, scale, ctx.reg, ctx.gamma)
        return derivative

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], *inputs: Any) -> tuple[Tensor, int]:
        tensors = _all_batched(info, in_dims, inputs[:3])
        return _apply(_Gradient, *tensors, *inputs[3:]), 0


class _Curvature(torch.autograd.Function):
    """The derivative of dR/dS in a direction; linear in the direction, not differentiable in S."""

    @staticmethod
    def forward(S: Tensor, direction: Tensor, scale: Tensor, reg: str, gamma: float | None) -> Tensor:
        return operators.curvature(S, direction, scale, reg, gamma)

    setup_context = staticmethod(_save)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Any, Any, None, None, None]:
        if ctx.needs_input_grad[0]:
            raise UsageError(*_NO_THIRD)
        S, scale = ctx.saved_tensors
        return None, _apply(_Curvature, S, upstream, scale, ctx.reg, ctx.gamma), None, None, None

    @staticmethod
    def jvp(ctx: Any, dS: Tensor | None, direction: Tensor | None, *_: Any) -> Tensor:
        if dS is not None:
            raise UsageError(*_NO_THIRD)
        S, scale = ctx.saved_tensors
        derivative: Tensor = _apply(_Curvature, S, direction, scale, ctx.reg, ctx.gamma)
        return derivative

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], *inputs: Any) -> tuple[Tensor, int]:
        tensors = _all_batched(info, in_dims, inputs[:3])
        return _apply(_Curvature, *tensors, *inputs[3:]), 0


_NO_THIRD = ("lowrank_penalty is differentiable twice, not three times", "detach the second derivative")


class _SigmaMax(torch.autograd.Function):
    @staticmethod
    def forward(S: Tensor) -> Tensor:
        return operators.sigma_max(S)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.mark_non_differentiable(output)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> None:
        return None

    @staticmethod
    def jvp(ctx: Any, direction: Tensor) -> None:
        return None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], S: Tensor) -> tuple[Tensor, int]:
        return _apply(_SigmaMax, _batched(S, in_dims[0], info.batch_size)), 0


def _all_batched(info: Any, in_dims: tuple[Any, ...], tensors: tuple[Tensor, ...]) -> list[Tensor]:
    return [_batched(x, dim, info.batch_size) for x, dim in zip(tensors, in_dims, strict=False)]


def _batched(x: Tensor, dim: int | None, batch_size: int) -> Tensor:
    """Return a tensor with the vmap dimension first."""
    return x.expand(batch_size, *x.shape) if dim is None else x.movedim(dim, 0)
