"""Constants of the separation that were chosen on videos whose foreground is known."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tuning:
    """Constants that decide what is background and what is foreground.

    ``edlrr bench bgsep --leave-one-out`` measures how much they depend on the videos they were chosen on.

    Attributes:
        levels: Difference of patches that show the same, in gray levels of 255 beyond half of the noise.
        gap: How many times as different patches must be to be something else than a background that moves.
        floor: Threshold of foreground where nothing varies, in gray levels of 255.
        factor: Increase of the threshold per gray level of variation.
    """

    levels: float = 2.0
    gap: float = 3.0
    floor: float = 16.0
    factor: float = 3.0


DEFAULT = Tuning()
