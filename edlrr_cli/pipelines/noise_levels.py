"""Noise levels in the user interface: standard deviations on 0..255, or a word."""

from __future__ import annotations

NOISE_LEVELS = 255.0
"""Levels on 0..255 are divided by this for the [0, 1] scale of the tasks."""

AUTO = "auto"
"""The noise level that is estimated from the image."""


def to_levels(sigma: float | None) -> float | None:
    """Return a setting on [0, 1] as the user writes it, on 0..255; None stays None."""
    return None if sigma is None else round(sigma * NOISE_LEVELS, 6)
