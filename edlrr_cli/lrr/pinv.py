"""Pseudo-inverse by matrix products (Proposition 1), and the norms that initialize the iterations."""

from __future__ import annotations

import torch
from torch import Tensor

from edlrr_cli.errors import NumericsError, UsageError
from edlrr_cli.lrr.iterate import Iterate, Status
from edlrr_cli.lrr.linear_algebra import positive


def require_matrix(S: Tensor, *, name: str = "S") -> None:
    """Require a finite, non-empty, real matrix or batch of matrices.

    Args:
        S: A tensor of expected shape (..., m, n). Not modified.
        name: Name of the argument in the message.

    Raises:
        UsageError: Fewer than two dimensions, an empty matrix, or a dtype other than float32 or float64.
        NumericsError: An entry is NaN or Inf.

    Example:
        >>> require_matrix(torch.eye(2))
        >>> require_matrix(torch.ones(3))
        Traceback (most recent call last):
        edlrr_cli.errors.UsageError: S: expected shape (..., m, n) with m, n >= 1, got (3,)
    """
    require_shape(S, name=name)
    require_finite(S, name=name)


def require_shape(S: Tensor, *, name: str = "S") -> None:
    """Require the shape and dtype of a matrix; see `require_matrix`."""
    if S.ndim < 2 or 0 in S.shape[-2:]:
        raise UsageError(f"{name}: expected shape (..., m, n) with m, n >= 1, got {tuple(S.shape)}")
    if S.dtype not in (torch.float32, torch.float64):
        raise UsageError(f"{name}: expected dtype float32 or float64, got {S.dtype}", "convert it first")


def require_finite(S: Tensor, *, name: str = "S") -> None:
    """Require a matrix without NaN and Inf; see `require_matrix`."""
    S = S.detach()
    if not torch.isfinite(S.sum()) and not torch.isfinite(S).all():  # the sum is fast and rarely overflows
        raise NumericsError(f"{name}: expected finite entries, got NaN or Inf", "clean the matrix first")


def require_num_steps(num_steps: int | None, max_steps: int) -> None:
    """Reject negative step counts.

    Args:
        num_steps: A fixed number of steps, or None.
        max_steps: Maximum number of steps if ``num_steps`` is None.

    Raises:
        UsageError: Either is negative.

    Example:
        >>> require_num_steps(0, 60)
    """
    if (num_steps is not None and num_steps < 0) or max_steps < 0:
        raise UsageError(f"num_steps, max_steps: expected counts >= 0, got {num_steps}, {max_steps}")


def frobenius_norm(S: Tensor) -> Tensor:
    """Return ||S||_F of each matrix, without overflow or underflow of the squares.

    Args:
        S: Shape (..., m, n), floating point. Not modified.

    Returns:
        Shape (...); differentiable, with gradient 0 at S = 0.

    Example:
        >>> frobenius_norm(torch.tensor([[3e30, 4e30]]))
        tensor(5.0000e+30)
    """
    peak = S.detach().abs().amax(dim=(-2, -1))
    divisor = positive(peak)
    norm: Tensor = divisor * torch.linalg.vector_norm(S / divisor[..., None, None], dim=(-2, -1))
    return norm


def sigma_max_bound(S: Tensor) -> Tensor:
    """Bound the largest singular value from above without computing it.

    bound = min(||S||_F, sqrt(||S||_1 ||S||_inf)), where ||.||_1 and ||.||_inf are the largest absolute
    column and row sums. Both bound sigma_1: sigma_1^2 <= sum_i sigma_i^2 = ||S||_F^2, and sigma_1^2 is an
    eigenvalue of S^T S, so at most ||S^T S||_1 <= ||S^T||_1 ||S||_1 = ||S||_inf ||S||_1.

    Args:
        S: Shape (..., m, n), floating point. Not modified.

    Returns:
        Shape (...); zero for zero matrices. At most sqrt(rank) times sigma_1.

    Note:
        Differentiable almost everywhere; the gradient at S = 0 is 0.

    Example:
        >>> sigma_max_bound(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))  # not sqrt(2): the row sums are tighter
        tensor(1.)
    """
    peak = S.detach().abs().amax(dim=(-2, -1))
    is_zero = peak == 0
    divisor = torch.where(is_zero, torch.ones_like(peak), peak)
    magnitude = (S / divisor[..., None, None]).abs()
    product = magnitude.sum(dim=-2).amax(dim=-1) * magnitude.sum(dim=-1).amax(dim=-1)
    # sqrt has no derivative at 0, so zero matrices are replaced before it
    row_column = torch.where(is_zero, torch.ones_like(product), product).sqrt()
    return divisor * torch.minimum(torch.linalg.vector_norm(magnitude, dim=(-2, -1)), row_column)


