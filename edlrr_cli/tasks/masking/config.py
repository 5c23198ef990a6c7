"""Settings of the detection of defects: frozen, validated when created."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edlrr_cli.tasks.checks import require, require_choice, require_types

KINDS = ("dust", "scratches", "overlay", "ir")
"""Kinds of defects."""


@dataclass(frozen=True)
class Config:
    """Settings of a detection.

    Attributes:
        kind: One of `KINDS`.
        sensitivity: Factor that divides every threshold; 2 finds defects half as strong, 0.5 only those twice
            as strong.
        dilate: Radius in pixels of the disk by which what was found is dilated.

    Raises:
        UsageError: A value is outside its domain.
    """

    kind: str
    sensitivity: float = 1.0
    dilate: int = 0

    def __post_init__(self) -> None:
        require_types(self)
        require_choice("kind", self.kind, KINDS)
        check_detection(self.sensitivity, self.dilate)


def check_detection(sensitivity: float, dilate: int) -> None:
    """Validate the settings that all detections share.

    Raises:
        UsageError: A value is outside its domain.
    """
    is_fit = math.isfinite(sensitivity) and sensitivity > 0
    require(is_fit, "sensitivity", "more than 0", sensitivity, "1 is the default")
    require(dilate >= 0, "dilate", "0 or more", dilate)
