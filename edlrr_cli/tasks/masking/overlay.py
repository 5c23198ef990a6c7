"""What repeats in all images of a folder: a logo, a caption's box, dead pixels, dust on the sensor.

The gradient of an overlay is the same in every image, that of the scenes is not: the median of the gradients
over the images is that of the overlay, up to noise, which the two halves of the images disagree on. What is
left after the noise is integrated by Poisson's equation, so that large flat areas are found as well as lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import binary_erosion, label, maximum, maximum_filter, mean, uniform_filter
from skimage.filters import apply_hysteresis_threshold

from edlrr_cli.errors import InputError
from edlrr_cli.tasks.masking.found import Bools, Found, certainty

Pixels = NDArray[np.float64]
Stack = NDArray[np.floating[Any]]

MIN_IMAGES = 5

# Gradients are kept above so many deviations of their noise, and above so few where they are connected with
# those. The noise is measured in squares of this side.
_DEVIATIONS, _FEWER, _SQUARE_PX = 7.0, 3.0, 31
# Mean absolute value of Gaussian noise, in deviations.
_MEAN_ABSOLUTE = 0.8
_LEAST_NOISE = 1e-4
# Weakest overlay on [0, 1]; an overlay is so many deviations stronger than what else was integrated.
_FAINTEST, _CLEAR = 0.02, 6.0
# The edge of an overlay is where its strength falls below this fraction of that within.
_EDGE = 0.1
# The outline of an overlay follows kept gradients along this fraction; that of integrated noise does not. A
# gradient counts if it is this fraction of the strength within.
_OUTLINED, _STEEP = 0.6, 0.15
# The images show one scene if the median gradients have this fraction of the energy of each image's own.
_ONE_SCENE = 0.5
_BLOCK_ROWS = 64


def find_overlay(planes: Sequence[Stack], *, sensitivity: float = 1.0) -> Found:
    """Find what repeats in images of different scenes.

    Args:
        planes: At least `MIN_IMAGES` of one shape (h, w), in [0, 1]. Not modified.
        sensitivity: Divides the thresholds.

    Raises:
        InputError: Too few images, or they show one scene.

    Source: the median of gradients: Dekel, Rubinstein, Liu, Freeman, "On the effectiveness of visible
    watermarks", 2017.
    """
    if len(planes) < MIN_IMAGES:
        raise InputError(
            f"an overlay is what repeats in at least {MIN_IMAGES} images of one size, got {len(planes)}",
            "give more images of different scenes, or use --kind dust",
        )
    gradient = [_median_gradient(planes, axis) for axis in (0, 1)]
    halves = [[_median_gradient(planes[start::2], axis) for start in (0, 1)] for axis in (0, 1)]
    kept = _significant(gradient, halves, sensitivity)
    strength = np.abs(_integrated(*kept))
    threshold = max(_FAINTEST, _CLEAR * 1.4826 * float(np.median(strength))) / sensitivity
    hole = _outlined(_within(strength, threshold), strength, np.maximum(*map(np.abs, kept)))
    _refuse_one_scene(planes, gradient, hole)
    if not hole.any():
        return Found(hole, 0.0)
    return Found(hole, certainty(float(np.median(strength[hole])), threshold))


def _refuse_one_scene(planes: Sequence[Stack], gradient: Sequence[Pixels], hole: Bools) -> None:
    """Refuse images that have more in common than their overlay."""
    outside = ~maximum_filter(hole, 5)[:-1, :-1]
    repeated = sum(np.square(each[:-1, :-1][outside]).sum() for each in gradient)
    energies = []
    for plane in planes:
        steps = np.diff(plane, axis=0)[:, :-1][outside], np.diff(plane, axis=1)[:-1][outside]
        energies.append(sum(np.square(step, dtype=np.float64).sum() for step in steps))
    if repeated > _ONE_SCENE * np.median(energies) > 0:
        raise InputError("the images seem to show one scene, all of which repeats", "give different scenes")


def _within(strength: Pixels, threshold: float) -> Bools:
    """Return where each connected part is stronger than a fraction of its peak."""
    labels, count = label(strength > threshold, np.ones((3, 3)))
    peaks = maximum(strength, labels, np.arange(count + 1))
    within: Bools = (labels > 0) & (strength > _EDGE * np.asarray(peaks)[labels])
    return within


def _outlined(hole: Bools, strength: Pixels, gradient: Pixels) -> Bools:
    """Return the components whose outline is steep."""
    labels, count = label(hole, np.ones((3, 3)))
    outline = labels * ~binary_erosion(hole, border_value=1)
    inside = maximum_filter(strength, 5)
    steep = maximum_filter(gradient, 3) > _STEEP * inside
    fractions = mean(steep, outline, np.arange(count + 1))
    kept: Bools = (np.nan_to_num(fractions) > _OUTLINED)[labels] & hole
    return kept


def _median_gradient(planes: Sequence[Stack], axis: int) -> Pixels:
    """Return the median over the images of the differences of neighbors along an axis; the last is 0."""
    height, width = planes[0].shape
    result = np.zeros((height, width))
    for top in range(0, height, _BLOCK_ROWS):
        rows = slice(top, top + _BLOCK_ROWS + (axis == 0))
        block = np.stack([plane[rows] for plane in planes]).astype(np.float32)
        median = np.median(np.diff(block, axis=axis + 1), axis=0)
        result[top : top + median.shape[0], : median.shape[1]] = median
    return result


def _significant(
    gradients: Sequence[Pixels], halves: Sequence[Sequence[Pixels]], sensitivity: float
) -> list[Pixels]:
    """Return the gradients where they exceed their noise, 0 elsewhere."""
    ratios = [
        gradient / np.maximum(_deviation(*half), _LEAST_NOISE)
        for gradient, half in zip(gradients, halves, strict=True)
    ]
    strength = sensitivity * np.hypot(*ratios)
    significant = apply_hysteresis_threshold(strength, _FEWER, _DEVIATIONS)  # type: ignore[no-untyped-call]
    return [np.where(significant, gradient, 0.0) for gradient in gradients]


def _deviation(first: Pixels, second: Pixels) -> Pixels:
    """Return the deviation of the noise about each pixel of the mean of two values."""
    noise = np.abs(first - second) / 2
    return np.asarray(uniform_filter(noise, _SQUARE_PX, mode="reflect") / _MEAN_ABSOLUTE)


def _integrated(rows: Pixels, columns: Pixels) -> Pixels:
    """Return the image with these differences along the two axes, by least squares; its median is 0."""
    divergence = np.zeros_like(rows)
    divergence[:-1] += rows[:-1]
    divergence[1:] -= rows[:-1]
    divergence[:, :-1] += columns[:, :-1]
    divergence[:, 1:] -= columns[:, :-1]
    down, right = (2 * np.cos(np.pi * np.arange(side) / side) - 2 for side in rows.shape)
    eigenvalues = down[:, None] + right
    eigenvalues[0, 0] = 1.0
    spectrum = fft.dctn(divergence, norm="ortho") / eigenvalues
    spectrum[0, 0] = 0.0
    image: Pixels = fft.idctn(spectrum, norm="ortho")
    return image - np.median(image)
