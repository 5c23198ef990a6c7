"""Application of a network to images of any size."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


@torch.no_grad()
def predict_clean(network: nn.Module, X: Tensor, sigma: Tensor) -> Tensor:
    """Return X - f(X), padding the sides to the multiples that the network needs.

    Args:
        X: Noisy images, shape (b, c, h, w), float32. Not modified.
        sigma: Noise levels, shape (b,), on the scale of X.

    Returns:
        Shape of X, not clipped.
    """
    height, width = X.shape[-2:]
    stride = int(network.stride_px)  # type: ignore[arg-type]
    padding = (0, -width % stride, 0, -height % stride)
    # Reflection would not do, since a side may be shorter than its padding.
    padded = functional.pad(X, padding, mode="replicate") if any(padding) else X
    # With one channel, channels_last has the same memory but selects code whose last bit depends on the size.
    noise: Tensor = network(padded.contiguous(memory_format=torch.contiguous_format), sigma)
    return X - noise[..., :height, :width]