def pinv_ben_israel(
    S: Tensor, *, num_steps: int | None = None, max_steps: int = 60, rtol: float | None = None
) -> Iterate:
    """Compute the pseudo-inverse of S by the Ben-Israel and Cohen iteration.

        S_{i+1} = 2 S_i - S_i S S_i,   S_0 = alpha S^T,   alpha = 1 / bound^2,   bound >= sigma_1.

    Why it converges: S_i keeps the singular vectors of S^T, and y = sigma x (x the singular value of S_i that
    belongs to sigma) obeys 1 - y' = (1 - y)^2. It starts at y = (sigma / bound)^2 in (0, 1], because
    `sigma_max_bound` gives alpha <= 1 / sigma_1^2 < 2 / sigma_1^2; so y rises monotonically to 1,
    quadratically at the end. A singular value needs about 2 log2(bound / sigma) + 5 steps: 45 for 1e-6.

    When it does not: a singular value of exactly zero stays at y = 0, as it must, but rounding errors that
    are orthogonal to S on both sides obey E' = 2 E: on a rank-deficient matrix they double with every step,
    invisible to the residual. So each matrix of a batch is fixed from the step where it met the tolerance.
    Further steps are harmful; with ``num_steps`` they are run as requested.

    Args:
        S: Shape (..., m, n), any m and n, float32 or float64, any device. Not modified.
        num_steps: Run exactly this many steps (k1 of Algorithm 1). None: until converged.
        max_steps: Maximum number of steps if ``num_steps`` is None.
        rtol: Tolerance on ||S X S - S||_F / ||S||_F; None: max(m, n) eps, as matrix-rank functions use.
            Singular values below rtol ||S||_F therefore count as zero. If ill-conditioning makes the
            tolerance unreachable, a residual that stagnates at its rounding level, 4 eps ||S||_2 ||X||_2
            (norms estimated), counts as convergence: that excludes singular values below about
            2 sqrt(eps) sigma_1, which the iteration cannot distinguish from its own rounding errors.

    Returns:
        An `Iterate`: value (..., n, m), and the residual above, shape (...), recomputed for ``value`` after
        the last step. Zero matrices give zero.

    Raises:
        UsageError: S is not a matrix of a supported dtype, or a count is negative.
        NumericsError: NaN or Inf in S or during the iteration.

    Note:
        Differentiable by autograd through the steps (nothing is written in place; ``residual`` is detached).
        The derivative is that of the returned value, including alpha. Each step costs two products on the
        smaller side, 2 min(m, n) m n multiplications each; checking for convergence adds one. Not promised:
        a relative accuracy better than eps sigma_1 / sigma_r.

    Source:
        Proposition 1 (Ben-Israel and Cohen, 1966). Deviations: S is first divided by the bound, which gives
        the same sequence without overflow; the stopping rule.

    Example:
        >>> pinv_ben_israel(torch.tensor([[3.0, 0.0], [0.0, 0.0], [0.0, 2.0]])).value
        tensor([[0.3333, 0.0000, 0.0000],
                [0.0000, 0.0000, 0.5000]])
    """
    require_matrix(S)
    require_num_steps(num_steps, max_steps)
    m, n = S.shape[-2:]
    eps = torch.finfo(S.dtype).eps
    if rtol is None:
        rtol = max(m, n) * eps
    bound = sigma_max_bound(S)
    scale = positive(bound)[..., None, None]
    A = S / scale
    X = A.mT
    wide = m <= n
    norm = frobenius_norm(A.detach())
    safe_norm = positive(norm)
    limit = max_steps if num_steps is None else num_steps
    done = torch.zeros_like(norm, dtype=torch.bool)
    previous = torch.full_like(norm, torch.inf)
    residual = previous
    step = 0
    while True:
        P = A @ X if wide else X @ A
        if num_steps is None or step == limit:
            residual = _pinv_residual(A, P, wide=wide) / safe_norm
            size = _spectral_norm_estimate(A) * _spectral_norm_estimate(X)
            if not bool((torch.isfinite(residual) & torch.isfinite(size)).all()):
                raise NumericsError(
                    f"pinv_ben_israel: NaN or Inf after step {step}", "use fewer steps or double precision"
                )
            at_floor = residual <= 4 * eps * size
            if num_steps is None:
                at_floor &= residual > previous / 2  # otherwise it still falls, and the next step is useful
            done = done | (residual <= rtol) | at_floor
            previous = residual
            if step == limit or bool(done.all()):
                break
        X_next = 2 * X - (X @ P if wide else P @ X)
        frozen = num_steps is None and bool(done.any())
        X = torch.where(done[..., None, None], X, X_next) if frozen else X_next
        step += 1
    value = X / scale
    if not bool(torch.isfinite(value.detach()).all()):
        raise NumericsError(f"pinv_ben_israel: overflow, ||S|| <= {float(bound.min()):.3g}", "rescale S")
    status = Status.CONVERGED if bool(done.all()) else Status.MAX_STEPS
    return Iterate(value=value, status=status, num_steps=step, residual=residual)


def _spectral_norm_estimate(X: Tensor) -> Tensor:
    """Estimate ||X||_2 from below by two power steps from the longest column; zero for zero matrices."""
    X = X.detach()
    longest = torch.linalg.vector_norm(X, dim=-2).argmax(dim=-1)[..., None, None]
    v = torch.take_along_dim(X, longest, dim=-1)
    for _ in range(2):
        length = torch.linalg.vector_norm(v, dim=(-2, -1), keepdim=True)
        v = X @ (X.mT @ (v / positive(length)))
    norm: Tensor = torch.linalg.vector_norm(v, dim=(-2, -1)).sqrt()
    return norm


def _pinv_residual(A: Tensor, P: Tensor, *, wide: bool) -> Tensor:
    """Return ||A X A - A||_F from P = A X (wide) or P = X A (tall)."""
    A, P = A.detach(), P.detach()
    residual: Tensor = torch.linalg.vector_norm((P @ A if wide else A @ P) - A, dim=(-2, -1))
    return residual
