"""Accuracy of the penalty in every precision, and of the estimator compared with Theorem 4."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from edlrr_cli.bench.matrices import (
    SPECTRUM,
    definition,
    image_like,
    image_spectrum,
    relative_error,
    value_and_gradient,
)
from edlrr_cli.bench.record import Row
from edlrr_cli.lrr.estimators import trace_nuclear, trace_rank, trace_series
from edlrr_cli.lrr.names import REG_NAMES
from edlrr_cli.lrr.pinv import sigma_max_bound
from edlrr_cli.lrr.probes import gaussian_probes, sign_probes_all
from edlrr_cli.lrr.regularizer import lowrank_penalty
from edlrr_cli.lrr.series import Series, make_function
from edlrr_cli.lrr.spectral import resolve_scale

NAME = "accuracy"
REGS = tuple(name.replace("-P", "-0.5") for name in REG_NAMES)
CONDITION = 1e6
PROBE_COUNTS = (16, 64, 256, 1024)
STEP_COUNTS = (2, 4, 6, 8, 10, 12, 16, 20)
_BIAS_SIDE = 8
_VARIANCE_SIDE = 24
_PROBES_PER_BATCH = 100_000

PARAMETERS = {
    "input": f"{SPECTRUM}, the upper half down to sigma_1 / {CONDITION:g}, random singular vectors",
    "gradient_error": "||g - g64|| / ||g64||, g64 = U diag(h'(sigma / scale) / scale) V^T, float64 SVD",
    "value_error": "|R - R64| / |R64|",
    "auto": "in float64 this is the same SVD as the definition, hence errors of 0",
    "bias": f"{_BIAS_SIDE} x {_BIAS_SIDE}, {SPECTRUM}: relative, exact mean over all sign vectors",
    "variance": f"{_VARIANCE_SIDE} x {_VARIANCE_SIDE}, {SPECTRUM}: of the estimate from N Gaussian probes",
}


def run(*, side: int, repetitions: int, seed: int, progress: Callable[[str], None]) -> list[Row]:
    """Measure the errors of every penalty, and bias and variance of the estimator."""
    S = image_like((side, side), seed=seed, condition=CONDITION)
    rows = []
    for reg in REGS:
        progress(reg)
        rows += _penalty_rows(S, reg)
    progress("bias of the estimator")
    rows += _bias_rows(seed)
    for reg in ("nuclear", "laguerre-gamma"):
        progress(f"variance of the estimator: {reg}")
        rows += _variance_rows(reg, repetitions, seed)
    return rows


def _penalty_rows(S: Tensor, reg: str) -> list[Row]:
    h = make_function(reg)
    rows = []
    for dtype in (torch.float32, torch.float64):
        X = S.to(dtype).requires_grad_()
        expected_value, expected_gradient = definition(X, h)
        for backend in ("auto", "polar") if h.smooth else ("auto",):
            value, gradient = value_and_gradient(lowrank_penalty(X, reg, backend=backend), X)
            rows.append(
                {
                    "part": "penalty",
                    "reg": reg,
                    "dtype": str(dtype).removeprefix("torch."),
                    "backend": backend,
                    "gradient_error": relative_error(gradient, expected_gradient),
                    "value_error": relative_error(value, expected_value),
                }
            )
    return rows


def _bias_rows(seed: int) -> list[Row]:
    """Compare the bias of a fixed number of steps with that of the scalar recursions in theory."""
    S = image_like((_BIAS_SIDE, _BIAS_SIDE), seed=seed)
    sigma, signs = image_spectrum(_BIAS_SIDE), sign_probes_all(_BIAS_SIDE)
    rows = []
    for steps in STEP_COUNTS:
        nuclear = trace_nuclear(S, probes=signs, num_steps_sqrt=steps)
        rank = trace_rank(S, probes=signs, num_steps_pinv=steps)
        roots, projections = root_after(sigma, steps), projection_after(sigma, steps, sigma_max_bound(S))
        rows.append(_bias_row("k2", steps, nuclear, roots.sum(), sigma.sum()))
        rows.append(_bias_row("k1", steps, rank, projections.square().sum(), torch.tensor(_BIAS_SIDE)))
    return rows


def _bias_row(name: str, steps: int, mean: Tensor, expected: Tensor, truth: Tensor) -> Row:
    quantity = {"k1": "rank", "k2": "nuclear norm"}[name]
    measured, theory = (float(value / truth) - 1 for value in (mean, expected))
    return {
        "part": "bias",
        "of": quantity,
        "steps_of": name,
        "steps": steps,
        "measured": measured,
        "theory": theory,
    }


def root_after(sigma: Tensor, steps: int) -> Tensor:
    """Return singular values after k2 steps of the square root iteration, which converges to sigma.

    y_0 = sigma^2 / ||S S^T||_F, z_0 = 1; y' = y (3 - z y) / 2, z' = z (3 - z y) / 2.
    """
    norm = sigma.square().norm()
    y, z = sigma.square() / norm, torch.ones_like(sigma)
    for _ in range(steps):
        factor = (3 - z * y) / 2
        y, z = y * factor, z * factor
    root: Tensor = y * norm.sqrt()
    return root


def projection_after(sigma: Tensor, steps: int, bound: Tensor) -> Tensor:
    """Return the projection after k1 pseudo-inverse steps, 1 - (1 - (sigma / bound)^2)^(2^k1)."""
    factor: Tensor = 1 - (1 - (sigma / bound).square()) ** (2**steps)
    return factor


def _variance_rows(reg: str, repetitions: int, seed: int) -> list[Row]:
    S, h = image_like((_VARIANCE_SIDE, _VARIANCE_SIDE), seed=seed), make_function(reg)
    sigma = image_spectrum(_VARIANCE_SIDE)
    scale = resolve_scale(h, sigma[0], None)
    coefficients = [0.0, *h.coefficients[1:].tolist()] if isinstance(h, Series) else [0.0, 1.0]
    generator = torch.Generator().manual_seed(seed)
    values = h.value(sigma / scale)
    rows = []
    for num_probes in PROBE_COUNTS:
        estimates = _estimates(S / scale, coefficients, num_probes, repetitions, generator)
        rows.append(
            {
                "part": "variance",
                "reg": reg,
                "num_probes": num_probes,
                "repetitions": repetitions,
                "measured": float(estimates.var()),
                "theory": float(2 * values.square().sum() / num_probes),
                "mean_error_in_standard_errors": _standard_errors(estimates, values.sum()),
            }
        )
    return rows


def _estimates(
    S: Tensor, coefficients: list[float], num_probes: int, repetitions: int, generator: torch.Generator
) -> Tensor:
    """Return independent estimates, computed in batches that limit the memory."""
    batch_size = max(_PROBES_PER_BATCH // num_probes, 1)
    estimates = []
    for start in range(0, repetitions, batch_size):
        shape = (min(batch_size, repetitions - start), *S.shape)
        probes = gaussian_probes(shape, num_probes, generator=generator, dtype=S.dtype)
        estimates.append(trace_series(S, coefficients, probes=probes))
    return torch.cat(estimates)


def _standard_errors(estimates: Tensor, truth: Tensor) -> float:
    """Return the error of the mean in multiples of its standard error."""
    return float((estimates.mean() - truth) / (estimates.std() / len(estimates) ** 0.5))
