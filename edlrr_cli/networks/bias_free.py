"""Batch normalization without additive constants."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class BiasFreeNorm(nn.Module):
    """Divide each channel by its standard deviation and scale it, without mean or offset.

    In training the deviation is that of the batch, otherwise its running mean, as in `torch.nn.BatchNorm2d`.

    Source: Mohan et al., "Robust and interpretable blind image denoising via bias-free convolutional
        neural networks", 2020, section 4.
    """

    variance: Tensor

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        self.momentum, self.eps = 0.1, 1e-5
        self.weight = nn.Parameter(torch.ones(num_channels))
        self.register_buffer("variance", torch.ones(num_channels))

    def forward(self, X: Tensor) -> Tensor:
        """Return the normalized channels, shape of X, (b, c, h, w)."""
        variance = self.variance
        if self.training:
            variance = X.float().var((0, 2, 3), correction=0)
            with torch.no_grad():
                self.variance.lerp_(variance, self.momentum)
        gain = self.weight * torch.rsqrt(variance + self.eps)
        return X * gain.to(X.dtype)[:, None, None]
