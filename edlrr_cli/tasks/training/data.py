"""Training data: all images on the device, from which patches and noise are drawn in each step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from edlrr_cli.errors import UsageError

#: Scales of every image, as in the training set of DnCNN.
SCALES = (1.0, 0.9, 0.8, 0.7)

_MAX_FULL_PX = 256


@dataclass(frozen=True, eq=False)
class Noisy:
    """Images with noise.

    Attributes:
        images: X = S + N, shape (b, 1, h, w), float32, not clipped.
        noise: N, same shape.
        sigma: Noise level of each image, shape (b,), on [0, 1].
    """

    images: Tensor
    noise: Tensor
    sigma: Tensor


class Dataset:
    """Images of any sizes in one flat buffer, so that a batch of patches takes a single gather.

    Args:
        images: Gray images, each of shape (h, w), uint8.
        patch_px: Side of the patches; images with a smaller side are excluded.
        device: Device that stores the images and draws the patches.

    Raises:
        UsageError: No image is large enough.
    """

    def __init__(self, images: Sequence[Tensor], *, patch_px: int, device: torch.device) -> None:
        self._full = [image.to(device) for image in images if min(image.shape) >= patch_px]
        if not self._full:
            raise UsageError(f"no image is as large as a patch of {patch_px} pixels", "use smaller patches")
        scaled = [_rescale(image, scale) for scale in SCALES for image in self._full]
        kept = [image for image in scaled if min(image.shape) >= patch_px]
        sizes = torch.tensor([image.shape for image in kept])
        self._values = torch.cat([image.reshape(-1) for image in kept])
        self._sizes = sizes.to(device)
        self._starts = (sizes.prod(1).cumsum(0) - sizes.prod(1)).to(device)
        self._patch_px, self._device = patch_px, device

    def patches(self, count: int, sigma: tuple[float, float], generator: torch.Generator) -> Noisy:
        """Draw patches, randomly rotated and flipped, with noise of a level drawn from a range."""
        corner = torch.arange(self._patch_px, device=self._device)
        draws = torch.rand(6, count, device=self._device, generator=generator)
        which = (draws[0] * len(self._starts)).long()
        room = self._sizes[which] - self._patch_px + 1
        top, left = (draws[1] * room[:, 0]).long(), (draws[2] * room[:, 1]).long()
        mirrored = [torch.where(draw[:, None] < 0.5, corner, corner.flip(0)) for draw in draws[3:5]]
        rows, columns = top[:, None] + mirrored[0], left[:, None] + mirrored[1]
        width = self._sizes[which, 1][:, None, None]
        indices = self._starts[which][:, None, None] + rows[:, :, None] * width + columns[:, None, :]
        values = self._values[indices].float() / 255
        clean = torch.where(draws[5][:, None, None] < 0.5, values, values.mT)
        return _add_noise(clean[:, None], sigma, generator)

    def full_image(self, sigma: tuple[float, float], generator: torch.Generator) -> Noisy:
        """Draw a whole image, or 256 x 256 pixels of a larger one, with noise of a level from a range."""
        draws = torch.rand(3, generator=generator, device=self._device).tolist()
        image = self._full[int(draws[0] * len(self._full))]
        height, width = (min(side, _MAX_FULL_PX) // 2 * 2 for side in image.shape)
        top = int(draws[1] * (image.shape[0] - height + 1))
        left = int(draws[2] * (image.shape[1] - width + 1))
        clean = image[top : top + height, left : left + width].float() / 255
        return _add_noise(clean[None, None], sigma, generator)


def generator_of(seed: int, step: int, rank: int, device: torch.device) -> torch.Generator:
    """Return the generator for all random numbers of a step, so that a resumed run draws the same."""
    # torch uses 32 bits of a seed, so they are mixed from all three numbers.
    mixed = int(np.random.SeedSequence([seed, step, rank]).generate_state(1)[0])
    return torch.Generator(device).manual_seed(mixed)


def hold_out(count: int, held_out: int) -> list[int]:
    """Return evenly spaced indices of the images used for validation.

    Raises:
        UsageError: No image would be left to train on.

    Example:
        >>> hold_out(400, 4)
        [50, 150, 250, 350]
    """
    if held_out >= count:
        raise UsageError(f"{count} images, {held_out} of them for validation", "give a folder of more images")
    return [(2 * index + 1) * count // (2 * held_out) for index in range(held_out)]


def _add_noise(clean: Tensor, sigma: tuple[float, float], generator: torch.Generator) -> Noisy:
    least, largest = sigma
    draws = torch.rand(len(clean), device=clean.device, generator=generator)
    level = least + draws * (largest - least)
    noise = torch.randn(clean.shape, device=clean.device, generator=generator) * level[:, None, None, None]
    return Noisy(clean + noise, noise, level)


def _rescale(image: Tensor, scale: float) -> Tensor:
    if scale == 1:
        return image
    size = [round(side * scale) for side in image.shape]
    values = functional.interpolate(
        image[None, None].float(), size=size, mode="bicubic", antialias=True, align_corners=False
    )
    return values.round().clamp(0, 255).to(torch.uint8)[0, 0]
