"""Denoising of images by any method."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edlrr_cli.baselines.denoisers import DENOISERS
from edlrr_cli.errors import NumericsError, UsageError
from edlrr_cli.tasks.denoise.config import Config
from edlrr_cli.tasks.denoise.network import Denoiser
from edlrr_cli.tasks.denoise.noise_level import low_noise_notes
from edlrr_cli.tasks.denoise.noise_type import Noise, estimate_noise
from edlrr_cli.tasks.denoise.opponent import from_opponent, to_opponent
from edlrr_cli.tasks.denoise.tiles import Progress, part_of
from edlrr_cli.tasks.device import resolve_device
from edlrr_cli.tasks.memory import in_batches, most_at_once
from edlrr_cli.tasks.transparency import reflected

_log = logging.getLogger(__name__)

# Offset of the color differences, which are centered at 0, for the network. Measured: see docs/decisions.md.
_OFFSET = 0.2
# Weight of the network for color beside that for gray, in white noise. Measured: see docs/decisions.md.
_COLOR_WEIGHT = 0.4
# Factor of the level of other noise for it; measured there, too.
_PHOTO_FACTOR = 1.2


@dataclass(frozen=True, eq=False)
class Result:
    """A denoised image.

    Attributes:
        pixels: Shape of the image, float64, not clipped.
        noise: Its noise, estimated, or white noise of the given level.
        seconds: Wall time; for an image of a batch, the time of the batch over its size.
        notes: Remarks for the user about the result, one phrase each.
    """

    pixels: NDArray[np.float64]
    noise: Noise
    device: str
    seconds: float
    notes: tuple[str, ...] = ()

    @property
    def sigma(self) -> float:
        """Return the noise level, given or estimated, on [0, 1]."""
        return self.noise.sigma


def denoise(
    pixels: NDArray[np.float64],
    config: Config,
    denoiser: Denoiser | None = None,
    *,
    progress: Progress | None = None,
    visible: NDArray[np.bool_] | None = None,
) -> Result:
    """Remove noise from one image; arguments and errors are those of `denoise_each`."""
    return denoise_each([pixels], config, denoiser, progress=progress, visible=[visible])[0]


def denoise_each(
    images: Sequence[NDArray[np.float64]],
    config: Config,
    denoiser: Denoiser | None = None,
    *,
    progress: Progress | None = None,
    visible: Sequence[NDArray[np.bool_] | None] | None = None,
) -> list[Result]:
    """Remove noise from images; a network on a GPU processes them in batches.

    Args:
        images: One shape (h, w, c), c = 1 (gray), 3 (RGB) or 4 (CMYK), nominally in [0, 1]. Not modified.
        denoiser: The network of the method ``network``.
        visible: For each image a mask of shape (h, w), False = transparent pixel, whose color is ignored and
            kept, or None if all pixels are visible.

    Raises:
        UsageError: The method is ``network``, and no denoiser is given.
        DeviceError: The device is not available.
        NumericsError: The pixels contain NaN or Inf.
    """
    started = time.perf_counter()
    if not all(np.isfinite(pixels).all() for pixels in images):
        raise NumericsError("pixels: expected finite values, got NaN or Inf", "clean the image first")
    masks = [None] * len(images) if visible is None else visible
    noises = [_noise_of(pixels, config, mask) for pixels, mask in zip(images, masks, strict=True)]
    shown = [_shown(pixels, mask) for pixels, mask in zip(images, masks, strict=True)]
    device = torch.device("cpu") if config.method in DENOISERS else resolve_device(config.device)
    denoised = [pixels.copy() for pixels in images]
    noisy = [index for index, noise in enumerate(noises) if noise.sigma * config.strength > 0]
    scaled = [noises[index].scaled(config.strength) for index in noisy]
    parts = remove_noise([shown[index] for index in noisy], scaled, config, denoiser, device, progress)
    for index, part in zip(noisy, parts, strict=True):
        mask = masks[index]
        denoised[index] = part if mask is None else np.where(mask[..., None], part, images[index])
    seconds = (time.perf_counter() - started) / len(images)
    return [
        Result(clean, noise, str(device), seconds, notes_on(noise, config))
        for clean, noise in zip(denoised, noises, strict=True)
    ]


def remove_noise(
    images: Sequence[NDArray[np.float64]],
    noises: Sequence[Noise],
    config: Config,
    denoiser: Denoiser | None,
    device: torch.device,
    progress: Progress | None = None,
) -> list[NDArray[np.float64]]:
    """Remove known noise, of levels more than 0; other arguments and errors as in `denoise_each`."""
    if config.method == "network":
        return _by_network(images, noises, config, denoiser, device, progress)
    return [
        _by_other(pixels, noise.sigma, config, device, progress)
        for pixels, noise in zip(images, noises, strict=True)
    ]


def notes_on(noise: Noise, config: Config) -> tuple[str, ...]:
    """Return remarks for the user, one phrase each."""
    notes = low_noise_notes(noise.sigma, "--sigma", given=config.sigma)
    if config.quality == "fast" or noise.kind == "white":
        return notes
    return (
        *notes,
        f"quality {config.quality} is for white noise; the noise is that of a photograph, so fast was used",
    )


def _noise_of(pixels: NDArray[np.float64], config: Config, visible: NDArray[np.bool_] | None) -> Noise:
    if config.sigma is not None:
        return Noise.white(config.sigma)
    noise = estimate_noise(pixels, visible, noise_type=config.noise_type)
    _log.info(
        "%s noise: %.2f of 255, correlated over %.1f px", noise.kind, 255 * noise.sigma, noise.correlation_px
    )
    return noise


def _shown(pixels: NDArray[np.float64], visible: NDArray[np.bool_] | None) -> NDArray[np.float64]:
    """Return pixels with visible colors substituted at transparent pixels."""
    if visible is None or visible.all() or not visible.any():
        return pixels
    return np.asarray(reflected(pixels, visible, ~visible))


def _by_network(
    images: Sequence[NDArray[np.float64]],
    noises: Sequence[Noise],
    config: Config,
    denoiser: Denoiser | None,
    device: torch.device,
    progress: Progress | None,
) -> list[NDArray[np.float64]]:
    if denoiser is None:
        raise UsageError("method network needs a denoiser", "load one, or use another method")
    denoiser_on_device = denoiser.to(device)

    def denoised(pairs: Sequence[tuple[NDArray[np.float64], Noise]]) -> list[NDArray[np.float64]]:
        batch = torch.stack([channels_of(pixels, device) for pixels, _ in pairs])
        levels = [(noise.sigma, noise.brightness, noise.colors) for _, noise in pairs]
        sigma, brightness, colors = torch.tensor(levels, dtype=torch.float32, device=device).unbind(1)
        opponents = None if pairs[0][1].kind == "white" else (brightness, colors)
        clean = denoise_by_network(batch, sigma, denoiser_on_device, progress, opponents=opponents)
        return [pixels_of(X) for X in clean]

    def fused(pairs: Sequence[tuple[NDArray[np.float64], Noise]]) -> list[NDArray[np.float64]]:
        return [_by_fusion(*pair, config.quality, denoiser_on_device, device, progress) for pair in pairs]

    results = list(images)
    channels = list(images) if denoiser.channels == 3 else [without_copies(pixels) for pixels in images]
    kinds = [(pixels.shape[2], noise.kind) for pixels, noise in zip(channels, noises, strict=True)]
    for kind in dict.fromkeys(kinds):
        chosen = [index for index, other in enumerate(kinds) if other == kind]
        pairs = [(channels[index], noises[index]) for index in chosen]
        most = most_at_once(device, math.prod(images[0].shape[:2]))
        is_fused = config.quality != "fast" and kind[1] == "white"
        clean = fused(pairs) if is_fused else in_batches(denoised, pairs, most=most)
        for index, pixels in zip(chosen, clean, strict=True):
            results[index] = np.broadcast_to(pixels, images[index].shape)
    return results


def _by_fusion(
    pixels: NDArray[np.float64],
    noise: Noise,
    quality: str,
    denoiser: Denoiser,
    device: torch.device,
    progress: Progress | None,
) -> NDArray[np.float64]:
    # Imported here like `denoise_lowrank` in `_by_other`.
    from edlrr_cli.tasks.denoise.fusion import FUSIONS

    sigma = torch.full((1,), noise.sigma, dtype=torch.float32, device=device)

    def call(image: Tensor, part: Progress | None) -> Tensor:
        return denoise_by_network(image[None], sigma, denoiser, part)[0]

    return pixels_of(FUSIONS[quality](channels_of(pixels, device), noise.sigma, call, progress))


def without_copies(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return gray images with three equal channels as one channel, and others unchanged."""
    first = pixels[..., :1]
    return first if pixels.shape[2] == 3 and bool((pixels == first).all()) else pixels


