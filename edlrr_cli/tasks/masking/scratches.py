"""Scratches: lines much longer than wide, brighter or darker than what is on both sides of them.

Candidates are ridges of the contrast of lines. A logistic model decides by what scratches have and the edges
and branches of a scene have not: they are narrow, cover the image with one gray level of one opacity whatever
is below, and there are no such lines of the other polarity around.
"""

from __future__ import annotations

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
    uniform_filter,
)
from skimage.filters import apply_hysteresis_threshold
from skimage.morphology import skeletonize

from edlrr_cli.tasks.masking.continuation import gaps
from edlrr_cli.tasks.masking.evidence import Evidence, Values, is_gray
from edlrr_cli.tasks.masking.extent import with_rim
from edlrr_cli.tasks.masking.found import Bools, Found, certainty
from edlrr_cli.tasks.masking.lines import Floats, line_contrast
from edlrr_cli.tasks.masking.texture import bright_detail, local_quantile

Pixels = NDArray[np.float64]

_LENGTH_PX, _NUM_ANGLES = 31, 24
# Texture is this quantile of the contrasts in blocks of this side; noise below the constant is no texture.
_QUANTILE, _BLOCK_PX, _LEAST_TEXTURE = 0.8, 24, 0.006
# A ridge is beyond the first multiple of the texture, and somewhere beyond the second.
_LOW, _HIGH = 1.0, 1.5
_SHORTEST_PX = 10
# A candidate is clear of the texture if it exceeds this multiple of it, and has this length.
_CLEAR, _CLEAR_PX = 1.8, 15
# Others are parts of a scratch if they continue it or touch it, in a square of this side, directly or across
# so many others, with an opacity within this factor.
_ROUNDS, _TOUCH_PX, _ALIKE = 3, 9, 1.3
# Radius of the top-hat, and side of the square in which polarities are compared.
_RADIUS_PX, _AROUND_PX = 5, 31
# Scratches are not wider than twice this, extend to this fraction of their opacity, and have this contrast.
_HALF_WIDTH_PX, _EDGE, _FAINTEST = 3, 0.2, 0.02
# Paint beside the lines has this contrast, and its rim this fraction of its opacity.
_PAINT, _RIM = 0.1, 0.25
# Candidates are too wide if their opacity is still this fraction at that distance from the center.
_BESIDE = 0.35
# No paint is seen on what is nearly white.
_LEAST_ROOM = 0.05

COLOR = Evidence(
    {"opacity": 3.23, "balance": 0.92, "unsteadiness": -0.28, "chroma": -1.48, "chroma_below": 0.49}, -3.3
)
GRAY = Evidence({"length": 0.28, "opacity": 4.79, "balance": 0.92, "unsteadiness": -0.92}, -2.09)
# A candidate is accepted beyond the threshold. Scratches seldom come alone and have one polarity, so it is
# discounted down to where lines of the other polarity, plus so many pixels, reach a fraction of the length.
# The discount is less if so little length is beyond the threshold itself.
_THRESHOLD, _DISCOUNT, _OTHERS, _MARGIN_PX = 3.0, 4.0, 0.1, 50
_UNSURE_DISCOUNT, _SURE_PX = 3.0, 30
# Lines that cover more of the image are those of the scene, such as a lattice.
_MAX_FRACTION = 0.12


@dataclass(frozen=True, eq=False)
class Ridges:
    """The candidates of one polarity.

    Attributes:
        skeletons: Labels from 1 of their center lines, shape (h, w).
        tophat: Contrast to the surroundings, shape (h, w).
        opacity: Opacity that white paint of this contrast would have, shape (h, w).
        features: Shape (n,) each.
    """

    skeletons: NDArray[np.int32]
    tophat: Pixels
    opacity: Pixels
    features: dict[str, Values]

    @property
    def is_clear(self) -> NDArray[np.bool_]:
        """Return which are clear of the texture, shape (n,); others only continue those."""
        is_long = self.features["length"] >= _CLEAR_PX
        return (self.features["ratio"] >= _CLEAR) & is_long & self.is_narrow

    @property
    def is_narrow(self) -> NDArray[np.bool_]:
        """Return which are not too wide, shape (n,)."""
        return self.features["beside"] < _BESIDE


