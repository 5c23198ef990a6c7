"""Block matching."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from edlrr_cli.lrr.native.library import call

_PADDING_PX = 16  # matching.c reads so many pixels beyond the end of a row


def match(
    images: Tensor,
    rows: Tensor,
    columns: Tensor,
    *,
    index: int,
    patch_px: int,
    reach: tuple[int, int],
    count: int,
) -> Tensor:
    """Return the upper left pixels of the patches most similar to each reference patch.

    Args:
        images: Shape (n, c, h, w).
        rows: Rows of the reference patches, int64.
        columns: Their columns, int64.
        index: The image of the reference patches.
        patch_px: Side of the patches.
        reach: Search radius down and across.
        count: Number of patches, at most those that every search window has.

    Returns:
        Shape (rows columns, count), int64; the reference patch first, the others by increasing distance.
    """
    padded = functional.pad(images, (0, _PADDING_PX)).contiguous()
    num_images, channels, height, width = images.shape
    corners = torch.empty(len(rows) * len(columns), count, dtype=torch.int64)
    rows, columns = rows.contiguous(), columns.contiguous()
    call(
        "edlrr_match",
        [padded, num_images, index, channels, height, width, width + _PADDING_PX],
        [rows, len(rows), columns, len(columns), patch_px, *reach, count, corners],
    )
    return corners
