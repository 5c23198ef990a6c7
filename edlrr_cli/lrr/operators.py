"""The exact penalty, its gradient and its second derivative as custom torch operators.

They are opaque to torch's tracers (`torch.compile`, `torch.export`, fake tensors), which emulate NumPy
wrongly and cannot follow control flow that depends on values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from edlrr_cli.errors import NumericsError
from edlrr_cli.lrr.curvature import second_derivative
from edlrr_cli.lrr.pieces import groups_of, is_spread
from edlrr_cli.lrr.pinv import require_shape
from edlrr_cli.lrr.precision import without_autocast
from edlrr_cli.lrr.series import Function, make_function
from edlrr_cli.lrr.spectral import factor, largest_singular_value, resolve_scale
from edlrr_cli.parallel import run_single_threaded


def penalty(
    S: Tensor, scale: Tensor | None, reg: str, gamma: float | None, backend: str
) -> tuple[Tensor, Tensor, Tensor]:
    """Return R, shape (...), dR/dS, and the scale of the singular values, shape (...), float64."""
    compute = torch.ops.edlrr.penalty if _is_traced(S) else _penalty
    value, gradient, resolved = compute(S, scale, reg, gamma, backend)
    return value, gradient, resolved


def curvature(S: Tensor, D: Tensor, scale: Tensor, reg: str, gamma: float | None) -> Tensor:
    """Return the derivative of dR/dS in the direction D, shape and dtype of S."""
    compute = torch.ops.edlrr.curvature if _is_traced(S) else _curvature
    derivative: Tensor = compute(S, D, scale, reg, gamma)
    return derivative


def sigma_max(S: Tensor) -> Tensor:
    """Return sigma_1, shape (...), float64."""
    largest: Tensor = (torch.ops.edlrr.sigma_max if _is_traced(S) else _sigma_max)(S)
    return largest


def _is_traced(S: Tensor) -> bool:
    """Whether the operator is traced by its shapes instead of computed."""
    return torch.compiler.is_compiling() or S.is_meta or type(S) not in (Tensor, nn.Parameter)


def _penalty(
    S: Tensor, scale: Tensor | None, reg: str, gamma: float | None, backend: str
) -> tuple[Tensor, Tensor, Tensor]:
    h = make_function(reg, gamma)
    require_shape(S)
    if 0 in S.shape:
        return _penalty_like(S)
    compute = partial(_computed, S, scale, h, backend)
    if backend == "polar" or not is_spread(S):
        return compute()
    groups = groups_of(S)
    # In a pool, since the threads of torch spin for a while when they have nothing to do.
    return run_single_threaded([compute])[0] if len(groups) == 1 else _in_groups(S, scale, h, backend, groups)


def _in_groups(
    S: Tensor, scale: Tensor | None, h: Function, backend: str, groups: Sequence[slice]
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute the groups of a batch in parallel: no thread waits for another before the end."""
    matrices = S.detach().reshape(-1, *S.shape[-2:])
    scales = None if scale is None else scale.expand(S.shape[:-2]).reshape(-1)
    calls = [
        partial(_computed, matrices[group], None if scales is None else scales[group], h, backend)
        for group in groups
    ]
    try:
        parts = run_single_threaded(calls)
    except NumericsError:
        return _computed(S, scale, h, backend)  # whose message holds for the whole batch
    joined = run_single_threaded([partial(torch.cat, some) for some in zip(*parts, strict=True)])
    value, gradient, resolved = joined
    return value.reshape(S.shape[:-2]), gradient.reshape(S.shape), resolved.reshape(S.shape[:-2])


def _computed(S: Tensor, scale: Tensor | None, h: Function, backend: str) -> tuple[Tensor, Tensor, Tensor]:
    with without_autocast(S):
        factored = factor(S, h, backend)
        resolved = resolve_scale(h, factored.sigma_max, scale)
        value, gradient = factored.evaluate(h, resolved)
    return value.to(S.dtype), gradient.contiguous(), resolved.contiguous()


def _penalty_like(S: Tensor, *_: object) -> tuple[Tensor, Tensor, Tensor]:
    batch = S.shape[:-2]
    return S.new_empty(batch), S.new_empty(S.shape), S.new_empty(batch, dtype=torch.float64)


def _curvature(S: Tensor, D: Tensor, scale: Tensor, reg: str, gamma: float | None) -> Tensor:
    if 0 in S.shape:
        return torch.empty_like(S)
    with without_autocast(S):
        return second_derivative(S, D, make_function(reg, gamma), scale)


def _first_like(S: Tensor, *_: object) -> Tensor:
    return S.new_empty(S.shape)


def _sigma_max(S: Tensor) -> Tensor:
    if 0 in S.shape:
        return _sigma_max_like(S)
    with without_autocast(S):
        return largest_singular_value(S)


def _sigma_max_like(S: Tensor) -> Tensor:
    return S.new_empty(S.shape[:-2], dtype=torch.float64)


def _register(schema: str, kernel: Callable[..., Any], shapes: Callable[..., Any]) -> None:
    name = _library.define(schema)  # type: ignore[no-untyped-call]
    _library.impl(name, kernel, "CompositeExplicitAutograd")  # type: ignore[no-untyped-call]
    torch.library.register_fake(f"edlrr::{name}", shapes, lib=_library)


_library = torch.library.Library("edlrr", "DEF")  # type: ignore[no-untyped-call]
_register(
    "penalty(Tensor S, Tensor? scale, str reg, float? gamma, str backend) -> (Tensor, Tensor, Tensor)",
    _penalty,
    _penalty_like,
)
_register(
    "curvature(Tensor S, Tensor D, Tensor scale, str reg, float? gamma) -> Tensor", _curvature, _first_like
)
_register("sigma_max(Tensor S) -> Tensor", _sigma_max, _sigma_max_like)
