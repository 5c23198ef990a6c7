"""The second search for scratches: all scratches of an image are of the paint of those that are certain.

Where this paint would cover a pixel by nearly one, or by nothing, no texture is left that would hide a line,
so that thin and short parts stand out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import (
    binary_dilation,
    binary_opening,
    binary_propagation,
    distance_transform_edt,
    maximum_filter,
)
from skimage.morphology import disk

from edlrr_cli.tasks.masking.continuation import gaps
from edlrr_cli.tasks.masking.evidence import Evidence, Features, Values
from edlrr_cli.tasks.masking.found import Bools
from edlrr_cli.tasks.masking.lines import line_contrast
from edlrr_cli.tasks.masking.ridges import Labels, Paint, Pixels, Ridges, profiles, ridges_of, steps_from

Flags = NDArray[np.bool_]

# What covers more than this is brighter than the paint.
_MOST = 1.3
# Lines of this length have at least this contrast of coverage.
_LENGTH_PX, _NUM_ANGLES, _LEAST = 31, 24, 0.2
# What is too wide has this fraction of its opacity beside it.
_BESIDE = 0.25
_LEAST_TINT = 0.02
EVIDENCE = Evidence({"ratio": 3.2, "beside": -0.56, "length": 0.88, "tint": -0.61, "likeness": 5.4}, -7.6)
# Lines are accepted beyond the first, and those that touch them, in a square of this side, or continue them,
# beyond the second, directly or across so many others.
_CERTAIN, _POSSIBLE, _TOUCH_PX, _ROUNDS = 0.6, -0.6, 9, 2
# A line ends where the median coverage at a distance from its center is below this fraction of that on it.
# Within, and one pixel beyond, pixels belong to it that are covered by at least these fractions.
_WIDTH, _WITHIN, _RIM = 0.2, 0.15, 0.3
# Where lines meet, none has the image on both sides: pixels of about full coverage and of this contrast
# within this distance of a line belong to it, too, unless a disk of this radius fits into them.
_FULL, _CONTRAST, _NEAR_PX, _WIDE_PX = 0.75, 0.08, 8, 2


def repainted(paint: Paint, certain: Ridges, *, with_others: bool) -> Bools:
    """Return the pixels of the scratches of a paint, shape (h, w).

    Args:
        certain: Scratches that show what the paint is, one or more.
        with_others: Whether there may be others, which neither touch nor continue them.
    """
    usual = float(np.median(certain.features["opacity"]))
    coverage = paint.opacity / usual
    contrast, _ = line_contrast(
        np.where(coverage < _MOST, coverage.clip(0, 1), 0), length_px=_LENGTH_PX, num_angles=_NUM_ANGLES
    )
    ridges = ridges_of(contrast, _LEAST, paint)
    logits = _logits(ridges.features, usual)
    is_part = logits > _CERTAIN
    if not with_others:
        known = np.unique(ridges.skeletons[maximum_filter(certain.skeletons > 0, _TOUCH_PX)])
        is_part &= np.isin(np.arange(1, len(logits) + 1), known)
    if not is_part.any():
        return np.zeros(coverage.shape, bool)
    return _with_meetings(_extent(ridges, is_part, logits > _POSSIBLE, coverage), coverage, paint.contrast)


def _logits(features: Features, usual: float) -> Values:
    """Return the evidence that lines are of a paint of this opacity, none for those that are too wide."""
    ratio = features["opacity"] / usual
    more = {
        "tint": np.maximum(features["chroma"], _LEAST_TINT),
        "likeness": np.minimum(ratio, 1 / np.maximum(ratio, _LEAST_TINT)),
    }
    return np.where(features["beside"] < _BESIDE, EVIDENCE.logits({**features, **more}), -np.inf)


def _extent(ridges: Ridges, is_part: Flags, is_possible: Flags, coverage: Pixels) -> Bools:
    """Return the pixels of lines, with the gaps between them."""
    center, gap = _center_lines(ridges.skeletons, is_part, is_possible)
    step, owner = steps_from(center)
    of_distance = profiles(coverage, step, owner, len(is_part) + 1)
    full = np.maximum(of_distance[:, 0], _RIM)
    is_wide = np.logical_and.accumulate(of_distance > _WIDTH * full[:, None], axis=1)
    covered = coverage / full[owner]
    within = is_wide[owner, step] & (covered > _WITHIN)
    rim = is_wide[owner, np.maximum(step - 1, 0)] & (covered > _RIM)
    extent: Bools = within | rim | maximum_filter(gap, 3)
    return extent


def _center_lines(skeletons: Labels, is_part: Flags, is_possible: Flags) -> tuple[Labels, Bools]:
    """Return the center lines of the scratches, of what continues or touches them, and of the gaps between.

    Returns:
        The labels of the lines and gaps, and where there are gaps, shape (h, w).
    """
    is_part = np.concatenate([[False], is_part])
    is_possible = np.concatenate([[False], is_possible])
    crossed = [each for each in gaps(skeletons) if is_possible[list(each.labels)].all()]
    for _ in range(_ROUNDS):
        for first, second in (each.labels for each in crossed):
            is_part[first] = is_part[second] = is_part[first] | is_part[second]
        touched = np.unique(skeletons[maximum_filter(is_part[skeletons], _TOUCH_PX)])
        is_part[touched] |= is_possible[touched]
    center, gap = np.where(is_part[skeletons], skeletons, 0), np.zeros(skeletons.shape, bool)
    for each in crossed:
        if is_part[each.labels[0]]:
            center[each.pixels], gap[each.pixels] = each.labels[0], True
    return center, gap


def _with_meetings(lines: Bools, coverage: Pixels, contrast: Pixels) -> Bools:
    """Return lines with the paint near them where they meet."""
    is_paint = (coverage > _FULL) & (coverage < _MOST) & (contrast > _CONTRAST)
    is_thin = is_paint & ~binary_opening(is_paint, disk(_WIDE_PX))  # type: ignore[no-untyped-call]
    near = distance_transform_edt(~lines) <= _NEAR_PX
    square = np.ones((3, 3), bool)
    grown = binary_propagation(lines, square, mask=lines | (is_thin & near))
    rim = binary_dilation(grown & ~lines, square) & (coverage > _RIM)
    return np.asarray(grown | rim)
