"""Fusion of a network with low rank of similar patches, for white noise."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from edlrr_cli.tasks.denoise.lowrank import denoise_lowrank
from edlrr_cli.tasks.denoise.tiles import Progress, part_of

# Measured on Set12: see docs/decisions.md.
_NETWORK_WEIGHT = 0.4
_NUM_ORIENTATIONS = 8

Call = Callable[[Tensor, Progress | None], Tensor]
"""A network: image, shape (c, h, w), and callback -> clean image."""


def denoise_guided(image: Tensor, sigma: float, call: Call, progress: Progress | None = None) -> Tensor:
    """Lower the rank of groups of patches that are similar in the result of a network.

    Args:
        image: Noisy image, shape (c, h, w), float32. Not modified.
        sigma: Standard deviation of the noise, more than 0.
        call: The network.

    Returns:
        Shape of the image, not clipped.
    """
    pilot = call(image, part_of(progress, 0, 2))
    return denoise_lowrank(image, sigma, pilot=pilot, progress=part_of(progress, 1, 2))


def denoise_blended(image: Tensor, sigma: float, call: Call, progress: Progress | None = None) -> Tensor:
    """Blend a network, averaged over all orientations of the image, with `denoise_lowrank`.

    Args and returns: as in `denoise_guided`.

    Source: the orientations: Timofte, Rothe, Van Gool, "Seven ways to improve example-based single image
        super resolution", 2016. The errors of the two estimates differ.
    """
    clean = torch.zeros_like(image)
    for index in range(_NUM_ORIENTATIONS):
        turns, is_mirrored = index // 2, bool(index % 2)
        turned = torch.rot90(image, turns, (1, 2))
        result = call(
            (turned.flip(1) if is_mirrored else turned).contiguous(),
            part_of(progress, index, 2 * _NUM_ORIENTATIONS),
        )
        clean += torch.rot90(result.flip(1) if is_mirrored else result, -turns, (1, 2)) / _NUM_ORIENTATIONS
    lowrank = denoise_lowrank(image, sigma, progress=part_of(progress, 1, 2))
    return _NETWORK_WEIGHT * clean + (1 - _NETWORK_WEIGHT) * lowrank


#: Quality -> fusion.
FUSIONS = {"balanced": denoise_guided, "best": denoise_blended}
