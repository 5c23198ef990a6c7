"""Dust in the infrared plane of a scan of color film, whose dyes let infrared through.

The logarithm of the plane is a smooth function of the colors (the red channel leaks into it) and of the place
(the lamp), minus the density of the dust, plus noise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import gaussian_filter, median_filter, zoom
from skimage.measure import block_reduce

from edlrr_cli.errors import InputError
from edlrr_cli.tasks.masking.extent import inside, with_rim
from edlrr_cli.tasks.masking.found import Found, certainty

Pixels = NDArray[np.float64]

_MAX_SHIFT_PX = 12
# A shift is believed if its peak is this many deviations above the correlation elsewhere.
_CLEAR_PEAK = 8.0
_DARKEST = 1e-3
# Weights of Tukey's biweight vanish at this many deviations; so many rounds converge.
_TUKEY, _ROUNDS = 4.7, 8
_NUM_SAMPLES = 100_000
_BLOCK_PX = 8
# Film absorbs infrared as a whole if the plane follows the image with at least this correlation, and with at
# least this fraction of its contrast.
_CORRELATED, _CONTRAST = 0.7, 0.4
# Dust is stronger than so many deviations of the smoothed noise, and than this density, which hides nothing.
_SMOOTH_PX, _DEVIATIONS, _FAINTEST = 0.6, 6.0, 0.02
# It extends to where its density falls below this fraction of its peak or so many deviations.
_EDGE, _EDGE_DEVIATIONS, _REACH_PX = 0.27, 2.0, 3


def find_infrared(pixels: Pixels, plane: Pixels, *, sensitivity: float = 1.0) -> Found:
    """Find dust and scratches in the infrared plane of a scan of color film.

    Args:
        pixels: Shape (h, w, c), c = 1 or 3, in [0, 1]. Not modified.
        plane: The infrared plane, shape (h, w), in [0, 1]. Not modified.
        sensitivity: Divides the thresholds.

    Raises:
        InputError: The film absorbs infrared as a whole, as silver and Kodachrome do.
    """
    _refuse_opaque_film(pixels, plane)
    shift = _shift_between(pixels, plane)
    density = _dust_density(pixels, _moved(plane, shift))
    smooth = gaussian_filter(density, _SMOOTH_PX)
    deviation = _deviation(smooth)
    threshold = np.maximum(_DEVIATIONS * deviation, _FAINTEST) / sensitivity
    core = smooth > threshold
    floor = _EDGE_DEVIATIONS * deviation / sensitivity
    hole = with_rim(inside(core, smooth, floor=floor, reach_px=_REACH_PX), smooth, edge=_EDGE)
    notes = () if shift == (0, 0) else (f"the infrared plane was displaced by {shift[0]} rows, {shift[1]} columns",)
    if not hole.any():
        return Found(hole, 0.0, notes)
    strength = float(np.median((smooth / threshold)[core]))
    return Found(hole, certainty(strength, 1.0), notes)


def _refuse_opaque_film(pixels: Pixels, plane: Pixels) -> None:
    """Refuse film whose image is in the infrared plane, too."""
    gray, infrared = (_blocks(each) for each in (pixels.mean(axis=2), plane))
    if gray.size < 4 or np.ptp(gray) == 0 or np.ptp(infrared) == 0:
        return
    correlation = abs(float(np.corrcoef(gray, infrared)[0, 1]))
    contrast = [float(np.subtract(*np.quantile(each, (0.95, 0.05)))) / max(float(np.quantile(each, 0.95)), _DARKEST) for each in (infrared, gray)]
    if correlation > _CORRELATED and contrast[0] > _CONTRAST * contrast[1]:
        raise InputError(
            f"the infrared plane shows the image itself (correlation {correlation:.2f}), as with black-and-white "
            "film and Kodachrome, which absorb infrared",
            "use --kind dust",
        )


def _blocks(values: Pixels) -> Pixels:
    height, width = (max(side // _BLOCK_PX, 1) * _BLOCK_PX if side >= _BLOCK_PX else side for side in values.shape)
    size = min(_BLOCK_PX, height), min(_BLOCK_PX, width)
    reduced: Pixels = block_reduce(values[:height, :width], size, np.median)  # type: ignore[no-untyped-call]
    return reduced.ravel()


def _shift_between(pixels: Pixels, plane: Pixels) -> tuple[int, int]:
    """Return the displacement of the plane in rows and columns, by phase correlation of fine detail.

    Dust is dark in the plane, and dark or bright in the image, so magnitudes are correlated.
    """
    image, infrared = (_detail(each) for each in (pixels.mean(axis=2), plane))
    spectrum = fft.rfft2(infrared) * np.conj(fft.rfft2(image))
    correlation = fft.irfft2(spectrum / np.maximum(np.abs(spectrum), 1e-12), s=image.shape)
    reach = min(_MAX_SHIFT_PX, (min(image.shape) - 1) // 4)
    near = np.roll(correlation, (reach, reach), (0, 1))[: 2 * reach + 1, : 2 * reach + 1]
    row, column = np.unravel_index(int(near.argmax()), near.shape)
    if near[row, column] < _CLEAR_PEAK * correlation.std():
        return 0, 0
    return int(row) - reach, int(column) - reach


def _detail(values: Pixels) -> Pixels:
    detail = np.abs(values - gaussian_filter(values, 2))
    level = 10 * np.median(detail) + 1e-6  # beyond it edges of any contrast count alike
    window = np.hanning(values.shape[0])[:, None] * np.hanning(values.shape[1])
    clipped = np.minimum(detail, level)
    return np.asarray(window * (clipped - clipped.mean()))


def _moved(plane: Pixels, shift: tuple[int, int]) -> Pixels:
    """Return the plane without its displacement; its edges are repeated."""
    rows, columns = (np.clip(np.arange(side) + by, 0, side - 1) for side, by in zip(plane.shape, shift, strict=True))
    return plane[np.ix_(rows, columns)]


def _dust_density(pixels: Pixels, plane: Pixels) -> Pixels:
    """Return the density that neither the colors nor the place explain, shape (h, w), 0 on clean film."""
    logarithm = np.log(np.maximum(plane, _DARKEST))
    basis = _basis(pixels)
    samples = np.linspace(0, plane.size - 1, min(plane.size, _NUM_SAMPLES)).astype(int)
    coefficients = _robust_fit(basis[samples], logarithm.ravel()[samples])
    residual = (basis @ coefficients).reshape(plane.shape) - logarithm
    return residual - _background(residual)


def _basis(pixels: Pixels) -> Pixels:
    height, width, num_channels = pixels.shape
    y, x = (each.ravel() for each in np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j])
    red = pixels[..., 0].ravel()
    colors = [pixels[..., channel].ravel() for channel in range(1, num_channels)]
    terms = [np.ones_like(red), red, red**2, red**3, *colors, x, y, x**2, x * y, y**2]
    return np.stack(terms, axis=1)


def _robust_fit(basis: Pixels, values: Pixels) -> Pixels:
    """Return the coefficients of least squares with Tukey's biweight, which ignores dust."""
    weights = np.ones_like(values)
    for _ in range(_ROUNDS):
        weighted = basis * weights[:, None]
        normal = weighted.T @ basis + 1e-9 * len(values) * np.eye(basis.shape[1])
        coefficients = np.linalg.solve(normal, weighted.T @ values)
        residual = values - basis @ coefficients
        deviation = 1.4826 * float(np.median(np.abs(residual - np.median(residual)))) + 1e-6
        weights = np.clip(1 - (residual / (_TUKEY * deviation)) ** 2, 0, 1) ** 2
    return np.asarray(coefficients)


def _background(values: Pixels) -> Pixels:
    """Return what is smooth over a sixteenth of the image, by medians of blocks."""
    size = tuple(max(side // 16, min(32, side)) for side in values.shape)
    medians = block_reduce(values, size, np.median, cval=float(np.median(values)))  # type: ignore[no-untyped-call]
    smooth = median_filter(medians, 3, mode="nearest")
    factors = [side / reduced for side, reduced in zip(values.shape, smooth.shape, strict=True)]
    return np.asarray(zoom(smooth, factors, order=1, mode="nearest", grid_mode=True))[: values.shape[0], : values.shape[1]]


def _deviation(values: Pixels) -> Pixels:
    """Return the deviation of the noise and of what the fit left of edges, about each pixel, shape (h, w)."""
    overall = 1.4826 * float(np.median(np.abs(values)))
    local = 1.4826 * _background(np.abs(values))
    return np.maximum(np.maximum(local, overall), 1e-4)
