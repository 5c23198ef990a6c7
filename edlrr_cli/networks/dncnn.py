"""DnCNN: a sequence of convolutions with batch normalization that predicts the noise."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edlrr_cli.networks.bias_free import BiasFreeNorm


class DnCNN(nn.Module):
    """Predict the noise of images, f(X; theta); the clean image is X - f(X).

    The network is blind: it does not use the noise level.

    Args:
        depth: Convolutions, 2 or more; 17 for one noise level (DnCNN-S), 20 for a range of them (DnCNN-B).
        width: Channels between the convolutions.
        channels: Channels of the images.
        bias_free: Omit all additive constants. Then f(a X) = a f(X) for a > 0, so that the network works at
            noise levels that it was not trained for.

    Source: Zhang et al., "Beyond a Gaussian denoiser: residual learning of deep CNN for image denoising",
        2017; ``bias_free``: Mohan et al., "Robust and interpretable blind image denoising via bias-free
        convolutional neural networks", 2020. Deviations: the last layer starts small, so that training
        starts near the identity.
    """

    #: The sides of an input must be multiples of this.
    stride_px = 1

    def __init__(self, *, depth: int, width: int, channels: int = 1, bias_free: bool = False) -> None:
        super().__init__()
        self.channels, self.reach_px = channels, depth
        bias = not bias_free
        layers: list[nn.Module] = [conv3x3(channels, width, bias=bias), nn.ReLU(inplace=True)]
        for _ in range(depth - 2):
            norm = BiasFreeNorm(width) if bias_free else nn.BatchNorm2d(width)
            layers += [conv3x3(width, width, bias=False), norm, nn.ReLU(inplace=True)]
        layers.append(conv3x3(width, channels, bias=bias, gain=0.1))
        self.layers = nn.Sequential(*layers)

    def forward(self, X: Tensor, sigma: Tensor) -> Tensor:
        """Return the noise of images.

        Args:
            X: Noisy images, shape (b, c, h, w), floating, nominally in [0, 1].
            sigma: Noise level of each image, shape (b,), on the scale of X; ignored.

        Returns:
            Shape and dtype of X.
        """
        noise: Tensor = self.layers(X)
        return noise


def conv3x3(num_in: int, num_out: int, *, bias: bool, gain: float = 1.0) -> nn.Conv2d:
    """Return a zero-padded convolution that keeps the size, with He initialization scaled by ``gain``."""
    conv = nn.Conv2d(num_in, num_out, 3, padding=1, bias=bias)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    with torch.no_grad():
        conv.weight.mul_(gain)
        if conv.bias is not None:
            conv.bias.zero_()
    return conv
