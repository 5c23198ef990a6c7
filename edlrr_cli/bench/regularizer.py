"""Value and gradient of the penalty: every backend compared with plain torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from edlrr_cli.bench.matrices import (
    SPECTRUM,
    definition,
    image_like,
    relative_error,
    svdvals_penalty,
    value_and_gradient,
)
from edlrr_cli.bench.memory import Call, cuda_peak_bytes, fresh_process_peak_bytes
from edlrr_cli.bench.record import Row
from edlrr_cli.bench.timing import time_side_by_side
from edlrr_cli.errors import UsageError
from edlrr_cli.lrr.names import parse_reg
from edlrr_cli.lrr.regularizer import lowrank_penalty
from edlrr_cli.lrr.series import Function, Series, make_function
from edlrr_cli.tasks.device import resolve_device

NAME = "regularizer"
#: Reference method of the ratios.
REFERENCE = "autograd svdvals"
NUM_PROBES = 20
#: The estimator is differentiated through its iterations and is too slow on larger matrices.
MAX_ESTIMATED_SIDE = 512
#: Largest side for which the definition, a float64 SVD, is affordable.
MAX_DEFINED_SIDE = 1024
_WARM_UP_SIDE = 24

PARAMETERS = {
    "dtype": "float32",
    "input": f"{SPECTRUM}, random singular vectors",
    "num_probes": NUM_PROBES,
    "warm_up_rounds": 1,
    "ratio": f"seconds of {REFERENCE!r} divided by those of the method, median over the rounds",
    "peak_bytes": "above the level before: allocated by torch (GPU), resident in a fresh process (CPU)",
    "gradient_error": "||g - g64|| / ||g64||, g64 from the definition by a float64 SVD",
}


@dataclass(frozen=True)
class Method:
    """A method to compute a penalty.

    Attributes:
        penalty: Maps S, shape (..., m, n), to R(S), differentiable.
    """

    penalty: Callable[[Tensor], Tensor]
    h: Function

    def run(self, S: Tensor) -> tuple[Tensor, Tensor]:
        """Return value and gradient at S."""
        leaf = S.detach().requires_grad_()
        return value_and_gradient(self.penalty(leaf), leaf)


def methods_for(reg: str, shape: tuple[int, ...], device: torch.device) -> dict[str, Method]:
    """Return the methods that support a penalty and a shape, by name."""
    h = make_function(reg)
    methods = {"auto": Method(partial(lowrank_penalty, reg=reg), h)}
    for backend in ("gram", "svd", "polar") if h.smooth else ("gram", "svd"):
        methods[backend] = Method(partial(lowrank_penalty, reg=reg, backend=backend), h)
    if max(shape[-2:]) <= MAX_ESTIMATED_SIDE and (reg == "nuclear" or isinstance(h, Series)):
        generator = torch.Generator(device).manual_seed(0)
        estimate = partial(lowrank_penalty, reg=reg, num_probes=NUM_PROBES, generator=generator)
        methods["estimator"] = Method(estimate, h)
    methods[REFERENCE] = Method(partial(svdvals_penalty, h=h), h)
    if reg == "nuclear":
        methods["autograd matrix_norm"] = Method(partial(torch.linalg.matrix_norm, ord="nuc"), h)
    if isinstance(h, Series):
        exact = make_function(f"exact-{parse_reg(reg).penalty}")
        methods[f"{REFERENCE}, exact h"] = Method(partial(svdvals_penalty, h=exact), exact)
    return methods


def run(
    *,
    shapes: Sequence[str],
    regs: Sequence[str],
    repeats: int,
    device: str,
    seed: int,
    memory: bool,
    progress: Callable[[str], None],
) -> list[Row]:
    """Measure every method on every shape.

    Args:
        shapes: Shapes (..., m, n), such as ``3x300x300``.
        memory: Measure the peak memory too; on the CPU this takes one process per row.

    Returns:
        One row per shape, penalty and method.

    Raises:
        UsageError: A shape or a penalty is none.
        DeviceError: The device does not exist.
    """
    sizes, where = list(map(parse_shape, shapes)), resolve_device(device)
    for reg in regs:
        parse_reg(reg)
    rows = []
    for size in sizes:
        S = image_like(size, seed=seed).float().to(where)
        for reg in regs:
            rows += _measure(S, reg, repeats=repeats, seed=seed, memory=memory, progress=progress)
    return rows


def _measure(
    S: Tensor, reg: str, *, repeats: int, seed: int, memory: bool, progress: Callable[[str], None]
) -> list[Row]:
    shape = tuple(S.shape)
    methods = methods_for(reg, shape, S.device)
    title = f"{'x'.join(map(str, shape))} {reg}"
    timings = time_side_by_side(
        {name: partial(method.run, S) for name, method in methods.items()},
        repeats=repeats,
        synchronize=partial(torch.cuda.synchronize, S.device) if S.is_cuda else lambda: None,
        progress=lambda name: progress(f"{title}: {name}"),
    )
    rows = []
    for name, method in methods.items():
        progress(f"{title}: {name}, memory and error")
        row = {"shape": list(shape), "reg": reg, "method": name, **timings[name].as_row()}
        row["ratio"] = timings[name].times_faster_than(timings[REFERENCE])
        row["peak_bytes"] = _peak_bytes(S, reg, name, method, seed) if memory else None
        row["gradient_error"] = _gradient_error(S, method)
        rows.append(row)
    return rows


def _gradient_error(S: Tensor, method: Method) -> float | None:
    if min(S.shape[-2:]) > MAX_DEFINED_SIDE:
        return None
    _, gradient = method.run(S)
    _, expected = definition(S, method.h)
    return relative_error(gradient, expected)


def _peak_bytes(S: Tensor, reg: str, name: str, method: Method, seed: int) -> int | None:
    if S.is_cuda:
        return cuda_peak_bytes(partial(method.run, S), S.device)
    arguments = {"shape": list(S.shape), "reg": reg, "name": name, "seed": seed}
    return fresh_process_peak_bytes(f"{__name__}:prepare", arguments)


def prepare(shape: list[int], reg: str, name: str, seed: int) -> tuple[Call, Call]:
    """Return the warm-up on a small input and the call, for a process in which memory is measured."""
    method = methods_for(reg, tuple(shape), torch.device("cpu"))[name]
    *batch, m, n = shape
    small = (*batch, min(m, _WARM_UP_SIDE), min(n, _WARM_UP_SIDE))
    warm_up, S = (image_like(size, seed=seed).float() for size in (small, tuple(shape)))
    return partial(method.run, warm_up), partial(method.run, S)


def parse_shape(text: str) -> tuple[int, ...]:
    """Parse a shape.

    Raises:
        UsageError: The text is not a shape with two or more positive sides.

    Example:
        >>> parse_shape("3x300x300")
        (3, 300, 300)
    """
    shape = tuple(int(side) if side.isdecimal() else 0 for side in text.split("x"))
    if len(shape) < 2 or min(shape) < 1:
        raise UsageError(f"shapes: {text!r} is no shape", "write 3x300x300,100x20800")
    return shape
