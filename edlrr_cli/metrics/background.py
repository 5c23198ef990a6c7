"""Metrics of background images, as in the SBI and SBMnet benchmarks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.errors import UsageError

Bytes = NDArray[np.uint8]
Floats = NDArray[np.floating[Any]]

# Tolerance of a pixel in gray levels, and the PSNR of identical images.
_TOLERANCE, _BEST_PSNR = 20, 99.0
_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_WINDOW_SIGMA_PX, _WINDOW_PX, _SMALL_SIDE_PX = 1.5, 11, 176


def background_scores(image: Bytes, truth: Bytes) -> dict[str, float | None]:
    """Compare a background image with the true one.

    Args:
        image: Shape (h, w) or (h, w, 3), uint8.
        truth: Same shape.

    Returns:
        Values by name: ``age``, the mean absolute difference in gray levels of 255; ``peps``, the fraction of
        pixels that are off by more than 20 levels; ``pceps``, the fraction whose four neighbors are off, too;
        ``psnr`` in dB, 99 for identical images; ``ms_ssim``, None for images too small for five scales;
        ``cqm`` in dB, None for gray. All except the last use the luminance, 16..235 for color.

    Raises:
        UsageError: The shapes differ or are unsupported.

    Source: Maddalena, Petrosino, "Towards benchmarking scene background initialization", 2015, and their
        program; Yalman, Erturk, "A new color image quality measure based on YUV transformation and PSNR for
        human vision system", 2013, with color differences clipped at 0 as in their 8-bit arithmetic.
    """
    if image.shape != truth.shape or image.ndim not in (2, 3) or image.shape[2:] not in ((), (3,)):
        raise UsageError(f"image: expected the shape of the truth, (h, w) or (h, w, 3), got {image.shape}")
    ours, theirs = luminance(image), luminance(truth)
    difference = np.abs(ours - theirs)
    wrong = difference > _TOLERANCE
    return {
        "age": float(difference.mean()),
        "peps": float(wrong.mean()),
        "pceps": float(_clustered(wrong).mean()),
        "psnr": _psnr(ours, theirs),
        "ms_ssim": ms_ssim(ours, theirs),
        "cqm": None if image.ndim == 2 else _cqm(image, truth),
    }


def luminance(image: Bytes) -> Floats:
    """Return Y of ITU-R BT.601 in whole levels of 16..235, float64; gray images as they are.

    Example:
        >>> luminance(np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8))
        array([[ 16., 235.]])
    """
    if image.ndim == 2:
        return image.astype(np.float64)
    weighted: Floats = 16 + image.astype(np.float64) @ np.array([65.481, 128.553, 24.966]) / 255
    rounded: Floats = np.floor(weighted + 0.5)
    return rounded


def ms_ssim(image: Floats, truth: Floats) -> float | None:
    """Compute the multi-scale structural similarity of two gray images on 0..255, five scales.

    Args:
        image: Shape (h, w).
        truth: Same shape.

    Returns:
        At most 1; None if the window does not fit in the smallest scale.

    Source: Wang, Simoncelli, Bovik, "Multiscale structural similarity for image quality assessment", 2003,
        in product form; images with a side below 176 use a window of a sixteenth of it, as in SBMnet.
    """
    shortest = min(image.shape)
    window = _WINDOW_PX if shortest >= _SMALL_SIDE_PX else shortest // 16
    if window < 1 or shortest >> (len(_SCALE_WEIGHTS) - 1) < window:
        return None
    product = 1.0
    for scale, weight in enumerate(_SCALE_WEIGHTS):
        similarity, contrast = _similarity(image, truth, window)
        last = scale == len(_SCALE_WEIGHTS) - 1
        product *= max(similarity if last else contrast, 0.0) ** weight
        image, truth = _halved(image), _halved(truth)
    return product


def _similarity(image: Floats, truth: Floats, window: int) -> tuple[float, float]:
    """Return the means of SSIM and of its contrast-structure term."""
    from scipy.signal import convolve2d

    offset = np.arange(window) - (window - 1) / 2
    bell = np.exp(-(offset**2) / (2 * _WINDOW_SIGMA_PX**2))
    kernel = np.outer(bell, bell) / bell.sum() ** 2

    def mean(values: Floats) -> Floats:
        smoothed: Floats = convolve2d(values, kernel, mode="valid")
        return smoothed

    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    x, y = mean(image), mean(truth)
    var_x, var_y, cov = mean(image**2) - x**2, mean(truth**2) - y**2, mean(image * truth) - x * y
    contrast = (2 * cov + c2) / (var_x + var_y + c2)
    similarity = (2 * x * y + c1) / (x**2 + y**2 + c1) * contrast
    return float(similarity.mean()), float(contrast.mean())


def _halved(image: Floats) -> Floats:
    """Return the means of 2 x 2 blocks; an odd last row or column is repeated."""
    padded = np.pad(image, ((0, 1), (0, 1)), mode="symmetric")
    means = (padded[:-1, :-1] + padded[1:, :-1] + padded[:-1, 1:] + padded[1:, 1:]) / 4
    return means[::2, ::2]


def _clustered(wrong: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the True pixels whose four neighbors are True; pixels beyond the border count as True."""
    from scipy import ndimage

    kept: NDArray[np.bool_] = ndimage.binary_erosion(wrong, border_value=1)
    return kept


def _cqm(image: Bytes, truth: Bytes) -> float:
    ours, theirs = _yuv(image), _yuv(truth)
    luma, *chroma = (_psnr(x, y) for x, y in zip(ours, theirs, strict=True))
    return 0.9449 * luma + 0.0551 * (chroma[0] + chroma[1]) / 2


def _yuv(image: Bytes) -> tuple[Floats, Floats, Floats]:
    red, green, blue = (image[..., channel].astype(np.float64) for channel in range(3))
    return np.floor((red + 2 * green + blue) / 4), np.maximum(red - green, 0), np.maximum(blue - green, 0)


def _psnr(image: Floats, truth: Floats) -> float:
    error = float(np.mean((image - truth) ** 2))
    return _BEST_PSNR if error == 0 else 10 * math.log10(255**2 / error)
