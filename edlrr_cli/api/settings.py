"""Values of settings as users write them."""

from __future__ import annotations

from typing import Literal

from edlrr_cli.tasks.checks import NOISE_LEVEL, require

NoiseLevel = float | Literal["auto"] | None
"""A standard deviation on the [0, 1] scale; ``"auto"`` and None: estimated from the image."""


def level_of(name: str, noise: NoiseLevel) -> float | None:
    """Return a noise level as the dataclasses of settings hold it, None if it is to be estimated.

    Raises:
        UsageError: A word other than ``"auto"``.
    """
    if isinstance(noise, str):
        require(noise == "auto", name, NOISE_LEVEL, repr(noise))
        return None
    return noise