def find_scratches(pixels: Pixels, *, sensitivity: float = 1.0) -> Found:
    """Find long lines that are brighter or darker than what is on both sides of them.

    Args:
        pixels: Shape (h, w, c), c = 1 or 3, in [0, 1]. Not modified.
        sensitivity: Divides the threshold of the evidence.
    """
    evidence = GRAY if is_gray(pixels) else COLOR
    threshold = _THRESHOLD / sensitivity
    both = candidates(pixels)
    logits = [np.where(ridges.is_clear, evidence.logits(ridges.features), -np.inf) for ridges in both]
    hole = np.zeros(pixels.shape[:2], bool)
    accepted: list[float] = []
    notes: tuple[str, ...] = ()
    for own, other in ((0, 1), (1, 0)):
        lengths = both[own].features["length"], both[other].features["length"]
        discounted = _discounted(threshold, logits[own], lengths[0], logits[other], lengths[1])
        is_scratch = logits[own] > discounted
        extent = _extent(both[own], is_scratch)
        if extent.mean() > _MAX_FRACTION:
            notes = ("lines that cover much of the image, as a lattice does, were not taken for scratches",)
        else:
            hole |= _with_paint(both[own], is_scratch, extent)
            accepted.extend(logits[own][is_scratch])
    if not accepted:
        return Found(hole, 0.0, notes)
    return Found(hole, certainty(float(np.median(accepted)), threshold), notes)


def _discounted(
    threshold: float, logits: Values, lengths: Values, other_logits: Values, other_lengths: Values
) -> float:
    """Return the threshold, lower if candidates are many, and those of the other polarity are few."""
    is_sure = lengths[logits > threshold].sum() >= _SURE_PX
    lowest = threshold - (_DISCOUNT if is_sure else _UNSURE_DISCOUNT)
    for least in np.sort(logits[(logits > lowest) & (logits < threshold)]):
        own, other = lengths[logits >= least].sum(), other_lengths[other_logits >= least].sum()
        if other + _MARGIN_PX <= _OTHERS * own:
            return float(np.nextafter(least, -np.inf))
    return threshold


def _extent(ridges: Ridges, is_scratch: NDArray[np.bool_]) -> Bools:
    """Return the pixels of the scratches among the candidates, with the gaps between them."""
    if not is_scratch.any():
        return np.zeros(ridges.skeletons.shape, bool)
    center, gap = _center_lines(ridges, is_scratch)
    step, owner = _steps_from(center)
    least = _EDGE * np.concatenate([[0.0], ridges.features["opacity"]])
    is_wide = _profiles(ridges.opacity, step, owner, len(least)) > least[:, None]
    within = np.logical_and.accumulate(is_wide, axis=1)[owner, step]
    seen = (ridges.opacity > least[owner]) & (ridges.tophat > _FAINTEST)
    extent: Bools = (within & seen) | maximum_filter(gap, 3)
    return extent


def _with_paint(ridges: Ridges, is_scratch: NDArray[np.bool_], extent: Bools) -> Bools:
    """Return the scratches with the thin parts of their opacity that are connected with them.

    Where scratches lie close to each other, none of them has the image on both sides.
    """
    if not is_scratch.any():
        return extent
    usual = np.median(ridges.features["opacity"][is_scratch])
    has_paint = (ridges.opacity > usual / _ALIKE) & (ridges.opacity < usual * _ALIKE)
    levels = extent | (has_paint & (ridges.tophat > _PAINT))
    grown: Bools = apply_hysteresis_threshold(levels + 1.0 * extent, 0.5, 1.5)  # type: ignore[no-untyped-call]
    return with_rim(grown, ridges.opacity, edge=_RIM)


def _center_lines(ridges: Ridges, is_scratch: NDArray[np.bool_]) -> tuple[NDArray[np.int32], Bools]:
    """Return the center lines of the scratches, of what continues or touches them, and of the gaps between.

    Returns:
        The labels of the lines and gaps, and where there are gaps, shape (h, w).
    """
    opacities = np.concatenate([[0.0], ridges.features["opacity"]])
    usual = np.median(ridges.features["opacity"][is_scratch])
    has_paint = (opacities < _ALIKE * usual) & (opacities * _ALIKE > usual)
    has_paint[1:] &= ridges.is_narrow
    is_part = np.concatenate([[False], is_scratch])
    crossed = [each for each in gaps(ridges.skeletons) if has_paint[list(each.labels)].all()]
    for _ in range(_ROUNDS):
        for first, second in (each.labels for each in crossed):
            is_part[first] = is_part[second] = is_part[first] | is_part[second]
        touched = np.unique(ridges.skeletons[maximum_filter(is_part[ridges.skeletons], _TOUCH_PX)])
        is_part[touched] |= has_paint[touched]
    center, gap = (
        np.where(is_part[ridges.skeletons], ridges.skeletons, 0),
        np.zeros(ridges.skeletons.shape, bool),
    )
    for each in crossed:
        if is_part[each.labels[0]]:
            center[each.pixels], gap[each.pixels] = each.labels[0], True
    return center, gap


