"""Cameras drawn at random for the training, and the noise level that is read from their images."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from edlrr_cli.tasks.simulated_camera import Camera, photograph
from edlrr_cli.tasks.training.patch_level import apparent_level

# Ranges, of which those of the first group are drawn uniformly in the logarithm.
_SHOT, _READ = (1e-4, 3e-2), (5e-4, 1.5e-2)
_RED, _BLUE, _CROSSTALK = (1.2, 2.4), (1.2, 2.6), (0.0, 1.2)
_SHARPENING, _RADIUS_PX = (0.0, 1.0), (0.7, 1.5)
_QUALITY = (30.0, 98.0)
_SCALE = (0.5, 1.2)
# Fractions of the steps with compression before and after resizing, with resizing, and with halved colors.
_COMPRESSED_FIRST, _RESIZED, _COMPRESSED_LAST, _HALVED = 0.6, 0.5, 0.5, 0.7
# The level is read from whole images, and noise depends on the brightness: log factor of a patch.
_JITTER = 0.4


def photographed(clean: Tensor, side_px: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Return patches as random cameras take them, their noise, and its levels as they are estimated.

    Args:
        clean: Shape (b, 3, h, w), in [0, 1], `source_px` a side. Not modified.
        side_px: Side of the patches.

    Returns:
        The noisy patches and their noise, shape (b, 3, side, side), and the levels, shape (b,), on [0, 1].
    """
    camera = _drawn(len(clean), clean.device, generator)
    used_px = min(math.ceil(side_px / camera.scale / 2) * 2 + 2, clean.shape[-1])
    noisy, truth = photograph(clean[..., :used_px, :used_px], camera, generator)
    noisy, noise = (values[..., :side_px, :side_px] for values in (noisy, noisy - truth))
    factor = torch.exp(_uniform((-_JITTER, _JITTER), len(clean), clean.device, generator))
    return noisy, noise, factor * apparent_level(noise)


def source_px(side_px: int) -> int:
    """Return the side of the clean patches from which those of a side can be made."""
    return math.ceil(side_px / _SCALE[0] / 2) * 2 + 2


def _drawn(count: int, device: torch.device, generator: torch.Generator) -> Camera:
    """Return a camera for each patch; what changes the shape of the batch is drawn once."""

    def uniform(bounds: tuple[float, float]) -> Tensor:
        return _uniform(bounds, count, device, generator)

    def log_uniform(bounds: tuple[float, float]) -> Tensor:
        return torch.exp(uniform((math.log(bounds[0]), math.log(bounds[1]))))

    first, resized, last, halved, size, radius = torch.rand(6, device=device, generator=generator).tolist()
    return Camera(
        shot=log_uniform(_SHOT),
        read=log_uniform(_READ),
        red=uniform(_RED),
        blue=uniform(_BLUE),
        crosstalk=uniform(_CROSSTALK),
        sharpening=uniform(_SHARPENING),
        radius_px=_RADIUS_PX[0] + radius * (_RADIUS_PX[1] - _RADIUS_PX[0]),
        first_quality=uniform(_QUALITY) if first < _COMPRESSED_FIRST else None,
        scale=_SCALE[0] + size * (_SCALE[1] - _SCALE[0]) if resized < _RESIZED else 1.0,
        last_quality=uniform(_QUALITY) if last < _COMPRESSED_LAST else None,
        halves_colors=halved < _HALVED,
    )


def _uniform(
    bounds: tuple[float, float], count: int, device: torch.device, generator: torch.Generator
) -> Tensor:
    return bounds[0] + (bounds[1] - bounds[0]) * torch.rand(count, device=device, generator=generator)
