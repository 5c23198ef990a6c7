"""The differentiable low-rank penalty, which combines functions, routes and estimators."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edlrr_cli.errors import UsageError
from edlrr_cli.lrr.autograd import sigma_max, spectral_penalty
from edlrr_cli.lrr.estimators import trace_nuclear, trace_series
from edlrr_cli.lrr.penalties import Nuclear
from edlrr_cli.lrr.precision import at_least_float32
from edlrr_cli.lrr.series import Series, make_function
from edlrr_cli.lrr.spectral import Scale, largest_singular_value, resolve_scale


def lowrank_penalty(
    S: Tensor,
    reg: str = "laguerre-gamma",
    *,
    gamma: float | None = None,
    scale: Scale = None,
    num_probes: int | None = None,
    generator: torch.Generator | None = None,
    backend: str = "auto",
) -> Tensor:
    """Compute R(S) = sum_i h(sigma_i(S) / scale), differentiable in S, to be added to any loss.

    ``loss = mse(f(x), y) + weight * lowrank_penalty(f(x)).sum()``

    The exact trace (``num_probes=None``) has the gradient U diag(h'(sigma / scale) / scale) V^T, computed
    with the value, so there is no backward pass through iterations and memory does not depend on their
    number. With probes it is the paper's Algorithm 1, differentiated through its iterations.

    Args:
        S: Shape (..., m, n), any m and n, CPU or CUDA; float32 or float64, complex64 or complex128 (singular
            values are real), or float16 or bfloat16, which are converted to float32. Not modified.
        reg: One of `edlrr_cli.lrr.names.REG_NAMES`.
        gamma: Shape of the penalty, in units of the scaled singular value; None for its default.
        scale: Scale of the singular values, more than 0: a number, shape (...), or a function that maps
            sigma_1, shape (...), to it. None: sigma_1 / x, where x is the end of the series' range, or 10 for
            ``exact-X``, so that the penalty bends within the spectrum; 1 for ``nuclear`` and
            ``schatten-P``. Constant in the gradient.
        num_probes: N, number of Gaussian probes; None for the exact trace.
        generator: Source of the probes; required with ``num_probes``.
        backend: Computation of the exact trace: ``"gram"`` (eigendecomposition of the Gram matrix in
            float64), ``"svd"`` (in the dtype of S), ``"polar"`` (matrix products only, in float64) or
            ``"auto"``, the fastest that is exact.

    Returns:
        Shape S.shape[:-2], real, in the dtype of S; float32 for 16 bits.

    Raises:
        UsageError: A name or argument is unknown, or conflicts with another one.
        NumericsError: NaN or Inf in S, or a scale at which the spectrum leaves the range of the series.

    Note:
        Differentiable twice, with the scale held constant; the second derivative takes an SVD in float64 and
        is finite where singular values repeat. If a singular value is 0 up to rounding, its part of the
        gradient is 0, the least subgradient; where h' is infinite at 0 (``schatten-P``) small singular values
        dominate. Works under autocast, `torch.compile`, `torch.export`, `torch.func` and on meta tensors.
        With probes, `torch.compile` excludes the estimate from its graph, and activation checkpointing draws
        different probes for the gradient and the value; both estimates are unbiased.

    Source:
        Eq. (2), Theorems 2 and 3. Deviations: the series are those of h(x) - h(0), which omits the rank term,
        whose gradient is 0; the spectrum is scaled.

    Example:
        >>> S = torch.diag(torch.tensor([3.0, 4.0])).requires_grad_()
        >>> R = lowrank_penalty(S, "exact-geman", scale=1.0)  # 3 / 4 + 4 / 5
        >>> R.backward()
        >>> R.detach(), S.grad  # 1 / 16 and 1 / 25
        (tensor(1.5500), tensor([[0.0625, 0.0000],
                [0.0000, 0.0400]]))
    """
    if num_probes is None and generator is not None:
        raise UsageError("generator: expected num_probes with it", "the exact trace draws no probes")
    S, multiplicity = _real(S)
    if num_probes is None:
        fixed_scale = _scale_tensor(scale, S)
        value = spectral_penalty(S, scale=fixed_scale, reg=reg, gamma=gamma, backend=backend)
    elif torch.compiler.is_compiling():  # the tracer emulates NumPy wrongly, and cannot follow the iterations
        estimate = torch.compiler.disable(_estimate)  # type: ignore[no-untyped-call]
        value = estimate(S, reg, gamma, scale, num_probes, generator)
    else:
        value = _estimate(S, reg, gamma, scale, num_probes, generator)
    return value if multiplicity == 1 else value / multiplicity


class LowRankRegularizer(nn.Module):
    """`lowrank_penalty` as a module, with its settings.

    Args:
        reg: One of `edlrr_cli.lrr.names.REG_NAMES`.
        gamma: As in `lowrank_penalty`.
        scale: As in `lowrank_penalty`.
        num_probes: As in `lowrank_penalty`.
        generator: As in `lowrank_penalty`.
        backend: As in `lowrank_penalty`.

    Raises:
        UsageError: Unknown reg, or gamma outside its domain.

    Example:
        >>> LowRankRegularizer("nuclear")(torch.eye(3))
        tensor(3.)
    """

    def __init__(
        self,
        reg: str = "laguerre-gamma",
        *,
        gamma: float | None = None,
        scale: Scale = None,
        num_probes: int | None = None,
        generator: torch.Generator | None = None,
        backend: str = "auto",
    ) -> None:
        super().__init__()
        make_function(reg, gamma)
        self.reg = reg
        self.gamma = gamma
        self.scale = scale
        self.num_probes = num_probes
        self.generator = generator
        self.backend = backend

    def forward(self, S: Tensor) -> Tensor:
        """Return R(S) of each matrix, shape S.shape[:-2]."""
        return lowrank_penalty(
            S,
            self.reg,
            gamma=self.gamma,
            scale=self.scale,
            num_probes=self.num_probes,
            generator=self.generator,
            backend=self.backend,
        )

    def extra_repr(self) -> str:
        """Show the settings in ``print(module)``."""
        return f"reg={self.reg!r}, gamma={self.gamma}, scale={self.scale}, num_probes={self.num_probes}"


def _scale_tensor(scale: Scale, S: Tensor) -> Tensor | None:
    """Return the requested scale as a constant tensor; None for the default."""
    if callable(scale):
        scale = scale(sigma_max(S))
    if scale is None:
        return None
    return torch.as_tensor(scale, dtype=torch.float64, device=S.device).detach()


def _real(S: Tensor) -> tuple[Tensor, int]:
    """Return a real matrix in float32 or float64, and the multiplicity of the singular values of S in it.

    For a complex A + iB it is [[A, -B], [B, A]]; its gradient, mapped back, is U h'(sigma) V^H.
    """
    if not isinstance(S, Tensor):
        raise UsageError(f"S: expected a tensor, got {type(S).__name__}", "use torch.from_numpy for an array")
    if S.layout != torch.strided:
        raise UsageError(f"S: expected a dense tensor, got one of layout {S.layout}", "use S.to_dense()")
    if S.is_complex():
        A, B = S.real, S.imag
        return at_least_float32(torch.cat([torch.cat([A, -B], -1), torch.cat([B, A], -1)], -2)), 2
    return at_least_float32(S), 1


def _estimate(
    S: Tensor,
    reg: str,
    gamma: float | None,
    scale: Scale,
    num_probes: int,
    generator: torch.Generator | None,
) -> Tensor:
    """Estimate the trace in float64, since the monomials of a series cancel to about 1e-8 of their size."""
    h = make_function(reg, gamma)
    resolved = resolve_scale(h, largest_singular_value(S), scale)
    X = S.double() / resolved[..., None, None]
    if isinstance(h, Nuclear):
        value = trace_nuclear(X, num_probes=num_probes, generator=generator)
    elif isinstance(h, Series):
        shifted = [0.0, *h.coefficients[1:].tolist()]
        value = trace_series(X, shifted, num_probes=num_probes, generator=generator)
    else:
        raise UsageError(
            f"{h} has no series, got num_probes={num_probes}", "use nuclear, taylor- or laguerre-"
        )
    return value.to(S.dtype)
