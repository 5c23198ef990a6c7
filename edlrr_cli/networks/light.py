"""A light network for CPUs: a small U-Net on half-size sub-images, conditioned on the noise level."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from edlrr_cli.networks.bias_free import BiasFreeNorm
from edlrr_cli.networks.dncnn import conv3x3

_NUM_SCALES = 3
_PARTS = 4  # sub-images of a channel: every second pixel of every second row


class Light(nn.Module):
    """Predict the noise from 2 x 2 interleaved sub-images and a map of the noise level.

    Most of the computation is at a quarter and an eighth of the size, where it is cheap and the receptive
    field is large. Without additive constants, f(a X, a sigma) = a f(X, sigma) for a > 0, so that no noise
    level is out of range.

    Args:
        depth: Residual blocks before and after each change of scale, 1 or more; twice as many at the
            coarsest scale.
        width: Channels at the finest scale, doubled at each coarser one.
        channels: Channels of the images.

    Source: Zhang et al., "Plug-and-play image restoration with deep denoiser prior", 2021 (DRUNet); the
        sub-images: Zhang et al., "FFDNet: toward a fast and flexible solution for CNN-based image
        denoising", 2018. Deviations: far smaller; bias-free normalization in the blocks, without which short
        training stalls.
    """

    #: The sides of an input must be multiples of this.
    stride_px = 2 << (_NUM_SCALES - 1)

    def __init__(self, *, depth: int, width: int, channels: int = 1) -> None:
        super().__init__()
        widths = [width * 2**scale for scale in range(_NUM_SCALES)]
        self.channels, self.reach_px = channels, _reach_px(depth)
        self.head = conv3x3(channels * _PARTS + 1, width, bias=False)
        self.tail = conv3x3(width, channels * _PARTS, bias=False, gain=0.1)
        self.encoders = nn.ModuleList(_blocks(depth, channels) for channels in widths[:-1])
        self.decoders = nn.ModuleList(_blocks(depth, channels) for channels in widths[:-1])
        self.bottom = _blocks(2 * depth, widths[-1])
        pairs = list(pairwise(widths))
        self.down = nn.ModuleList(nn.Conv2d(fine, coarse, 2, stride=2, bias=False) for fine, coarse in pairs)
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(coarse, fine, 2, stride=2, bias=False) for fine, coarse in pairs
        )
        for convolution in (*self.down, *self.up):
            # Each output of an up-convolution sums over one tap, of a down-convolution over four.
            taps = 4 if isinstance(convolution, nn.Conv2d) else 1
            nn.init.normal_(convolution.weight, std=(taps * convolution.in_channels) ** -0.5)

    def forward(self, X: Tensor, sigma: Tensor) -> Tensor:
        """Return the noise of images.

        Args:
            X: Noisy images, shape (b, c, h, w), h and w multiples of `stride_px`, floating, nominally in
                [0, 1].
            sigma: Noise level of each image, shape (b,), on the scale of X.

        Returns:
            Shape of X.
        """
        parts = functional.pixel_unshuffle(X, 2)
        level = sigma.to(parts.dtype)[:, None, None, None].expand(-1, 1, *parts.shape[2:])
        features = torch.cat([parts, level], dim=1).contiguous(memory_format=torch.channels_last)
        features = self.head(features)
        skipped = []
        for encoder, down in zip(self.encoders, self.down, strict=True):
            features = encoder(features)
            skipped.append(features)
            features = down(features)
        features = self.bottom(features)
        for decoder, up in zip(reversed(self.decoders), reversed(self.up), strict=True):
            features = decoder(up(features) + skipped.pop())
        return functional.pixel_shuffle(self.tail(features), 2)


class _Block(nn.Module):
    """Residual block: X plus a correction by two convolutions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = conv3x3(channels, channels, bias=False)
        self.norm = BiasFreeNorm(channels)
        self.second = conv3x3(channels, channels, bias=False, gain=0.2)

    def forward(self, X: Tensor) -> Tensor:
        correction: Tensor = self.second(functional.relu(self.norm(self.first(X))))
        return X + correction


def _blocks(count: int, channels: int) -> nn.Sequential:
    return nn.Sequential(*[_Block(channels) for _ in range(count)])


def _reach_px(depth: int) -> int:
    """Return the radius of the receptive field."""
    convolutions = [2 + 4 * depth] + [4 * depth] * (_NUM_SCALES - 1)  # each reaches one pixel of its scale
    return sum(count * (2 << scale) for scale, count in enumerate(convolutions)) + Light.stride_px
