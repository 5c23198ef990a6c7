"""Estimation of noise of either type: white, or correlated as in photographs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.tasks.denoise.noise_level import estimate_noise_level

Bools = NDArray[np.bool_]

# Thresholds, measured on clean, noisy and photographed images: see docs/decisions.md.
# Noise is correlated if its level at half the size exceeds that at full size by this factor.
_CORRELATED = 1.5
# Levels on [0, 1] of the color differences that few clean images exceed: at half the size, or at a quarter of
# it together with at least half of the former.
_MAX_CLEAN_HALF, _MAX_CLEAN_QUARTER = 2.2 / 255, 7.7 / 255
# At a quarter of the size, the color differences have at least this fraction of the level of the brightness,
# and less in textures, which never reach the second level.
_MIN_COLORED, _MAX_TEXTURE = 0.35, 20.0 / 255
# Few textures reach this level, with less than this multiple of it in the brightness at half the size.
_MAX_COMMON_TEXTURE, _MIN_BRIGHTNESS = 12.0 / 255, 1.2
# Below this level, correlated noise is not distinguished from texture.
_MIN_PHOTO = 4.0 / 255
# Noise of brightness is at most this multiple of that of the color differences at a quarter of the size,
# times the root of what compression has taken from them at half the size, of which so much is believed.
_MAX_BRIGHTNESS, _MAX_COMPRESSED = 0.75, 10.0
# White noise is at most this multiple of that of the color differences, even if it is clipped.
_MAX_WHITE = 2.0
# Factors of the levels of correlated noise for a network that was trained on white noise.
_BRIGHTNESS_FACTOR, _COLORS_FACTOR = 1.2, 1.25
_TINY = 1e-12
# Smaller images have too few blocks at half the size.
_MIN_SIDE_PX = 36
# Clipped noise is recognized by values within [0, 1]; color differences are moved out of it.
_OFFSET = 2.0
_NUM_FREQUENCIES, _MAX_CORRELATION_PX, _NUM_LENGTHS = 512, 2.0, 81


@dataclass(frozen=True)
class Noise:
    """Noise of an image.

    Attributes:
        sigma: Standard deviation, on the scale of the pixels.
        kind: ``"white"`` or ``"photo"``.
        correlation_px: Standard deviation of the Gaussian blur that would correlate white noise as much; 0
            for white noise.
        brightness: Level for the brightness in a method that expects white noise.
        colors: Level for the color differences in such a method.
    """

    sigma: float
    kind: str
    correlation_px: float
    brightness: float
    colors: float

    @classmethod
    def white(cls, sigma: float, correlation_px: float = 0.0) -> Noise:
        """Return white noise, or noise that is treated as such."""
        return cls(sigma, "white", correlation_px, sigma, sigma)

    def scaled(self, factor: float) -> Noise:
        """Return noise of other levels."""
        levels = {name: factor * getattr(self, name) for name in ("sigma", "brightness", "colors")}
        return replace(self, **levels)


def estimate_noise(pixels: NDArray[Any], known: Bools | None = None, *, noise_type: str = "auto") -> Noise:
    """Estimate the noise of an image, of a given type, or of the type that its correlation shows.

    The levels of white noise at full and at half the size are equal. Noise of cameras is interpolated,
    compressed and resized: its level at full size is too small, and the larger of both is used. Texture has
    the same spectrum; but it is gray, whereas noise is in the differences of colors, too. Hence in RGB images
    noise is correlated if its color differences are, and they exceed those of clean images; and they bound
    the level. In gray images, ``"auto"`` is white. Small images have white noise.

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
        return Noise.white(fine)
    if pixels.shape[2] == 3 and not bool((pixels == pixels[..., :1]).all()):
        return _noise_of_colors(pixels, known, fine, is_photo=noise_type == "photo")
    coarse = _level_at(pixels, known, 2)
    correlation_px = _correlation_px(coarse, fine)
    if noise_type == "auto":
        return Noise.white(fine, correlation_px)
    level = max(fine, coarse)
    return Noise(level, "photo", correlation_px, _BRIGHTNESS_FACTOR * level, _BRIGHTNESS_FACTOR * level)