def _by_other(
    pixels: NDArray[np.float64], sigma: float, config: Config, device: torch.device, progress: Progress | None
) -> NDArray[np.float64]:
    if config.method in DENOISERS:
        return DENOISERS[config.method](pixels, sigma)
    # Imported here since the series of penalties take half a second to import, and the network needs none.
    from edlrr_cli.tasks.denoise.lowrank import denoise_lowrank

    image = channels_of(pixels, device)
    clean = denoise_lowrank(image, sigma, reg=config.penalty, gamma=config.gamma, progress=progress)
    return pixels_of(clean)


def channels_of(pixels: NDArray[np.float64], device: torch.device) -> Tensor:
    """Return pixels of shape (h, w, c) as a float32 image of shape (c, h, w)."""
    return torch.from_numpy(pixels).permute(2, 0, 1).float().to(device)


def pixels_of(X: Tensor) -> NDArray[np.float64]:
    """Return an image of shape (c, h, w) as pixels of shape (h, w, c)."""
    return X.permute(1, 2, 0).double().cpu().numpy()


def denoise_by_network(
    images: Tensor,
    sigma: Tensor,
    denoiser: Denoiser,
    progress: Progress | None = None,
    *,
    opponents: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Denoise images by a network for as many channels, or one for gray images.

    The latter denoises RGB as brightness and two differences, and CMYK ink by ink. With networks for both,
    white noise in RGB is removed by both, since their errors differ, and other noise by that for color, which
    was trained on it.

    Args:
        images: Shape (b, c, h, w), float32. Not modified.
        sigma: Standard deviations of the noise, shape (b,).
        denoiser: On the device of the images.
        opponents: Levels of noise that is not white for a network for gray images: of the brightness and of
            the color differences, each of shape (b,); None: white noise.

    Raises:
        UsageError: The network is for color only, and the images are not RGB.
    """
    channels = torch.split(images, 1, dim=1)
    if denoiser.channels == len(channels):
        return denoiser.denoise(images, sigma, progress)
    if denoiser.channels != 1:
        raise UsageError("the model is for color images, and this one is not RGB", "use a model for gray")
    brightness, colors = (sigma, sigma) if opponents is None else opponents
    if len(channels) != 3:
        callbacks = [part_of(progress, index, len(channels)) for index in range(len(channels))]
        pairs = zip(channels, callbacks, strict=True)
        return torch.cat([denoiser.denoise(channel, brightness, callback) for channel, callback in pairs], 1)
    if denoiser.color is None:
        return _by_opponents(images, (brightness, colors), denoiser, progress)
    if opponents is not None:
        return denoiser.color.denoise(images, _PHOTO_FACTOR * sigma, progress)
    clean = denoiser.color.denoise(images, sigma, part_of(progress, 0, 2))
    by_gray = _by_opponents(images, (brightness, colors), denoiser, part_of(progress, 1, 2))
    return _COLOR_WEIGHT * clean + (1 - _COLOR_WEIGHT) * by_gray


def _by_opponents(
    images: Tensor, levels: tuple[Tensor, Tensor], denoiser: Denoiser, progress: Progress | None
) -> Tensor:
    """Denoise RGB images by a network for gray ones, as brightness and two differences."""
    bright_sigma, color_sigma = levels
    brightness, red, green = to_opponent(images.transpose(0, 1)).unsqueeze(2)
    first, second, third = (part_of(progress, index, 3) for index in range(3))
    # In the ranges that the network was trained on: brightness within [0, 1], differences about a gray level.
    whole = 3**0.5
    parts = [
        denoiser.denoise(brightness / whole, bright_sigma / whole, first) * whole,
        denoiser.denoise(red + _OFFSET, color_sigma, second) - _OFFSET,
        denoiser.denoise(green + _OFFSET, color_sigma, third) - _OFFSET,
    ]
    return from_opponent(torch.cat(parts, 1).transpose(0, 1)).transpose(0, 1)
