"""Lines in an image: the contrast of its best line through each pixel, in every direction."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Floats = NDArray[np.float32]

# A line is compared with what is parallel to it at these distances, which suits widths up to 5 pixels.
_DISTANCES_PX = (2, 3, 4)
_BORDER_PX = 5


def line_contrast(
    gray: NDArray[np.floating[Any]], *, length_px: int, num_angles: int
) -> tuple[Floats, Floats]:
    """Return the contrasts of the best bright and of the best dark line through each pixel.

    The contrast of a line is the difference of its mean to that of the parallel on either side, the lesser of
    both, which is not positive at an edge. Near the border it is 0.

    Args:
        gray: Shape (h, w). Not modified.
        length_px: Length of the lines.
        num_angles: Number of directions.

    Returns:
        Bright and dark contrasts, shape (h, w) each.
    """
    height, width = gray.shape
    pad = min(length_px, height - 1, width - 1)
    size = fft.next_fast_len(height + 2 * pad), fft.next_fast_len(width + 2 * pad)
    padding = [(pad, full - side - pad) for full, side in zip(size, gray.shape, strict=True)]
    spectrum = fft.rfft2(np.pad(gray.astype(np.float32), padding, mode="symmetric"))
    bright, dark = (np.full(gray.shape, -1, np.float32) for _ in range(2))
    for angle, kernel in _kernels(size, length_px, num_angles):
        means = fft.irfft2(spectrum * kernel, s=size)

        def moved(down: int, right: int, means: Floats = means) -> Floats:
            return means[pad + down : pad + down + height, pad + right : pad + right + width]

        center = moved(0, 0)
        for down, right in _steps(angle, pad):
            sides = moved(down, right), moved(-down, -right)
            np.maximum(bright, center - np.maximum(*sides), out=bright)
            np.maximum(dark, np.minimum(*sides) - center, out=dark)
    for contrast in (bright, dark):
        inner = contrast[_BORDER_PX:-_BORDER_PX, _BORDER_PX:-_BORDER_PX].clip(0)
        contrast[:] = 0
        contrast[_BORDER_PX:-_BORDER_PX, _BORDER_PX:-_BORDER_PX] = inner
    return bright, dark


def _steps(angle: float, most_px: int) -> Iterator[tuple[int, int]]:
    """Yield the rows and columns from a line to its parallels."""
    for distance in _DISTANCES_PX:
        if distance <= most_px:
            yield round(distance * np.cos(angle)), -round(distance * np.sin(angle))


@lru_cache(maxsize=2)
def _kernels(size: tuple[int, int], length_px: int, num_angles: int) -> list[tuple[float, Any]]:
    """Return the directions, and the spectra of lines in them, 2 pixels wide with soft edges."""
    down, right = fft.fftfreq(size[0], 1 / size[0])[:, None], fft.fftfreq(size[1], 1 / size[1])
    found = []
    for angle in np.pi * np.arange(num_angles) / num_angles:
        along = right * np.cos(angle) + down * np.sin(angle)
        across = down * np.cos(angle) - right * np.sin(angle)
        line = np.clip(1 - np.abs(across), 0, 1) * np.clip((length_px + 1) / 2 - np.abs(along), 0, 1)
        found.append((float(angle), fft.rfft2((line / line.sum()).astype(np.float32))))
    return found
