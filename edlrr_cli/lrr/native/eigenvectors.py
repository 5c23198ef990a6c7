"""Eigenvectors of the Gram matrices of many small matrices."""

from __future__ import annotations

from torch import Tensor

from edlrr_cli.lrr.native.library import call, is_native

# From this side on, LAPACK and matrix products of torch are as fast.
_MAX_SIDE = 64


def principal(S: Tensor) -> tuple[Tensor, Tensor] | None:
    """Return the eigenvectors of S S^T, in no order, and the squared lengths of the rows of U^T S.

    Args:
        S: Shape (b, k, n). Not modified.

    Returns:
        U, shape (b, k, k), and shape (b, k); None without kernels, for large matrices, other dtypes and
        devices, and where the iteration does not converge, as with NaN.
    """
    if S.shape[1] > _MAX_SIDE or not is_native(S):
        return None
    if S.stride(0) != S[0].numel() or 0 in S.stride():
        S = S.contiguous()
    U, squares = S.new_empty(len(S), S.shape[1], S.shape[1]), S.new_empty(S.shape[:2])
    status = call("edlrr_principal", [S, *S.shape, *S.stride()[1:], U, squares])
    return None if status else (U, squares)
