"""Simulation of the noise of a digital camera, from the light on its sensor to the compressed file."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from edlrr_cli.tasks.jpeg import compress_jpeg

# The curve of sRGB.
_TOE, _SLOPE, _OFFSET, _EXPONENT = 0.0031308, 12.92, 0.055, 2.4
_BLUR_PX = 5
# Bilinear interpolation of the samples of green, and of red or blue, with zeros where there are none.
_GREEN = ((0.0, 0.25, 0.0), (0.25, 1.0, 0.25), (0.0, 0.25, 0.0))
_RED_OR_BLUE = ((0.25, 0.5, 0.25), (0.5, 1.0, 0.5), (0.25, 0.5, 0.25))


@dataclass(frozen=True, eq=False)
class Camera:
    """Properties of a camera, for each image of a batch; tensors have shape (b,).

    Attributes:
        shot: Variance of the noise of the light per unit of raw signal, whose white is 1.
        read: Standard deviation of the noise of the readout, on the raw signal.
        red: Gain of red in the white balance, relative to green.
        blue: Gain of blue.
        crosstalk: Strength of the color correction, 0 or more, which amplifies the noise of colors.
        sharpening: Weight of the unsharp mask.
        radius_px: Standard deviation of its blur.
        first_quality: JPEG quality, 1 to 100, before the image is resized; None: not compressed.
        scale: Factor by which the developed image is resized.
        last_quality: JPEG quality after it is resized; None: not compressed.
        halves_colors: Whether JPEG stores colors at half the resolution.
    """

    shot: Tensor
    read: Tensor
    red: Tensor
    blue: Tensor
    crosstalk: Tensor
    sharpening: Tensor
    radius_px: float = 1.0
    first_quality: Tensor | None = None
    scale: float = 1.0
    last_quality: Tensor | None = None
    halves_colors: bool = True


def interpolate_bilinear(sampled: Tensor) -> Tensor:
    """Interpolate the samples of a Bayer sensor.

    Args:
        sampled: Shape (b, 3, h, w), 0 where a color was not sampled: red is at even rows and columns, blue
            at odd ones, green elsewhere. Not modified.

    Returns:
        Shape of the samples.
    """
    kernels = sampled.new_tensor((_RED_OR_BLUE, _GREEN, _RED_OR_BLUE))[:, None]
    # Reflection about the outermost pixels continues the mosaic.
    return functional.conv2d(functional.pad(sampled, (1, 1, 1, 1), mode="reflect"), kernels, groups=3)


def photograph(
    clean: Tensor,
    camera: Camera,
    generator: torch.Generator,
    *,
    interpolate: Callable[[Tensor], Tensor] = interpolate_bilinear,
) -> tuple[Tensor, Tensor]:
    """Return images as a camera takes them, and without noise and compression.

    A Bayer sensor (RGGB) adds Gaussian noise of variance shot * raw + read^2 to its samples of the light; the
    colors between them are interpolated, balanced, corrected, mapped by the curve of sRGB,
    sharpened, compressed, resized, and compressed again. The noise is thereby correlated and depends on the
    brightness. Only the noise is sampled and interpolated, so that neither image is blurred.

    Args:
        clean: RGB, shape (b, 3, h, w), in [0, 1], even sides. Not modified.
        generator: Generator of the noise, on the device of the images.
        interpolate: Linear interpolation of the samples, as `interpolate_bilinear`.

    Returns:
        The noisy and the true images, shape (b, 3, h', w'), in [0, 1].

    Source: the noise: Foi et al., "Practical Poissonian-Gaussian noise modeling and fitting for single-image
        raw-data", 2008; the development: Brooks et al., "Unprocessing images for learned raw denoising",
        2019. Deviations: one curve, sharpening, resizing and JPEG.
    """
    raw = _sensed(clean, camera)
    deviation = (_per_image(camera.shot) * raw + _per_image(camera.read).square()).sqrt()
    noise = torch.randn(raw.shape, device=raw.device, generator=generator)
    noisy, truth = (
        _developed(values, camera) for values in (raw + interpolate(_sampled(deviation * noise)), raw)
    )
    return _stored(noisy, camera), _resized(truth, camera.scale)


def _sensed(clean: Tensor, camera: Camera) -> Tensor:
    """Return the signal of the sensor, shape (b, 3, h, w), before two of three colors are dropped."""
    linear = torch.where(
        clean <= _TOE * _SLOPE, clean / _SLOPE, ((clean + _OFFSET) / (1 + _OFFSET)) ** _EXPONENT
    )
    # The inverse of the color correction mixes the colors with positive weights.
    amount = _per_image(camera.crosstalk)
    mixed = (linear + amount * linear.mean(1, keepdim=True)) / (1 + amount)
    return mixed / _gains(camera)


def _developed(raw: Tensor, camera: Camera) -> Tensor:
    balanced = raw.clamp_max(1) * _gains(camera)
    amount = _per_image(camera.crosstalk)
    linear = ((1 + amount) * balanced - amount * balanced.mean(1, keepdim=True)).clamp(0, 1)
    image = torch.where(
        linear <= _TOE,
        linear * _SLOPE,
        (1 + _OFFSET) * linear.clamp_min(_TOE) ** (1 / _EXPONENT) - _OFFSET,
    )
    detail = image - _blurred(image, camera.radius_px)
    return (image + _per_image(camera.sharpening) * detail).clamp(0, 1)


def _stored(image: Tensor, camera: Camera) -> Tensor:
    if camera.first_quality is not None:
        image = compress_jpeg(image, camera.first_quality, halves_colors=camera.halves_colors)
    image = _resized(image, camera.scale)
    if camera.last_quality is not None:
        image = compress_jpeg(image, camera.last_quality, halves_colors=camera.halves_colors)
    return (image * 255).round() / 255


def _sampled(raw: Tensor) -> Tensor:
    """Keep one color per pixel."""
    sampled = torch.zeros_like(raw)
    for channel, top, left in ((0, 0, 0), (1, 0, 1), (1, 1, 0), (2, 1, 1)):
        sampled[:, channel, top::2, left::2] = raw[:, channel, top::2, left::2]
    return sampled


def _blurred(image: Tensor, radius_px: float) -> Tensor:
    offsets = torch.arange(_BLUR_PX, dtype=image.dtype, device=image.device) - _BLUR_PX // 2
    weights = torch.exp(-(offsets**2) / (2 * radius_px**2))
    weights = (weights / weights.sum()).expand(3, 1, _BLUR_PX)
    padded = functional.pad(image, (_BLUR_PX // 2,) * 4, mode="replicate")
    rows = functional.conv2d(padded, weights[:, :, None, :], groups=3)
    return functional.conv2d(rows, weights[:, :, :, None], groups=3)


def _resized(image: Tensor, scale: float) -> Tensor:
    if scale == 1:
        return image
    size = [max(math.floor(side * scale), 1) for side in image.shape[2:]]
    resized = functional.interpolate(image, size=size, mode="bicubic", antialias=True, align_corners=False)
    return resized.clamp(0, 1)


def _gains(camera: Camera) -> Tensor:
    gains = torch.stack([camera.red, torch.ones_like(camera.red), camera.blue], dim=1)
    return gains[:, :, None, None]


def _per_image(values: Tensor) -> Tensor:
    return values[:, None, None, None]
