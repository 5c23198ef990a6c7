"""Training data: all images on the device, from which patches and noise are drawn in each step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from edlrr_cli.errors import UsageError
from edlrr_cli.tasks.training.camera_noise import photographed, source_px
from edlrr_cli.tasks.training.patch_level import estimated_level

#: Scales of every image, as in the training set of DnCNN.
SCALES = (1.0, 0.9, 0.8, 0.7)

_MAX_FULL_PX = 256


@dataclass(frozen=True, eq=False)
class Noisy:
    """Images with noise.

    Attributes:
        images: X = S + N, shape (b, c, h, w), float32, not clipped.
        noise: N, same shape.
        sigma: Noise level of each image as the network receives it, shape (b,), on [0, 1].
    """

    images: Tensor
    noise: Tensor
    sigma: Tensor


class Dataset:
    """Images of any sizes in one flat buffer, so that a batch of patches takes a single gather.

    Args:
        images: Images of c channels, each of shape (c, h, w), uint8.
        patch_px: Side of the patches; images with a smaller side are excluded.
        camera: Fraction of the patches whose noise is that of cameras, which requires RGB images.
        estimated: Fraction of the patches whose level is estimated from their pixels; otherwise it is known.
        device: Device that stores the images and draws the patches.

    Raises:
        UsageError: No image is large enough.
    """

    def __init__(
        self,
        images: Sequence[Tensor],
        *,
        patch_px: int,
        device: torch.device,
        camera: float = 0.0,
        estimated: float = 0.0,
    ) -> None:
        side_px = source_px(patch_px) if camera else patch_px
        self._full = [image.to(device) for image in images if min(image.shape[1:]) >= side_px]
        if not self._full:
            raise UsageError(f"no image is as large as a patch of {side_px} pixels", "use smaller patches")
        scaled = [rescale(image, scale) for scale in SCALES for image in self._full]
        kept = [image for image in scaled if min(image.shape[1:]) >= side_px]
        sizes = torch.tensor([image.shape[1:] for image in kept])
        self._values = torch.cat([image.flatten(1) for image in kept], dim=1)
        self._sizes = sizes.to(device)
        self._starts = (sizes.prod(1).cumsum(0) - sizes.prod(1)).to(device)
        self._patch_px, self._device = patch_px, device
        self._camera, self._estimated = camera, estimated

    def patches(self, count: int, sigma: tuple[float, float], generator: torch.Generator) -> Noisy:
        """Draw patches, randomly rotated and flipped, with noise: white, or that of cameras.

        Args:
            sigma: Range of the levels of white noise, on [0, 1].
        """
        num_photographed = self._num_photographed(count, generator)
        num_white = count - num_photographed
        white = _add_noise(self._clean(num_white, self._patch_px, generator), sigma, generator)
        if num_photographed == 0:
            return self._with_estimates(white, generator)
        clean = self._clean(num_photographed, source_px(self._patch_px), generator)
        noisy, noise, level = photographed(clean, self._patch_px, generator)
        both = Noisy(
            torch.cat([white.images, noisy]),
            torch.cat([white.noise, noise]),
            torch.cat([white.sigma, level]),
        )
        return self._with_estimates(both, generator)

    def _with_estimates(self, noisy: Noisy, generator: torch.Generator) -> Noisy:
        """Replace some levels by those estimated from the pixels, which texture raises."""
        if self._estimated == 0:
            return noisy
        draws = torch.rand(len(noisy.sigma), device=self._device, generator=generator)
        estimates = estimated_level(noisy.images)
        return replace(noisy, sigma=torch.where(draws < self._estimated, estimates, noisy.sigma))

    def _num_photographed(self, count: int, generator: torch.Generator) -> int:
        """Return the number of patches with the noise of cameras; its mean is the fraction asked for."""
        if self._camera == 0:
            return 0
        draw = float(torch.rand((), device=self._device, generator=generator))
        return min(int(count * self._camera + draw), count)

    def _clean(self, count: int, side_px: int, generator: torch.Generator) -> Tensor:
        """Draw patches, shape (b, c, side, side), of images that are as large."""
        corner = torch.arange(side_px, device=self._device)
        draws = torch.rand(6, count, device=self._device, generator=generator)
        which = (draws[0] * len(self._starts)).long()
        room = self._sizes[which] - side_px + 1
        top, left = (draws[1] * room[:, 0]).long(), (draws[2] * room[:, 1]).long()
        mirrored = [torch.where(draw[:, None] < 0.5, corner, corner.flip(0)) for draw in draws[3:5]]
        rows, columns = top[:, None] + mirrored[0], left[:, None] + mirrored[1]
        width = self._sizes[which, 1][:, None, None]
        indices = self._starts[which][:, None, None] + rows[:, :, None] * width + columns[:, None, :]
        values = self._values[:, indices].transpose(0, 1).float() / 255
        return torch.where(draws[5][:, None, None, None] < 0.5, values, values.mT)

    def full_image(self, sigma: tuple[float, float], generator: torch.Generator) -> Noisy:
        """Draw a whole image, or 256 x 256 pixels of a larger one, with noise of a level from a range."""
        draws = torch.rand(3, generator=generator, device=self._device).tolist()
        image = self._full[int(draws[0] * len(self._full))]
        height, width = (min(side, _MAX_FULL_PX) // 2 * 2 for side in image.shape[1:])
        top = int(draws[1] * (image.shape[1] - height + 1))
        left = int(draws[2] * (image.shape[2] - width + 1))
        clean = image[:, top : top + height, left : left + width].float() / 255
        return _add_noise(clean[None], sigma, generator)


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


def rescale(image: Tensor, scale: float) -> Tensor:
    """Return an image, shape (c, h, w), uint8, at another size."""
    if scale == 1:
        return image
    size = [round(side * scale) for side in image.shape[1:]]
    values = functional.interpolate(
        image[None].float(), size=size, mode="bicubic", antialias=True, align_corners=False
    )
    return values.round().clamp(0, 255).to(torch.uint8)[0]
