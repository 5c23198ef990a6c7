"""Products of small matrices of pixels with their weights."""

from __future__ import annotations

from torch import Tensor

from edlrr_cli.lrr.native.library import call


def add_group_products(
    total: Tensor, images: Tensor, weights: Tensor, corners: Tensor, *, patch_px: int, width_px: int
) -> None:
    """Add P_g^T W_g P_g X for groups of patches; in place.

    Args:
        total: Shape of the images, contiguous.
        images: X, shape (..., h, w, c), contiguous.
        weights: W, shape (g, k, k).
        corners: Upper left pixels of the patches, shape (g, k), int64.
        patch_px: Side of the patches.
        width_px: Width of the images.
    """
    num_groups, k = corners.shape
    call(
        "edlrr_group_products",
        [images, total, corners.contiguous(), weights.contiguous()],
        [num_groups, k, patch_px, width_px, images.shape[-1]],
    )


def add_window_products(
    total: Tensor,
    images: Tensor,
    weights: Tensor,
    indices: Tensor,
    *,
    side_px: tuple[int, int],
    patch_px: int,
    width_px: int,
) -> None:
    """Add P_g^T C P_g X W_g for windows, where C subtracts the mean row; in place.

    Args:
        total: Shape of the images, contiguous.
        images: X, shape (..., h, w, c), contiguous.
        weights: W, shape (g, patch_px^2, patch_px^2).
        indices: Upper left pixels of the windows, shape (g,), int64.
        side_px: (height, width) of the windows.
        patch_px: Side of the patches.
        width_px: Width of the images.
    """
    call(
        "edlrr_window_products",
        [images, total, indices.contiguous(), weights.contiguous()],
        [len(indices), *side_px, patch_px, width_px, images.shape[-1]],
    )
