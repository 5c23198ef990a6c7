"""Estimation of noise of either type: white, or correlated as in photographs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.tasks.denoise.noise_level import estimate_noise_level

Bools = NDArray[np.bool_]

# Thresholds, measured on clean, noisy and photographed images: see docs/decisions.md.
# Noise is correlated if its level at half the size exceeds that at full size by this factor.
_CORRELATED = 1.5
# Levels on [0, 1] of the color differences, at half and at a quarter of the size, that few clean images exceed.
_MAX_CLEAN_HALF, _MAX_CLEAN_QUARTER = 2.2 / 255, 7.7 / 255
# Noise of photographs is at most this multiple of its color differences at a quarter of the size, where
# compression spares them; white noise at most that of its color differences, even if it is clipped.
_MAX_PHOTO, _MAX_WHITE = 1.2, 2.0
# Clipped noise is recognized by values within [0, 1]; color differences are moved out of it.
_OFFSET = 2.0
# Smaller images have too few blocks at half the size.
_MIN_SIDE_PX = 36
_NUM_FREQUENCIES, _MAX_CORRELATION_PX, _NUM_LENGTHS = 512, 2.0, 81


@dataclass(frozen=True)
class Noise:
    """Noise of an image.

    Attributes:
        sigma: Level that a denoiser needs, a standard deviation on the scale of the pixels.
        kind: ``"white"`` or ``"photo"``.
        correlation_px: Standard deviation of the Gaussian blur that would correlate white noise as much; 0 for
            white noise.
    """

    sigma: float
    kind: str
    correlation_px: float


def estimate_noise(pixels: NDArray[Any], known: Bools | None = None, *, noise_type: str = "auto") -> Noise:
    """Estimate the noise of an image, of a given type, or of the type that its correlation shows.

    The levels of white noise at full and at half the size are equal. Noise of cameras is interpolated,
    compressed and resized: its level at full size is too small, and the larger of both is used. Texture has
    the same spectrum; but it is gray, whereas noise is in the differences of colors, too. Hence in RGB images
    noise is correlated if its color differences are, and they exceed those of clean images; and they bound the
    level. In gray images, ``"auto"`` is white. Small images have white noise.

    Args:
        pixels: Shape (h, w, c), nominally in [0, 1]. Not modified.
        known: Shape (h, w), True = pixel to use, at least one; None for all.
        noise_type: One of `edlrr_cli.tasks.denoise.config.NOISE_TYPES`.

    Example:
        >>> noise = 0.1 * np.random.default_rng(0).standard_normal((256, 256, 3))
        >>> found = estimate_noise(0.5 + noise)
        >>> found.kind, round(found.sigma, 2), round(found.correlation_px, 1)
        ('white', 0.1, 0.0)
    """
    fine = estimate_noise_level(pixels, known)
    if noise_type == "white" or min(pixels.shape[:2]) < _MIN_SIDE_PX:
        return Noise(fine, "white", 0.0)
    coarse = _level_at(pixels, known, 2)
    largest = max(fine, coarse)
    colors = _color_differences(pixels)
    if colors is None:
        correlation_px = _correlation_px(_ratio(coarse, fine))
        if noise_type == "photo":
            return Noise(largest, "photo", correlation_px)
        return Noise(fine, "white", correlation_px)
    colors_fine = estimate_noise_level(colors, known)
    colors_half, colors_quarter = (_level_at(colors, known, factor) for factor in (2, 4))
    ratio = _ratio(colors_half, colors_fine)
    exceeds = colors_half > _MAX_CLEAN_HALF or colors_quarter > _MAX_CLEAN_QUARTER
    if noise_type == "photo" or (ratio > _CORRELATED and exceeds):
        bound = max(fine, _MAX_PHOTO * colors_quarter)
        sigma = largest if noise_type == "photo" else min(largest, bound)
        return Noise(sigma, "photo", _correlation_px(ratio))
    return Noise(min(fine, _MAX_WHITE * colors_fine), "white", _correlation_px(ratio))


def _ratio(coarse: float, fine: float) -> float:
    return coarse / max(fine, float(np.finfo(float).tiny))


def _color_differences(pixels: NDArray[Any]) -> NDArray[Any] | None:
    """Return orthonormal differences of colors, shape (h, w, 2); None for images that are not colored."""
    if pixels.shape[2] != 3 or bool((pixels == pixels[..., :1]).all()):
        return None
    red, green, blue = np.moveaxis(pixels, 2, 0)
    return np.stack([(red - blue) / 2**0.5, (red + blue - 2 * green) / 6**0.5], axis=2) + _OFFSET


def _level_at(pixels: NDArray[Any], known: Bools | None, factor: int) -> float:
    """Return the level of the means of squares of pixels, in units of that of white noise."""
    height, width = (side // factor for side in pixels.shape[:2])
    shape = (height, factor, width, factor)
    cut = slice(height * factor), slice(width * factor)
    means = pixels[cut].reshape(*shape, -1).mean((1, 3))
    whole = None if known is None else known[cut].reshape(shape).all((1, 3))
    if whole is not None and not whole.any():
        return 0.0
    return factor * estimate_noise_level(means, whole)


def _correlation_px(ratio: float) -> float:
    """Return the blur of white noise whose level at half the size is greater by this ratio."""
    lengths = np.linspace(0.0, _MAX_CORRELATION_PX, _NUM_LENGTHS)
    frequencies = (np.arange(_NUM_FREQUENCIES) + 0.5) * np.pi / _NUM_FREQUENCIES
    spectrum = np.exp(-np.square(lengths[:, None] * frequencies))
    fine = (2 - 2 * np.cos(frequencies)) ** 2
    coarse = (2 - 2 * np.cos(2 * frequencies)) ** 2 * np.cos(frequencies / 2) ** 2
    # One factor for each axis, of which the level is the square root; both operators keep white noise.
    ratios = 2 * (spectrum * coarse).mean(1) / (spectrum * fine).mean(1)
    return float(np.interp(ratio, ratios, lengths))
