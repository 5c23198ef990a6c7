"""Full-reference image quality: PSNR and SSIM, with an explicit data range."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.errors import NumericsError, UsageError

_MIN_SSIM_WINDOW = 3
_DEFAULT_SSIM_WINDOW = 7
_BAND_PX = 512


def psnr(
    image: NDArray[np.floating[Any]],
    reference: NDArray[np.floating[Any]],
    *,
    data_range: float,
    where: NDArray[np.bool_] | None = None,
) -> float:
    """Compute the peak signal-to-noise ratio, 10 log10(data_range^2 / mean squared error).

    Args:
        image: Shape (h, w) or (h, w, c); not modified.
        reference: Same shape.
        data_range: Largest minus smallest possible value: 1 for pixels in [0, 1].
        where: Bool, shape (h, w), True = pixel to compare; None: all.

    Returns:
        PSNR in dB; ``math.inf`` if the compared pixels are identical.

    Raises:
        UsageError: Shapes differ, ``where`` selects nothing, or ``data_range`` is not positive.
        NumericsError: NaN or Inf in either image.

    Example:
        >>> round(psnr(np.full((4, 4), 0.6), np.full((4, 4), 0.5), data_range=1.0), 6)
        20.0
    """
    _check(image, reference, data_range)
    difference = image.astype(np.float64) - reference
    if where is not None:
        if where.shape != image.shape[:2] or not where.any():
            raise UsageError(f"where: expected shape {image.shape[:2]} with a True pixel, got {where.shape}")
        difference = difference[where]
    mean_squared_error = float(np.mean(difference**2))
    if mean_squared_error == 0.0:
        return math.inf
    return 10.0 * math.log10(data_range**2 / mean_squared_error)


def ssim(
    image: NDArray[np.floating[Any]], reference: NDArray[np.floating[Any]], *, data_range: float
) -> float | None:
    """Compute the mean structural similarity over a uniform 7 x 7 window, averaged over the channels.

    Images smaller than 7 pixels are compared with the largest odd window that fits.

    Args:
        image: Shape (h, w) or (h, w, c); not modified.
        reference: Same shape.
        data_range: Largest minus smallest possible value: 1 for pixels in [0, 1].

    Returns:
        At most 1, which means identical; None if a side is shorter than 3 pixels.

    Raises:
        UsageError: Shapes differ or ``data_range`` is not positive.
        NumericsError: NaN or Inf in either image.

    Source: Wang et al., "Image quality assessment: from error visibility to structural
        similarity", IEEE TIP 13(4), 2004, as in scikit-image (uniform window, sample covariance).
    """
    _check(image, reference, data_range)
    shortest = min(image.shape[:2])
    window = min(_DEFAULT_SSIM_WINDOW, shortest - 1 + shortest % 2)
    if window < _MIN_SSIM_WINDOW:
        return None
    bands = list(_bands(image.shape[0], window))
    means = [_mean_ssim(image[rows], reference[rows], window, data_range) for rows in bands]
    # Number of rows of windows in each band.
    weights = [rows.stop - rows.start - window + 1 for rows in bands]
    return float(np.average(means, weights=weights))


def _bands(height: int, window: int) -> Iterator[slice]:
    """Yield bands of rows that overlap such that every window is in exactly one; this bounds memory."""
    last = height - window + 1
    for first in range(0, last, _BAND_PX):
        yield slice(first, min(first + _BAND_PX, last) + window - 1)


def _mean_ssim(
    image: NDArray[np.floating[Any]], reference: NDArray[np.floating[Any]], window: int, data_range: float
) -> float:
    from skimage.metrics import structural_similarity

    value = structural_similarity(  # type: ignore[no-untyped-call]
        image.astype(np.float64),
        reference.astype(np.float64),
        win_size=window,
        data_range=data_range,
        channel_axis=2 if image.ndim == 3 else None,
    )
    return float(value)


def _check(image: NDArray[np.floating[Any]], reference: NDArray[np.floating[Any]], data_range: float) -> None:
    if image.shape != reference.shape or image.ndim not in (2, 3) or image.size == 0:
        expected = "the shape of the reference, (h, w) or (h, w, c)"
        raise UsageError(f"image: expected {expected}, got {image.shape} and {reference.shape}")
    if not data_range > 0:
        raise UsageError(f"data_range: expected a positive number, got {data_range}")
    if not (np.isfinite(image).all() and np.isfinite(reference).all()):
        raise NumericsError("image: NaN or Inf cannot be measured")