def _steps_from(lines: NDArray[np.integer[Any]]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the distance of each pixel to the nearest line, at most one beyond the widest, and its label."""
    distance, nearest = distance_transform_edt(lines == 0, return_indices=True)
    return np.minimum(np.rint(distance), _HALF_WIDTH_PX + 1).astype(int), lines[tuple(nearest)].astype(int)


def _profiles(opacity: Pixels, step: NDArray[np.intp], owner: NDArray[np.intp], count: int) -> Pixels:
    """Return the median opacity of each line at each distance from its center, shape (n + 1, distances).

    Medians over the whole line are blind to the texture beside it. Beyond the greatest width they are 0.
    """
    widths = _HALF_WIDTH_PX + 2
    keys = np.where(step <= _HALF_WIDTH_PX, owner * widths + step, -1)
    medians = median(opacity, keys, np.arange(count * widths)).reshape(count, widths)
    medians[:, -1] = 0
    return np.asarray(np.nan_to_num(medians))


def candidates(pixels: Pixels) -> tuple[Ridges, Ridges]:
    """Return the bright and the dark candidates."""
    gray = pixels.mean(axis=2)
    bright, dark = line_contrast(gray, length_px=_LENGTH_PX, num_angles=_NUM_ANGLES)
    texture = local_quantile(np.maximum(bright, dark), _QUANTILE, _BLOCK_PX) + _LEAST_TEXTURE
    return (
        _ridges(pixels, bright, dark, texture),
        _ridges(1 - pixels, dark, bright, texture),
    )


def _ridges(values: Pixels, own: Floats, other: Floats, texture: Pixels) -> Ridges:
    """Return the bright candidates; dark ones are bright in the negative."""
    hole = apply_hysteresis_threshold(own / texture, _LOW, _HIGH)  # type: ignore[no-untyped-call]
    skeletons, lengths = _long(_without_junctions(skeletonize(hole)))  # type: ignore[no-untyped-call]
    gray = values.mean(axis=2)
    tophat = bright_detail(gray, _RADIUS_PX)
    opacity = tophat / np.maximum(1 - (gray - tophat), _LEAST_ROOM)
    contrast, peak = maximum_filter(tophat, 3), maximum_filter(gray, 3)
    colorfulness = np.ptp(values, axis=2)
    maps = {
        "ratio": own / texture,
        "opacity": maximum_filter(opacity, 3),
        "balance": own / (uniform_filter(other, _AROUND_PX) + 0.002),
        "chroma": colorfulness,
        "chroma_below": median_filter(minimum_filter(colorfulness, 3), 7),
    }
    profiles = _profiles(opacity, *_steps_from(skeletons), len(lengths) + 1)[1:]
    beside = profiles[:, _HALF_WIDTH_PX] / np.maximum(profiles[:, 0], _LEAST_ROOM)
    features = {"length": lengths, "beside": beside, **_medians(skeletons, maps, peak, contrast)}
    return Ridges(skeletons, tophat, opacity, features)


def _without_junctions(skeleton: Bools) -> Bools:
    """Return a skeleton cut where lines cross or meet, so that each is judged by itself."""
    neighbors = convolve(skeleton.astype(np.int8), np.ones((3, 3), np.int8), mode="constant")
    cut: Bools = skeleton & (neighbors <= 3)
    return cut


def _long(skeleton: Bools) -> tuple[NDArray[np.int32], Values]:
    """Return the labels of the skeletons that are long enough, without gaps, and their lengths."""
    labels, count = label(skeleton, np.ones((3, 3)))
    areas = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    long = areas >= _SHORTEST_PX
    numbers = np.concatenate([[0], np.where(long, np.cumsum(long), 0)])
    spans = [np.hypot(*(part.stop - part.start for part in where)) for where in find_objects(labels)]
    return np.asarray(numbers[labels], np.int32), np.asarray(spans)[long]


def _medians(
    skeletons: NDArray[np.int32], maps: dict[str, Pixels], peak: Pixels, contrast: Pixels
) -> dict[str, Values]:
    """Return the median of each map on each skeleton, and how unsteady its peak is beside what is below."""
    names = (*maps, "unsteadiness")
    rows: list[list[float]] = []
    for number, where in enumerate(find_objects(skeletons), start=1):
        on = skeletons[where] == number
        crest = peak[where][on]
        steadiness = _deviation(crest) + 0.01, _deviation(crest - contrast[where][on]) + 0.01
        rows.append(
            [*(float(np.median(each[where][on])) for each in maps.values()), steadiness[0] / steadiness[1]]
        )
    return dict(zip(names, np.array(rows).reshape(-1, len(names)).T, strict=True))


def _deviation(values: Values) -> float:
    return float(np.median(np.abs(values - np.median(values))))
