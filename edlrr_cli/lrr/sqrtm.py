"""Square root and inverse square root of a positive semi-definite matrix (Proposition 2)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from edlrr_cli.errors import NumericsError, UsageError
from edlrr_cli.lrr.iterate import Iterate, Status
from edlrr_cli.lrr.linear_algebra import positive
from edlrr_cli.lrr.pinv import frobenius_norm, require_matrix, require_num_steps


@dataclass(frozen=True)
class SqrtIterate(Iterate):
    """An `Iterate` whose ``value`` is A^(1/2), with the inverse root from the coupled iteration.

    Attributes:
        inverse_root: The approximation of A^(-1/2), shape (..., m, m). Finite, but meaningless in the
            directions where A is singular: there it grows as 1.5^steps.
        inverse_residual: ||A^(1/2) A^(-1/2) - I||_F / sqrt(m), recomputed, one scalar per matrix. Near zero
            if the inverse root is valid; sqrt(1 - rank / m) for a singular matrix.
    """

    inverse_root: Tensor
    inverse_residual: Tensor


def sqrtm_newton_schulz(
    A: Tensor, *, num_steps: int | None = None, max_steps: int = 60, rtol: float | None = None
) -> SqrtIterate:
    """Compute the square root of symmetric positive semi-definite A by the coupled Newton-Schulz iteration.

        Y_0 = A / ||A||_F,  Z_0 = I,  T_k = (3 I - Z_k Y_k) / 2,  Y_{k+1} = Y_k T_k,  Z_{k+1} = T_k Z_k;
        sqrt(||A||_F) Y_k -> A^(1/2)   and   Z_k / sqrt(||A||_F) -> A^(-1/2).

    Why it converges: an eigenvalue a of A / ||A||_F lies in [0, 1], and w = z y, which starts at a, obeys w'
    = w (3 - w)^2 / 4: it grows 2.25 times per step while small, then converges to 1 quadratically, and y to
    sqrt(a). An eigenvalue needs about log(1 / a) / log(2.25) + 5 steps: 22 for a = 1e-6.

    When it does not: a = 0 keeps y = 0 while z grows as 1.5^k, so A^(1/2) converges for a singular matrix and
    A^(-1/2) does not exist. Rounding makes such an a slightly positive or negative. A negative w diverges:
    slowly at first, faster than exponentially once it is near -1. In exact arithmetic the gap ||Z Y - I||_F,
    whose square is the sum of (1 - w)^2, never rises; so if the squared gap of a matrix has risen by 1/2, the
    iterate before that is returned. That limits the accuracy for a singular A: eigenvalues below about m eps
    ||A||_F are not resolved, and A^(1/2) is off by up to sqrt(m eps ||A||_F) in their directions. For a
    nonsingular A of condition number c, the residual is eps sqrt(c). That A is indefinite is visible only in
    the residual.

    Args:
        A: Shape (..., m, m), symmetric positive semi-definite, float32 or float64, any device. Not modified.
        num_steps: Run exactly this many steps (k2 of Algorithm 1). None: until converged or the gap rises.
        max_steps: Maximum number of steps if ``num_steps`` is None.
        rtol: Tolerance on ||Y^2 - A||_F / ||A||_F; None: max(m, 30) eps. A gap ||Z Y - I||_F that stagnates
            at its rounding level also counts as convergence.

    Returns:
        A `SqrtIterate`: ``value`` (..., m, m) and the residual above, shape (...), recomputed for the value
        after the last step; ``inverse_root`` and its residual. A zero matrix gives a zero root.

    Raises:
        UsageError: A is not square or not of a supported dtype, or a count is negative.
        NumericsError: NaN or Inf in A or during a fixed number of steps.

    Note:
        Differentiable by autograd through the steps, including the norm. Three products of m^3 per step and
        one more for the residual. Float32 trap: a Gram matrix S S^T formed in float32 has lost every
        singular value below sqrt(eps) sigma_1, about 3e-4 sigma_1; its square root is wrong there by as
        much, although its residual is perfect. Form Gram matrices in float64, or use `polar_newton_schulz`,
        which takes no root of one.

    Source:
        Proposition 2. Deviations: the stopping rule.

    Example:
        >>> A = torch.tensor([[5.0, 4.0], [4.0, 5.0]])  # eigenvalues 9 and 1
        >>> root = sqrtm_newton_schulz(A)
        >>> root.value
        tensor([[2.0000, 1.0000],
                [1.0000, 2.0000]])
        >>> root.inverse_root
        tensor([[ 0.6667, -0.3333],
                [-0.3333,  0.6667]])
    """
    require_matrix(A, name="A")
    require_num_steps(num_steps, max_steps)
    m = A.shape[-1]
    if A.shape[-2] != m:
        raise UsageError(f"A: expected square matrices (..., m, m), got {tuple(A.shape)}")
    if rtol is None:
        rtol = max(m, 30) * torch.finfo(A.dtype).eps
    norm = frobenius_norm(A)
    scale = positive(norm)[..., None, None]
    B = A / scale
    eye = torch.eye(m, dtype=A.dtype, device=A.device)
    Y, Z = B, eye.expand_as(B)
    sound_Y, sound_Z = Y, Z
    best_gap = torch.full_like(norm.detach(), torch.inf)
    last_gap = best_gap
    done = torch.zeros_like(best_gap, dtype=torch.bool)
    at_floor = done
    limit = max_steps if num_steps is None else num_steps
    step = 0
    while True:
        ZY = Z @ Y
        if num_steps is None:
            gap = torch.linalg.vector_norm(ZY.detach() - eye, dim=(-2, -1))
            best_gap = torch.minimum(gap, best_gap)
            sound = gap.square() <= best_gap.square() + 0.01  # no w below about -0.005
            sound_Y, sound_Z = _select(sound, Y, sound_Y), _select(sound, Z, sound_Z)
            # when the quadratic decrease of the gap ends, every w is 1 up to rounding errors
            at_floor = at_floor | ((last_gap < 0.3) & (gap > last_gap / 2))
            last_gap = gap
            runaway = gap.square() > best_gap.square() + 0.5
            done = done | at_floor | runaway | (_sqrt_residual(B, Y) <= rtol)
            if bool(done.all()):
                break
        if step == limit:
            break
        T = 1.5 * eye - 0.5 * ZY
        Y, Z = _select(done, Y, Y @ T), _select(done, Z, T @ Z)
        step += 1
    if num_steps is None:
        Y, Z = sound_Y, sound_Z
    residual = _sqrt_residual(B, Y)
    defect = Y.detach() @ Z.detach() - eye
    inverse_residual = torch.linalg.vector_norm(defect, dim=(-2, -1)) / m**0.5
    if not bool((torch.isfinite(residual) & torch.isfinite(inverse_residual)).all()):
        raise NumericsError(
            f"sqrtm_newton_schulz: NaN or Inf after step {step}; A is singular or indefinite",
            "use fewer steps, or num_steps=None",
        )
    root_scale = scale.sqrt()
    return SqrtIterate(
        value=Y * root_scale,
        status=Status.CONVERGED if bool(((residual <= rtol) | at_floor).all()) else Status.MAX_STEPS,
        num_steps=step,
        residual=residual,
        inverse_root=Z / root_scale,
        inverse_residual=inverse_residual,
    )


def _select(mask: Tensor, chosen: Tensor, other: Tensor) -> Tensor:
    """Return ``chosen`` where ``mask`` is True, else ``other``, without a copy if the mask is constant."""
    if bool(mask.all()):
        return chosen
    return torch.where(mask[..., None, None], chosen, other) if bool(mask.any()) else other


def _sqrt_residual(B: Tensor, Y: Tensor) -> Tensor:
    """Return ||Y^2 - B||_F for B of unit norm (or zero)."""
    B, Y = B.detach(), Y.detach()
    residual: Tensor = torch.linalg.vector_norm(Y @ Y - B, dim=(-2, -1))
    return residual
