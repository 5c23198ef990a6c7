"""Dust in the infrared plane of a scan of color film, whose dyes let infrared through.

The logarithm of the plane is a smooth function of the colors (the red channel leaks into it) and of the
position (the lamp), minus the density of the dust, plus noise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import gaussian_filter, maximum_filter, median_filter, zoom
from scipy.signal import oaconvolve
from skimage.measure import block_reduce
from skimage.restoration import wiener

from edlrr_cli.errors import InputError
from edlrr_cli.tasks.masking.extent import inside
from edlrr_cli.tasks.masking.found import Bools, Found, certainty

Pixels = NDArray[np.float64]

_MAX_SHIFT_PX = 12
# A shift is believed if its peak is this many deviations above the correlation elsewhere. Measured: at least
# 14.6 where there is one, up to 11.8 on plain frames.
_CLEAR_PEAK = 13.0
_DARKEST = 1e-3
# Weights of Tukey's biweight vanish at this many deviations; so many rounds converge.
_TUKEY, _ROUNDS = 4.7, 8
_NUM_SAMPLES = 100_000
_BLOCK_PX = 8
# Film absorbs infrared as a whole if the plane follows the image with at least this correlation, and with at
# least this fraction of its contrast.
_CORRELATED, _CONTRAST = 0.7, 0.4
# Dust is stronger than so many deviations of the noise, smoothed finely or coarsely, and than this density,
# which hides nothing.
_FINE_PX, _COARSE_PX, _DEVIATIONS, _FAINTEST = 0.55, 1.2, 4.5, 0.02
# Where its density falls below so many deviations it ends; half of its peak is within this radius.
_FLOOR_DEVIATIONS, _REACH_PX = 2.0, 2
# The blur of the plane, and the weight of smoothness in its deconvolution, in units of the noise-to-signal
# ratio.
_BLUR_PX, _SMOOTHNESS, _KERNEL_PX = 0.5, 2.0, 15
# Dust covers a pixel in part if its density is this fraction of that of the dust, plus so much of the noise.
_EDGE, _EDGE_DEVIATIONS = 0.13, 0.6


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
    density = _dust_density(pixels, _moved(plane, shift)) * _covered(plane.shape, shift)
    fine, coarse = (gaussian_filter(density, radius) for radius in (_FINE_PX, _COARSE_PX))
    deviation = _deviation(fine)
    thresholds = [
        np.maximum(_DEVIATIONS * each, _FAINTEST) / sensitivity for each in (deviation, _deviation(coarse))
    ]
    core = (fine > thresholds[0]) | (coarse > thresholds[1])
    floor = _FLOOR_DEVIATIONS * deviation / sensitivity
    hole = _with_outline(inside(core, fine, floor=floor, reach_px=_REACH_PX), density, fine)
    moved = f"the infrared plane was displaced by {shift[0]} rows, {shift[1]} columns"
    notes = (moved,) if any(shift) else ()
    if not hole.any():
        return Found(hole, 0.0, notes)
    strength = float(np.median((fine / thresholds[0])[hole & core]))
    return Found(hole, certainty(strength, 1.0), notes)


def _with_outline(hole: Bools, density: Pixels, fine: Pixels) -> Bools:
    """Return dust with the pixels that it covers in part.

    Specks of a few pixels are mostly outline, so the blur of the plane is undone as far as its noise permits.
    A speck smaller than a pixel nowhere has the density of the dust, which is therefore estimated half from
    its own peak and half from all dust of the image. Where the noise exceeds the dust the filter would smooth
    the dust away, so the outline only adds pixels.

    Args:
        hole: Dust up to half of its density, shape (h, w).
        density: Shape (h, w).
        fine: The smoothed density.
    """
    if not hole.any():
        return hole
    usual = float(np.median(fine[hole]))
    noise = 1.4826 * float(np.median(np.abs(density)))
    sharp = oaconvolve(density, _deconvolution((noise / usual) ** 2), mode="same")
    peak = maximum_filter(np.where(hole, fine, 0), 2 * _REACH_PX + 3)
    least = (_EDGE + _EDGE_DEVIATIONS * noise / usual) * (peak + usual) / 2
    near = maximum_filter(hole, 2 * _REACH_PX + 1)
    outlined: Bools = hole | (near & (sharp > least))
    return outlined


def _deconvolution(noise_to_signal: float) -> Pixels:
    """Return the kernel of the Wiener filter against the blur of the plane, of a ratio of the energies."""
    impulse = np.zeros((_KERNEL_PX, _KERNEL_PX))
    impulse[_KERNEL_PX // 2, _KERNEL_PX // 2] = 1
    blur = gaussian_filter(impulse, _BLUR_PX)
    kernel = wiener(impulse, blur, _SMOOTHNESS * noise_to_signal, clip=False)  # type: ignore[no-untyped-call]
    return np.asarray(kernel)


def _refuse_opaque_film(pixels: Pixels, plane: Pixels) -> None:
    """Refuse film whose image is in the infrared plane, too."""
    gray, infrared = (_blocks(each) for each in (pixels.mean(axis=2), plane))
    if min(gray.size - 3, np.ptp(gray), np.ptp(infrared)) <= 0:
        return
    correlation = abs(float(np.corrcoef(gray, infrared)[0, 1]))
    if correlation > _CORRELATED and _contrast(infrared) > _CONTRAST * _contrast(gray):
        raise InputError(
            f"the infrared plane shows the image itself (correlation {correlation:.2f}), as with "
            "black-and-white film and Kodachrome, which absorb infrared",
            "use edlrr mask --kind dust",
        )


def _contrast(values: Pixels) -> float:
    low, high = np.quantile(values, (0.05, 0.95))
    return float((high - low) / max(high, _DARKEST))


def _blocks(values: Pixels) -> Pixels:
    """Return the medians of blocks, shape (n,), which dust does not change."""
    size = tuple(min(_BLOCK_PX, side) for side in values.shape)
    rows, columns = (side - side % block for side, block in zip(values.shape, size, strict=True))
    reduced: Pixels = block_reduce(values[:rows, :columns], size, np.median)  # type: ignore[no-untyped-call]
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
    rows, columns = (
        np.clip(np.arange(side) + by, 0, side - 1) for side, by in zip(plane.shape, shift, strict=True)
    )
    return plane[np.ix_(rows, columns)]


def _covered(size_px: tuple[int, ...], shift: tuple[int, int]) -> Bools:
    """Return the pixels that a displaced plane shows, shape (h, w)."""
    indices = [np.arange(side) + by for side, by in zip(size_px, shift, strict=True)]
    rows, columns = ((index >= 0) & (index < side) for index, side in zip(indices, size_px, strict=True))
    return np.asarray(np.outer(rows, columns))


def _dust_density(pixels: Pixels, plane: Pixels) -> Pixels:
    """Return the density that neither the colors nor the position explain, shape (h, w), 0 on clean film."""
    logarithm = np.log(np.maximum(plane, _DARKEST))
    limits = _limits(pixels)
    samples = np.linspace(0, plane.size - 1, min(plane.size, _NUM_SAMPLES)).astype(int)
    rows, columns = np.unravel_index(samples, plane.shape)
    coefficients = _robust_fit(_basis(pixels, rows, columns, limits), logarithm[rows, columns])
    residual = np.empty_like(logarithm)
    columns = np.arange(plane.shape[1])
    for row in range(len(plane)):  # the basis of a whole scan would fill the memory
        basis = _basis(pixels, np.full_like(columns, row), columns, limits)
        residual[row] = basis @ coefficients - logarithm[row]
    return residual - _background(residual)


def _limits(pixels: Pixels) -> tuple[Pixels, Pixels]:
    """Return the smallest and the largest medians of blocks of each channel, shape (c,).

    Dust has colors beyond them where the film has none; at such colors it would be its own explanation.
    """
    medians = [_blocks(pixels[..., channel]) for channel in range(pixels.shape[2])]
    return np.array([each.min() for each in medians]), np.array([each.max() for each in medians])


def _basis(
    pixels: Pixels, rows: NDArray[np.intp], columns: NDArray[np.intp], limits: tuple[Pixels, Pixels]
) -> Pixels:
    """Return what explains clean film at some pixels, shape (n, terms), colors limited to a range."""
    height, width = pixels.shape[:2]
    y, x = 2 * rows / height - 1, 2 * columns / width - 1
    red, *others = pixels[rows, columns].clip(*limits).T
    return np.stack([np.ones(len(red)), red, red**2, red**3, *others, x, y, x**2, x * y, y**2], axis=1)


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
    return np.asarray(zoom(smooth, factors, order=1, mode="nearest", grid_mode=True))[
        : values.shape[0], : values.shape[1]
    ]


def _deviation(values: Pixels) -> Pixels:
    """Return the deviation of the noise and of what the fit left of edges, about each pixel, shape (h, w)."""
    overall = 1.4826 * float(np.median(np.abs(values)))
    local = 1.4826 * _background(np.abs(values))
    return np.maximum(np.maximum(local, overall), 1e-4)
