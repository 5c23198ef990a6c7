"""Stochastic traces of functions of (S S^T)^(1/2): Propositions 3 and 4, Theorems 1 to 3, Algorithm 1.

They estimate sum_i f(sigma_i(S)) as the mean over N probes g of a quadratic form g^T f(Q) g, with
Q = (S S^T)^(1/2), and apply matrices to the probe block only. For symmetric A the mean over Gaussian probes
is tr A and its variance 2 ||A||_F^2 / N.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from edlrr_cli.errors import NumericsError, UsageError
from edlrr_cli.lrr.pinv import pinv_ben_israel, require_matrix
from edlrr_cli.lrr.probes import gaussian_probes
from edlrr_cli.lrr.sqrtm import sqrtm_newton_schulz


def project_columns(S: Tensor, probes: Tensor, *, num_steps_pinv: int | None = None) -> Tensor:
    """Project vectors onto the column space of S.

    P_S[g] = S S^+ g, with the pseudo-inverse of `pinv_ben_israel`. With k steps a component along a left
    singular vector is multiplied by y_k = 1 - (1 - y_0)^(2^k) instead of 1, y_0 = (sigma / bound)^2.

    Args:
        S: Shape (..., m, n), float32 or float64. Not modified.
        probes: Shape (..., m, N), of the dtype of S. Not modified.
        num_steps_pinv: k1, steps of the pseudo-inverse. None: until converged.

    Returns:
        Shape (..., m, N). Differentiable through the iteration.

    Raises:
        UsageError: S is not a matrix, or the probes do not fit it.
        NumericsError: NaN or Inf.

    Source:
        Section 3.2, remark after Proposition 1; Algorithm 1, step 4.

    Example:
        >>> S = torch.tensor([[2.0, 0.0], [0.0, 0.0]])
        >>> project_columns(S, torch.tensor([[3.0], [4.0]]))
        tensor([[3.],
                [0.]])
    """
    require_matrix(S)
    if probes.shape[-2] != S.shape[-2]:
        raise UsageError(f"probes: expected {S.shape[-2]} rows, got shape {tuple(probes.shape)}")
    return S @ (pinv_ben_israel(S, num_steps=num_steps_pinv).value @ probes)


def trace_rank(
    S: Tensor,
    *,
    num_probes: int | None = None,
    generator: torch.Generator | None = None,
    probes: Tensor | None = None,
    num_steps_pinv: int | None = None,
) -> Tensor:
    """Estimate the rank of S.

    rank S = E ||P_S[g]||^2 for Gaussian g; estimated by the mean over N probes. Variance 2 rank / N.

    Args:
        S: Shape (..., m, n), float32 or float64. Not modified.
        num_probes: N, drawn from ``generator`` on the smaller side of S.
        generator: Source of the probes; required with ``num_probes``.
        probes: Instead of both: a block (..., m, N), or (..., n, N) to work with S^T. Not modified.
        num_steps_pinv: k1. None: until converged. Too few underestimate: a direction counts y_k^2.

    Returns:
        Shape (...).

    Raises:
        UsageError: Not exactly one of ``probes`` and ``num_probes`` with ``generator``, or shapes that do
            not fit.
        NumericsError: NaN or Inf.

    Note:
        Differentiable through the iteration, but the rank is piecewise constant: the gradient tends to
        zero as k1 grows. Optimize a relaxation instead.

    Source:
        Proposition 3. Deviation: works with S^T if m > n (the rank is the same).

    Example:
        >>> from edlrr_cli.lrr.probes import sign_probes_all
        >>> S = torch.tensor([[3.0, 0.0], [0.0, 0.0]], dtype=torch.float64)
        >>> trace_rank(S, probes=sign_probes_all(2))
        tensor(1., dtype=torch.float64)
    """
    S, G = _side_and_probes(S, num_probes, generator, probes)
    projected = project_columns(S, G, num_steps_pinv=num_steps_pinv)
    return _finite(_mean_product(projected, projected), "trace_rank")


def trace_nuclear(
    S: Tensor,
    *,
    num_probes: int | None = None,
    generator: torch.Generator | None = None,
    probes: Tensor | None = None,
    num_steps_sqrt: int | None = None,
) -> Tensor:
    """Estimate the nuclear norm of S.

    ||S||_* = E <P_S[g], (S S^T)^(1/2) g> = E <g, (S S^T)^(1/2) g>: the root maps into the column space of S,
    so the projection changes nothing and is left out. Variance 2 ||S||_F^2 / N.

    Args:
        S: Shape (..., m, n), float32 or float64. Not modified.
        num_probes: N, drawn from ``generator`` on the smaller side of S.
        generator: Source of the probes; required with ``num_probes``.
        probes: Instead of both: a block (..., m, N), or (..., n, N) to work with S^T. Not modified.
        num_steps_sqrt: k2, steps of the square root. None: until converged. Too few underestimate.

    Returns:
        Shape (...).

    Raises:
        UsageError: As `trace_rank`.
        NumericsError: NaN or Inf.

    Note:
        Differentiable through the iteration; the gradient tends to an unbiased estimate of U V^T. In
        float32 the Gram matrix hides singular values below 3e-4 sigma_1 (see `sqrtm_newton_schulz`): that
        costs the value up to 3e-4 sigma_1 each, and the gradient their directions.

    Source:
        Proposition 4. Deviation: no projection.

    Example:
        >>> from edlrr_cli.lrr.probes import sign_probes_all
        >>> S = torch.tensor([[3.0, 0.0, 0.0], [0.0, 4.0, 0.0]], dtype=torch.float64)
        >>> trace_nuclear(S, probes=sign_probes_all(2))
        tensor(7.0000, dtype=torch.float64)
    """
    return trace_schatten(
        S, 1, num_probes=num_probes, generator=generator, probes=probes, num_steps_sqrt=num_steps_sqrt
    )


def trace_schatten(
    S: Tensor,
    p: int,
    *,
    num_probes: int | None = None,
    generator: torch.Generator | None = None,
    probes: Tensor | None = None,
    num_steps_sqrt: int | None = None,
) -> Tensor:
    """Estimate the p-th power of the Schatten-p norm of S.

    ||S||_p^p = sum_i sigma_i^p = E <g, (S S^T)^(p/2) g>, variance 2 ||S||_2p^2p / N. With u_0 = g,
    u_1 = S^T u_0, u_2 = S u_1, ...: an even power is the mean of ||u_{p/2}||^2, an odd one takes one product
    with the square root more. No power of a matrix is formed.

    Args:
        S: Shape (..., m, n), float32 or float64. Not modified.
        p: A natural number >= 1.
        num_probes: N, drawn from ``generator`` on the smaller side of S.
        generator: Source of the probes; required with ``num_probes``.
        probes: Instead of both: a block (..., m, N), or (..., n, N) to work with S^T. Not modified.
        num_steps_sqrt: k2, steps of the square root, used for odd p only. None: until converged.

    Returns:
        Shape (...): the p-th power, not its root.

    Raises:
        UsageError: p < 1, otherwise as `trace_rank`.
        NumericsError: NaN or Inf; sigma_1^p overflows easily, so the caller should scale S.

    Note:
        Differentiable through the iteration. Float32: as `trace_nuclear` for odd p; even powers form no
        Gram matrix.

    Source:
        Theorem 1, Algorithm 1. Deviation: P_S[g] and hence k1 are omitted, as they have no effect for p >= 1.

    Example:
        >>> from edlrr_cli.lrr.probes import sign_probes_all
        >>> S = torch.tensor([[2.0, 0.0], [0.0, 3.0]], dtype=torch.float64)
        >>> trace_schatten(S, 3, probes=sign_probes_all(2))
        tensor(35., dtype=torch.float64)
    """
    if p < 1:
        raise UsageError(f"p: expected a natural number >= 1, got {p}", "use trace_rank for p = 0")
    return trace_series(
        S,
        [0.0] * p + [1.0],
        num_probes=num_probes,
        generator=generator,
        probes=probes,
        num_steps_sqrt=num_steps_sqrt,
    )


def trace_series(
    S: Tensor,
    coefficients: Sequence[float],
    *,
    num_probes: int | None = None,
    generator: torch.Generator | None = None,
    probes: Tensor | None = None,
    num_steps_pinv: int | None = None,
    num_steps_sqrt: int | None = None,
) -> Tensor:
    """Estimate sum_i h(sigma_i) over the nonzero singular values, for a polynomial h.

    sum_i h(sigma_i) = sum_p c_p E <P_S[g], (S S^T)^(p/2) g>,   h(x) = sum_p c_p x^p.

    One chain u_0 = g, u_1 = S^T u_0, u_2 = S u_1, ... of half the order serves all powers at once:
    sigma^(2j) is <u_j, u_j>; sigma^(2j+1) is <u_j, R u_j> for even j and <u_{j-1}, R u_{j+1}> for odd j,
    R = (S S^T)^(1/2), computed once and only if an odd coefficient is nonzero. The projection and
    the pseudo-inverse are computed only if c_0 is nonzero.

    Args:
        S: Shape (..., m, n), float32 or float64. Not modified.
        coefficients: Coefficients c_0, c_1, ... of the monomials, for the unscaled spectrum of S.
        num_probes: N, drawn from ``generator`` on the smaller side of S.
        generator: Source of the probes; required with ``num_probes``.
        probes: Instead of both: a block (..., m, N), or (..., n, N) to work with S^T. Not modified.
        num_steps_pinv: k1, steps of the pseudo-inverse. None: until converged.
        num_steps_sqrt: k2, steps of the square root. None: until converged.

    Returns:
        Shape (...).

    Raises:
        UsageError: No coefficients, otherwise as `trace_rank`.
        NumericsError: NaN or Inf.

    Note:
        Differentiable through the iterations. sigma_1^p overflows, and a series cancels, when sigma_1 is
        large: callers should scale S, and the coefficients with it. For a polynomial that vanishes at 0 the
        projection has no effect; c_0 counts nonzero singular values, and its gradient is that of
        `trace_rank`.

    Source:
        Theorems 2 and 3 with the coefficients collected by power (for Laguerre sum_k c_k a_{k,p}).
        Deviation: P_S[g] only for p = 0.

    Example:
        >>> from edlrr_cli.lrr.probes import sign_probes_all
        >>> S = torch.tensor([[2.0, 0.0], [0.0, 0.0]], dtype=torch.float64)
        >>> trace_series(S, [1.0, 10.0, 100.0], probes=sign_probes_all(2))  # 1 + 10 * 2 + 100 * 4
        tensor(421., dtype=torch.float64)
    """
    if len(coefficients) == 0:
        raise UsageError("coefficients: expected at least one, got none")
    S, G = _side_and_probes(S, num_probes, generator, probes)
    nonzero = [power for power, coefficient in enumerate(coefficients) if coefficient != 0]
    total = (S * 0).sum(dim=(-2, -1))
    if 0 in nonzero:
        projected = project_columns(S, G, num_steps_pinv=num_steps_pinv)
        total = total + coefficients[0] * _mean_product(projected, G)
    root: Callable[[], Tensor] = _Root(S, num_steps_sqrt)
    before, u = G, G  # u_{j-1} and u_j
    for j in range(max(nonzero, default=0) // 2 + 1):
        after = (S.mT if j % 2 == 0 else S) @ u if _needs_next(j, nonzero) else u
        if j > 0 and 2 * j in nonzero:
            total = total + coefficients[2 * j] * _mean_product(u, u)
        if 2 * j + 1 in nonzero:
            left, right = (u, u) if j % 2 == 0 else (before, after)
            total = total + coefficients[2 * j + 1] * _mean_product(left, root() @ right)
        before, u = u, after
    return _finite(total, f"trace_series (order {len(coefficients) - 1})")


class _Root:
    """(S S^T)^(1/2), computed on the first call."""

    def __init__(self, S: Tensor, num_steps: int | None) -> None:
        self._S = S
        self._num_steps = num_steps
        self._root: Tensor | None = None

    def __call__(self) -> Tensor:
        if self._root is None:
            self._root = sqrtm_newton_schulz(self._S @ self._S.mT, num_steps=self._num_steps).value
        return self._root


def _needs_next(j: int, nonzero: list[int]) -> bool:
    """Whether u_{j+1} is used by this odd power or any higher power."""
    return nonzero[-1] > 2 * j + 1 or (j % 2 == 1 and nonzero[-1] == 2 * j + 1)


def _side_and_probes(
    S: Tensor, num_probes: int | None, generator: torch.Generator | None, probes: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return S or its transpose, and probes for its rows."""
    require_matrix(S)
    m, n = S.shape[-2:]
    if probes is None:
        if num_probes is None or generator is None:
            raise UsageError("probes: expected a block, or num_probes and generator, got neither")
        S = S if m <= n else S.mT
        return S, gaussian_probes(S, num_probes, generator=generator)
    if num_probes is not None or generator is not None:
        raise UsageError("probes: expected a block, or num_probes and generator, got both")
    if probes.ndim < 2 or probes.shape[-2] not in (m, n) or probes.shape[-1] == 0:
        raise UsageError(f"probes: expected shape (..., {m}, N) or (..., {n}, N), got {tuple(probes.shape)}")
    if probes.dtype != S.dtype:
        raise UsageError(f"probes: expected the dtype of S, {S.dtype}, got {probes.dtype}")
    return (S if probes.shape[-2] == m else S.mT), probes


def _mean_product(left: Tensor, right: Tensor) -> Tensor:
    """Average <left, right> over the columns, the probes."""
    return (left * right).sum(dim=-2).mean(dim=-1)


def _finite(value: Tensor, name: str) -> Tensor:
    """Reject NaN and Inf."""
    if not bool(torch.isfinite(value.detach()).all()):
        raise NumericsError(f"{name}: NaN or Inf in the estimate", "scale S so that sigma_1 is near 1")
    return value
