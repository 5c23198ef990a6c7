"""Noise levels in the user interface: standard deviations on 0..255, or a word."""

NOISE_LEVELS = 255.0
"""Levels on 0..255 are divided by this for the [0, 1] scale of the tasks."""

AUTO = "auto"
"""The noise level that is estimated from the image."""
