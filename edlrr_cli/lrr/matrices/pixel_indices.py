"""Gathering and adding of pixels by index, in images with channels last.

An index counts the pixels of all images of a batch in row-major order.
"""

from __future__ import annotations

from torch import Tensor


def runs_of(images: Tensor, indices: Tensor, length: int) -> Tensor:
    """Return runs of adjacent pixels, many times as fast as by single pixels.

    Args:
        images: Shape (..., h, w, c), contiguous.
        indices: First pixel of each run, any shape, int64; no run extends beyond its row.

    Returns:
        Shape (*indices.shape, length * c).

    Example:
        >>> import torch
        >>> runs_of(torch.arange(12.0).view(2, 3, 2), torch.tensor([1, 3]), 2)
        tensor([[2., 3., 4., 5.],
                [6., 7., 8., 9.]])
    """
    num_channels = images.shape[-1]
    num_runs = images.numel() // num_channels - length + 1
    runs = images.view(-1).as_strided((num_runs, length * num_channels), (num_channels, 1))
    return runs.index_select(0, indices.flatten()).view(*indices.shape, -1)


def add_at(total: Tensor, indices: Tensor, values: Tensor) -> None:
    """Add values to pixels, in place; indices may repeat.

    Args:
        total: Shape (..., h, w, c), contiguous.
        indices: Any shape, int64.
        values: Values of as many pixels, channels last.
    """
    num_channels = total.shape[-1]
    flat, added, index = total.view(-1, num_channels), values.reshape(-1, num_channels), indices.flatten()
    # Adding rows of a matrix takes a slower path.
    for channel in range(num_channels):
        flat[:, channel].scatter_add_(0, index, added[:, channel])
