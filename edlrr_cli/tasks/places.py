"""Pixels by their places in images whose channels come last: runs of them taken out, values added back.

A place is an index into the pixels of all images, one behind another, row by row.
"""

from __future__ import annotations

from torch import Tensor


def runs_of(images: Tensor, places: Tensor, length: int) -> Tensor:
    """Return runs of neighbours, many times as fast as pixel by pixel.

    Args:
        images: Shape (..., h, w, c), contiguous.
        places: Of the first pixel of each run, any shape, int64; no run goes beyond its row.
        length: Pixels in a run.

    Returns:
        Shape (*places.shape, length * c).

    Example:
        >>> import torch
        >>> runs_of(torch.arange(12.0).view(2, 3, 2), torch.tensor([1, 3]), 2)
        tensor([[2., 3., 4., 5.],
                [6., 7., 8., 9.]])
    """
    num_channels = images.shape[-1]
    num_places = images.numel() // num_channels - length + 1
    runs = images.view(-1).as_strided((num_places, length * num_channels), (num_channels, 1))
    return runs.index_select(0, places.flatten()).view(*places.shape, -1)


def add_at(total: Tensor, places: Tensor, values: Tensor) -> None:
    """Add values to pixels, several to some; in place.

    Args:
        total: Shape (..., h, w, c), contiguous.
        places: Any shape, int64.
        values: As many pixels, channels last.
    """
    num_channels = total.shape[-1]
    flat, added, index = total.view(-1, num_channels), values.reshape(-1, num_channels), places.flatten()
    # The rows of a matrix would be added by a slower path.
    for channel in range(num_channels):
        flat[:, channel].scatter_add_(0, index, added[:, channel])
