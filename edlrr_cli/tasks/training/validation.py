"""Validation of a network on images that it is not trained on."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from edlrr_cli.networks.apply import predict_clean
from edlrr_cli.tasks.training.levels import Levels

#: Noise levels of the literature, on 0..255.
LEVELS = (15, 25, 50)


class Validation:
    """Held-out images with fixed noise.

    Args:
        images: Images, each of shape (c, h, w), uint8.
        trained: Range of levels trained for. The `LEVELS` within it are measured, or its end if there are
            none.
    """

    def __init__(self, images: Sequence[Tensor], trained: Levels, device: torch.device) -> None:
        within = [float(level) for level in LEVELS if trained.least <= level <= trained.largest]
        self.levels = within or [trained.largest]
        self._images = [image.to(device).float()[None] / 255 for image in images]
        generator = torch.Generator().manual_seed(0)
        self._noises = [torch.randn(image.shape, generator=generator).to(device) for image in self._images]

    def measure(self, network: nn.Module) -> dict[str, float]:
        """Return the mean PSNR in dB over the images by noise level on 0..255, outputs clipped to [0, 1]."""
        network.eval()
        return {f"{level:g}": self._mean_psnr(network, level / 255) for level in self.levels}

    def _mean_psnr(self, network: nn.Module, level: float) -> float:
        values = []
        for image, noise in zip(self._images, self._noises, strict=True):
            sigma = torch.full((1,), level, device=image.device)
            restored = predict_clean(network, image + level * noise, sigma).clamp(0, 1)
            values.append(float(-10 * (restored - image).square().mean().log10()))
        return sum(values) / len(values)
