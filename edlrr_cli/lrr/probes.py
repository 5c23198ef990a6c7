"""Random probe blocks for trace estimates, and the full set of sign vectors for exact ones."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from edlrr_cli.errors import UsageError

_MAX_SIGN_LENGTH = 20


def gaussian_probes(
    S_or_shape: Tensor | Sequence[int],
    num_probes: int,
    *,
    generator: torch.Generator,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """Draw standard Gaussian probes for the rows of S: E[g g^T] = I, so E[g^T A g] = tr A.

    For symmetric A the variance of one probe is 2 ||A||_F^2.

    Args:
        S_or_shape: A tensor of shape (..., m, n), or that shape.
        num_probes: N >= 1.
        generator: Source of randomness; probes are drawn on its device, then moved to that of S.
        dtype: Dtype of the probes; None: that of S, float32 for a shape.

    Returns:
        Shape (..., m, N), independent for each matrix of the batch.

    Raises:
        UsageError: num_probes < 1, or fewer than two dimensions.

    Source:
        Algorithm 1, step 3, with all N probes in one block.

    Example:
        >>> gaussian_probes((5, 3, 4), 7, generator=torch.Generator().manual_seed(0)).shape
        torch.Size([5, 3, 7])
    """
    device = generator.device
    if isinstance(S_or_shape, Tensor):
        dtype, device = dtype or S_or_shape.dtype, S_or_shape.device
    shape = tuple(S_or_shape.shape) if isinstance(S_or_shape, Tensor) else tuple(S_or_shape)
    if len(shape) < 2:
        raise UsageError(f"S_or_shape: expected (..., m, n), got {shape}")
    if num_probes < 1:
        raise UsageError(f"num_probes: expected a count >= 1, got {num_probes}")
    probes = torch.randn(
        (*shape[:-1], num_probes),
        generator=generator,
        dtype=dtype or torch.float32,
        device=generator.device,
    )
    return probes.to(device)


def sign_probes_all(length: int, *, dtype: torch.dtype = torch.float64) -> Tensor:
    """Return all 2^n sign vectors of length n: the average of g^T A g over them is exactly tr A.

    The average of g_i g_j over all sign vectors is 1 if i = j and 0 otherwise.

    Args:
        length: n, from 1 to 20.
        dtype: Dtype of the result.

    Returns:
        Shape (n, 2^n), entries +1 and -1.

    Raises:
        UsageError: n is outside 1..20.

    Source:
        The identity behind Hutchinson's trace estimator (1989).

    Example:
        >>> sign_probes_all(2)
        tensor([[ 1., -1.,  1., -1.],
                [ 1.,  1., -1., -1.]], dtype=torch.float64)
    """
    if not 1 <= length <= _MAX_SIGN_LENGTH:
        raise UsageError(f"length: expected 1..{_MAX_SIGN_LENGTH}, got {length}")
    counter = torch.arange(2**length)
    bits = (counter[None, :] >> torch.arange(length)[:, None]) & 1
    return 1 - 2 * bits.to(dtype)
