"""Ridges: the center lines of narrow lines, and what distinguishes those of scratches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import (
    convolve,
    distance_transform_edt,
    find_objects,
    label,
    maximum_filter,
    median,
    median_filter,
    minimum_filter,
)
from skimage.filters import apply_hysteresis_threshold
from skimage.measure import regionprops_table
from skimage.morphology import skeletonize

from edlrr_cli.tasks.masking.evidence import Values
from edlrr_cli.tasks.masking.found import Bools
from edlrr_cli.tasks.masking.texture import bright_detail

Pixels = NDArray[np.float64]
Labels = NDArray[np.int32]

# A ridge is beyond the first multiple of the least strength, and somewhere beyond the second.
_LOW, _HIGH = 1.0, 1.5
_SHORTEST_PX = 10
# Radius of the top-hat; lines are not wider than twice the second.
_RADIUS_PX, _HALF_WIDTH_PX = 5, 3
# No paint is seen on what is nearly white.
_LEAST_ROOM = 0.05
_LEAST_BESIDE = 0.02


@dataclass(frozen=True, eq=False)
class Paint:
    """Bright detail as if it were white paint; dark detail is bright in the negative.

    Attributes:
        values: The image, shape (h, w, c).
        contrast: To the surroundings, shape (h, w).
        opacity: That white paint of this contrast would have, shape (h, w).
    """

    values: Pixels
    contrast: Pixels
    opacity: Pixels

    @classmethod
    def of(cls, values: Pixels) -> Paint:
        """Return the paint of an image, shape (h, w, c), in [0, 1]."""
        gray = values.mean(axis=2)
        contrast = bright_detail(gray, _RADIUS_PX)
        return cls(values, contrast, contrast / np.maximum(1 - (gray - contrast), _LEAST_ROOM))


@dataclass(frozen=True, eq=False)
class Ridges:
    """Center lines.

    Attributes:
        skeletons: Labels from 1, shape (h, w).
        features: Shape (n,) each.
    """

    skeletons: Labels
    features: dict[str, Values]

    def where(self, chosen: NDArray[np.bool_]) -> Ridges:
        """Return those that are chosen, shape (n,), with labels from 1."""
        labels = np.concatenate([[0], np.where(chosen, np.cumsum(chosen), 0)]).astype(np.int32)
        features = {name: values[chosen] for name, values in self.features.items()}
        return Ridges(labels[self.skeletons], features)


def ridges_of(strength: NDArray[np.floating[Any]], least: Pixels | float, paint: Paint) -> Ridges:
    """Return the ridges of a map of lines with their features.

    ``ratio`` is their strength over the least; ``length`` the distance of the ends; ``orientation`` the
    angle to the columns in radians; ``beside`` the opacity
    3 pixels beside the line over that on it; ``unsteadiness`` how much the peak varies along the line,
    compared with what is below it; ``chroma`` and ``chroma_below`` the range of the channels on it and
    beside it.

    Args:
        strength: Shape (h, w).
        least: Shape (h, w) or a number.
    """
    ratio = strength / least
    hole = apply_hysteresis_threshold(ratio, _LOW, _HIGH)  # type: ignore[no-untyped-call]
    skeletons, lengths = _long(_without_junctions(skeletonize(hole)))  # type: ignore[no-untyped-call]
    colorfulness = np.ptp(paint.values, axis=2)
    features = medians(
        skeletons,
        {
            "ratio": ratio,
            "opacity": maximum_filter(paint.opacity, 3),
            "chroma": colorfulness,
            "chroma_below": median_filter(minimum_filter(colorfulness, 3), 7),
        },
    )
    of_distance = profiles(paint.opacity, *steps_from(skeletons), len(lengths) + 1)[1:]
    beside = of_distance[:, _HALF_WIDTH_PX] / np.maximum(of_distance[:, 0], _LEAST_ROOM)
    features |= {
        "length": lengths,
        "orientation": _orientations(skeletons),
        "beside": np.maximum(beside, _LEAST_BESIDE),
        "unsteadiness": _unsteadiness(skeletons, paint),
    }
    return Ridges(skeletons, features)


def medians(skeletons: Labels, maps: Mapping[str, NDArray[np.floating[Any]]]) -> dict[str, Values]:
    """Return the median of each map on each skeleton, shape (n,)."""
    indices = np.arange(1, skeletons.max() + 1)
    return {name: np.asarray(median(each, skeletons, indices), float) for name, each in maps.items()}


def steps_from(lines: Labels) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the distance of each pixel to the nearest line, at most one beyond the widest, and its label."""
    distance, nearest = distance_transform_edt(lines == 0, return_indices=True)
    return np.minimum(np.rint(distance), _HALF_WIDTH_PX + 1).astype(int), lines[tuple(nearest)].astype(int)


def profiles(opacity: Pixels, step: NDArray[np.intp], owner: NDArray[np.intp], count: int) -> Pixels:
    """Return the median opacity of each line at each distance from its center, shape (n + 1, distances).

    Medians over the whole line are blind to the texture beside it. Beyond the greatest width they are 0.
    """
    widths = _HALF_WIDTH_PX + 2
    keys = np.where(step <= _HALF_WIDTH_PX, owner * widths + step, -1)
    found = median(opacity, keys, np.arange(count * widths)).reshape(count, widths)
    found[:, -1] = 0
    return np.asarray(np.nan_to_num(found))


def _without_junctions(skeleton: Bools) -> Bools:
    """Return a skeleton cut where lines cross or meet, so that each is judged by itself."""
    neighbors = convolve(skeleton.astype(np.int8), np.ones((3, 3), np.int8), mode="constant")
    cut: Bools = skeleton & (neighbors <= 3)
    return cut


def _long(skeleton: Bools) -> tuple[Labels, Values]:
    """Return the labels of the skeletons that are long enough, without gaps, and their lengths."""
    labels, count = label(skeleton, np.ones((3, 3)))
    areas = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    long = areas >= _SHORTEST_PX
    numbers = np.concatenate([[0], np.where(long, np.cumsum(long), 0)])
    spans = [np.hypot(*(part.stop - part.start for part in where)) for where in find_objects(labels)]
    return np.asarray(numbers[labels], np.int32), np.asarray(spans)[long]


def _orientations(skeletons: Labels) -> Values:
    """Return the direction of each skeleton, within half a turn, shape (n,)."""
    table = regionprops_table(skeletons, properties=("orientation",))  # type: ignore[no-untyped-call]
    return np.asarray(table["orientation"], float)


def _unsteadiness(skeletons: Labels, paint: Paint) -> Values:
    peak, contrast = maximum_filter(paint.values.mean(axis=2), 3), maximum_filter(paint.contrast, 3)
    found = []
    for number, where in enumerate(find_objects(skeletons), start=1):
        on = skeletons[where] == number
        crest = peak[where][on]
        found.append((_deviation(crest) + 0.01) / (_deviation(crest - contrast[where][on]) + 0.01))
    return np.array(found)


def _deviation(values: Values) -> float:
    return float(np.median(np.abs(values - np.median(values))))
