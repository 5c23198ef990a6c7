"""Metrics of foreground masks, as in changedetection.net."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.errors import UsageError

#: Labels of a ground-truth mask: shadow counts as background; outside and unknown are ignored.
STATIC, SHADOW, OUTSIDE, UNKNOWN, MOVING = 0, 50, 85, 170, 255


@dataclass(frozen=True)
class Counts:
    """Confusion matrix in pixels; ``+`` sums over frames.

    Attributes:
        true_positive: Moving and detected.
        false_positive: Detected but not moving, including shadows.
        false_negative: Moving but not detected.
        true_negative: Neither moving nor detected.
        shadow_errors: Shadows that were detected.
    """

    true_positive: int = 0
    false_positive: int = 0
    false_negative: int = 0
    true_negative: int = 0
    shadow_errors: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.true_positive + other.true_positive,
            self.false_positive + other.false_positive,
            self.false_negative + other.false_negative,
            self.true_negative + other.true_negative,
            self.shadow_errors + other.shadow_errors,
        )

    def scores(self) -> dict[str, float | None]:
        """Return the seven measures by name; None where the denominator is 0.

        recall, specificity, false_positive_rate, false_negative_rate, precision and f_measure are in
        [0, 1]; percent_wrong is in percent of all evaluated pixels.
        """
        tp, fp, fn, tn = self.true_positive, self.false_positive, self.false_negative, self.true_negative
        wrong = _ratio(fp + fn, tp + fp + fn + tn)
        return {
            "recall": _ratio(tp, tp + fn),
            "specificity": _ratio(tn, tn + fp),
            "false_positive_rate": _ratio(fp, fp + tn),
            "false_negative_rate": _ratio(fn, tp + fn),
            "percent_wrong": None if wrong is None else 100 * wrong,
            "precision": _ratio(tp, tp + fp),
            "f_measure": _ratio(2 * tp, 2 * tp + fp + fn),
        }


def count(
    found: NDArray[np.bool_], truth: NDArray[np.integer[Any]], *, region: NDArray[np.bool_] | None = None
) -> Counts:
    """Compare a mask with the labels of one frame.

    Args:
        found: Shape (h, w), True = foreground.
        truth: Shape (h, w), labels 0 (static), 50 (shadow), 85 (outside), 170 (unknown) and 255 (moving);
            50 is background, 85 and 170 are ignored. Other values are background.
        region: Shape (h, w), True = evaluated; None: all.

    Raises:
        UsageError: The shapes differ.

    Source: Goyette et al., "changedetection.net: a new change detection benchmark dataset", 2012, and its
        tools, which determine 85 by the region of interest instead of the label.

    Example:
        >>> count(np.array([[True, False, True]]), np.array([[255, 255, 50]])).scores()["f_measure"]
        0.5
    """
    if found.shape != truth.shape or (region is not None and region.shape != truth.shape):
        raise UsageError(f"found: expected the shape of the truth, {truth.shape}, got {found.shape}")
    counts = counted(truth, region)
    hit, moving = found & counts, (truth == MOVING) & counts
    true_positive = int((hit & moving).sum())
    false_positive, false_negative = int(hit.sum()) - true_positive, int(moving.sum()) - true_positive
    return Counts(
        true_positive,
        false_positive,
        false_negative,
        int(counts.sum()) - true_positive - false_positive - false_negative,
        int((hit & (truth == SHADOW)).sum()),
    )


def counted(truth: NDArray[np.integer[Any]], region: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """Return the evaluated pixels, shape (h, w); arguments as in `count`."""
    counts: NDArray[np.bool_] = (truth != UNKNOWN) & (truth != OUTSIDE)
    return counts if region is None else counts & region


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