def _noise_of_colors(pixels: NDArray[Any], known: Bools | None, fine: float, *, is_photo: bool) -> Noise:
    """Return the noise of an RGB image.

    Args:
        fine: Level of white noise.
        is_photo: Whether the type is known.
    """
    brightness, differences = _opponents(pixels)
    colors = [_level_at(differences, known, factor) for factor in (1, 2, 4)]
    bright = [3**0.5 * _level_at(brightness, known, factor) for factor in (1, 2, 4)]
    correlation_px = _correlation_px(colors[1], colors[0])
    level = max(bright[:2])
    if not is_photo:
        compressed = min(colors[2] / max(colors[1], _TINY), _MAX_COMPRESSED)
        level = min(level, _MAX_BRIGHTNESS * compressed**0.5 * colors[2])
    color_level = max(colors)
    sigma = ((level**2 + 2 * color_level**2) / 3) ** 0.5
    is_correlated = colors[1] > _CORRELATED * colors[0] and sigma > _MIN_PHOTO
    excess = colors[1] / _MAX_CLEAN_HALF
    is_noise = excess > 1 or (excess > 0.5 and colors[2] > _MAX_CLEAN_QUARTER)
    is_rare = colors[2] > _MAX_COMMON_TEXTURE and bright[1] > _MIN_BRIGHTNESS * colors[2]
    is_texture = colors[2] < min(_MIN_COLORED * bright[2], _MAX_TEXTURE) and not is_rare
    if not (is_photo or (is_correlated and is_noise and not is_texture)):
        return Noise.white(min(fine, _MAX_WHITE * colors[0]), correlation_px)
    return Noise(sigma, "photo", correlation_px, _BRIGHTNESS_FACTOR * level, _COLORS_FACTOR * color_level)


def _opponents(pixels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the mean of RGB, shape (h, w, 1), and color differences with an offset, (h, w, 2)."""
    red, green, blue = np.moveaxis(pixels, 2, 0)
    differences = np.stack([(red - blue) / 2**0.5, (red + blue - 2 * green) / 6**0.5], axis=2)
    differences += _OFFSET
    return pixels.mean(2, keepdims=True), differences


def _level_at(pixels: NDArray[Any], known: Bools | None, factor: int) -> float:
    """Return the level of the means of squares of pixels, in units of that of white noise."""
    height, width = (side // factor for side in pixels.shape[:2])
    shape = (height, factor, width, factor)
    cut = slice(height * factor), slice(width * factor)
    means = pixels[cut].reshape(*shape, -1).mean((1, 3))
    whole = None if known is None else np.asarray(known[cut].reshape(shape).all((1, 3)))
    if whole is not None and not whole.any():
        return 0.0
    return factor * estimate_noise_level(means, whole)


def _correlation_px(coarse: float, fine: float) -> float:
    """Return the blur of white noise that has these levels at half and at full size."""
    lengths = np.linspace(0.0, _MAX_CORRELATION_PX, _NUM_LENGTHS)
    frequencies = (np.arange(_NUM_FREQUENCIES) + 0.5) * np.pi / _NUM_FREQUENCIES
    spectrum = np.exp(-np.square(lengths[:, None] * frequencies))
    at_full = (2 - 2 * np.cos(frequencies)) ** 2
    at_half = (2 - 2 * np.cos(2 * frequencies)) ** 2 * np.cos(frequencies / 2) ** 2
    # One factor for each axis, of which the level is the square root; both operators keep white noise.
    ratios = 2 * (spectrum * at_half).mean(1) / (spectrum * at_full).mean(1)
    return float(np.interp(coarse / max(fine, _TINY), ratios, lengths))
