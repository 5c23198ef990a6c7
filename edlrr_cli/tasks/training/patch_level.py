"""The noise level of patches as its estimate from a whole image would be, for the training."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

# As in `edlrr_cli.tasks.denoise.noise_level`: blocks, quantile of their variances, and its fraction of the
# variance of white noise.
_BLOCK_PX, _QUANTILE, _FRACTION = 16, 0.15, 0.829


def apparent_level(noise: Tensor) -> Tensor:
    """Return the level of known noise, the larger of those at two scales, shape (b,).

    Args:
        noise: Shape (b, c, h, w), h and w at least 6. Not modified.
    """
    return torch.maximum(*(power.mean((1, 2)).sqrt() for power in _powers(noise)))


def estimated_level(images: Tensor) -> Tensor:
    """Estimate the level from noisy images, in which texture passes for noise, shape (b,).

    Args:
        images: Shape (b, c, h, w), h and w at least 8. Not modified.
    """
    fine, coarse = _powers(images)
    blocks = [
        _means(fine, min(_BLOCK_PX, *fine.shape[1:])),
        _means(coarse, min(_BLOCK_PX // 2, *coarse.shape[1:])),
    ]
    lows = [torch.quantile(block.flatten(1), _QUANTILE, dim=1) / _FRACTION for block in blocks]
    return torch.maximum(*lows).sqrt()


def _powers(images: Tensor) -> tuple[Tensor, Tensor]:
    """Return the power of the details, in units of that of white noise, at full and at half the size."""
    scales = images, 2 * functional.avg_pool2d(images, 2)
    fine, coarse = ((scale.diff(2, dim=2).diff(2, dim=3) / 6).square().mean(1) for scale in scales)
    return fine, coarse


def _means(power: Tensor, side_px: int) -> Tensor:
    return functional.avg_pool2d(power[:, None], side_px)[:, 0]
