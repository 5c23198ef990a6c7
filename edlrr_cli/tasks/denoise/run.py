"""Denoise a picture by any method."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edlrr_cli.baselines.denoisers import DENOISERS
from edlrr_cli.errors import NumericsError, UsageError
from edlrr_cli.tasks.denoise.config import Config
from edlrr_cli.tasks.denoise.network import Denoiser
from edlrr_cli.tasks.denoise.noise_level import estimate_noise_level
from edlrr_cli.tasks.denoise.opponent import from_opponent, to_opponent
from edlrr_cli.tasks.denoise.progress import Progress
from edlrr_cli.tasks.device import resolve_device

_log = logging.getLogger(__name__)

# What is added to the differences of colours, which are about 0. Measured: see DECISIONS.md.
_OFFSET = 0.2


@dataclass(frozen=True, eq=False)
class Result:
    """A denoised picture.

    Attributes:
        pixels: Float64, shape of the picture, not clipped.
        sigma: Noise level, given or estimated, on [0, 1].
        device: Computed on.
        seconds: Taken.
    """

    pixels: NDArray[np.float64]
    sigma: float
    device: str
    seconds: float


def denoise(
    pixels: NDArray[np.float64],
    config: Config,
    denoiser: Denoiser | None = None,
    *,
    progress: Progress | None = None,
) -> Result:
    """Remove white Gaussian noise.

    Args:
        pixels: Shape (h, w, c), c = 1 (gray), 3 (RGB) or 4 (CMYK), nominally in [0, 1]. Not modified.
        config: The settings.
        denoiser: The network of the method ``network``.
        progress: Called after each pass of ``lrr`` and each tile of ``network``.

    Raises:
        UsageError: The method is ``network``, and there is none.
        DeviceError: The device is not here.
        NumericsError: NaN or Inf among the pixels.
    """
    started = time.perf_counter()
    if not np.isfinite(pixels).all():
        raise NumericsError("pixels: expected finite values, got NaN or Inf", "clean the picture first")
    sigma = estimate_noise_level(pixels) if config.sigma is None else config.sigma
    _log.info("noise: %.2f of 255, %s", 255 * sigma, "estimated" if config.sigma is None else "as said")
    told = sigma * config.strength
    device = torch.device("cpu") if config.method in DENOISERS else resolve_device(config.device)
    denoised = pixels.copy() if told == 0 else _denoise(pixels, told, config, denoiser, device, progress)
    return Result(denoised, sigma, str(device), time.perf_counter() - started)


def _denoise(
    pixels: NDArray[np.float64],
    sigma: float,
    config: Config,
    denoiser: Denoiser | None,
    device: torch.device,
    progress: Progress | None,
) -> NDArray[np.float64]:
    if config.method in DENOISERS:
        return DENOISERS[config.method](pixels, sigma)
    image = torch.from_numpy(pixels).permute(2, 0, 1).float().to(device)
    if config.method == "lrr":
        denoised = _by_low_rank(image, sigma, config, progress)
    elif denoiser is None:
        raise UsageError("method network needs a denoiser", "load one, or take another method")
    else:
        denoised = denoise_by_network(image, sigma, denoiser.to(device), progress)
    return denoised.permute(1, 2, 0).double().cpu().numpy()


def _by_low_rank(image: Tensor, sigma: float, config: Config, progress: Progress | None) -> Tensor:
    # The series of penalties take half a second to import, which the network can do without.
    from edlrr_cli.tasks.denoise.lowrank import denoise_lowrank

    return denoise_lowrank(image, sigma, reg=config.penalty, gamma=config.gamma, progress=progress)


def denoise_by_network(
    image: Tensor, sigma: float, denoiser: Denoiser, progress: Progress | None = None
) -> Tensor:
    """Denoise RGB as brightness and two differences, which a network for gray can, all else by channels.

    Args:
        image: Shape (c, h, w), float32. Not modified.
        sigma: Standard deviation of the noise.
        denoiser: Of gray images.
        progress: Called after each tile of each channel.
    """
    if len(image) != 3:
        shares = [_share_of(progress, index, len(image)) for index in range(len(image))]
        channels = zip(image, shares, strict=True)
        return torch.stack([denoiser.denoise(channel, sigma, share) for channel, share in channels])
    brightness, red, green = to_opponent(image)
    first, second, third = (_share_of(progress, index, 3) for index in range(3))
    # Each as the network knows images: brightness within [0, 1], differences about a shade of gray.
    whole = 3**0.5
    parts = [
        denoiser.denoise(brightness / whole, sigma / whole, first) * whole,
        denoiser.denoise(red + _OFFSET, sigma, second) - _OFFSET,
        denoiser.denoise(green + _OFFSET, sigma, third) - _OFFSET,
    ]
    return from_opponent(torch.stack(parts))


def _share_of(progress: Progress | None, index: int, count: int) -> Progress | None:
    """Return what counts one of several runs of the same length within all of them."""
    if progress is None:
        return None
    return lambda number, total: progress(index * total + number, count * total)
