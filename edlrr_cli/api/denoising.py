"""The noise of arrays and tensors, removed in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.api.arrays import configured, peak_of, shipped_denoiser
from edlrr_cli.api.tensors import Image, restored_alike
from edlrr_cli.errors import UsageError


def denoise(image: Image, **settings: Any) -> Image:
    """Remove white Gaussian noise from an image, by the network that comes with the program.

    Args:
        image: An array (h, w) or (h, w, c), or a tensor (h, w), (c, h, w) or (n, c, h, w), c = 1 or 3, at
            least 2 x 2; uint8, uint16, or floating, nominally in [0, 1]. Not modified; no gradient flows.
        **settings: Fields of `edlrr_cli.tasks.denoise.config.Config`, such as ``sigma=0.1`` (on the [0, 1]
            scale; estimated if not said), ``strength=0.8`` or ``method="lrr"``.

    Returns:
        Kind, shape, dtype and device of ``image``; floating values are not clipped.

    Raises:
        UsageError: Wrong shape or dtype, or a setting that makes no sense.
        DeviceError: The device is not here.
        NumericsError: NaN or Inf in the image.

    Example:
        >>> noise = 0.1 * np.random.default_rng(0).standard_normal((64, 64))
        >>> bool(denoise(0.5 + noise, sigma=0.1).std() < 0.02)
        True
    """
    return restored_alike(_denoise_arrays, image, settings=settings)


def _denoise_arrays(images: Sequence[NDArray[Any]], **settings: Any) -> list[NDArray[Any]]:
    """Denoise images of one shape and dtype, (h, w) or (h, w, c)."""
    from edlrr_cli.tasks.denoise.config import Config as Denoising
    from edlrr_cli.tasks.denoise.run import denoise_each

    for image in images:
        if image.ndim not in (2, 3) or np.atleast_3d(image).shape[2] not in (1, 3):
            raise UsageError(f"image: expected shape (h, w), (h, w, 1) or (h, w, 3), got {image.shape}")
    pixels = [np.atleast_3d(image).astype(np.float64) / peak_of(image.dtype) for image in images]
    config = configured(Denoising, settings)
    denoiser = shipped_denoiser() if config.method == "network" else None
    results = denoise_each(pixels, config, denoiser)
    return [_like(image, result.pixels) for image, result in zip(images, results, strict=True)]


def _like(image: NDArray[Any], pixels: NDArray[np.float64]) -> NDArray[Any]:
    """Return pixels, nominally in [0, 1], in the manner of an image."""
    peak = peak_of(image.dtype)
    clean = pixels * peak
    if image.dtype.kind == "u":
        clean = np.rint(clean).clip(0, peak)
    return clean.reshape(image.shape).astype(image.dtype)
