"""The control: holes are left black."""

from __future__ import annotations

from edlrr_cli.baselines.interface import direct
from edlrr_cli.baselines.result import Bools, Pixels


@direct
def untouched(observed: Pixels, known: Bools) -> Pixels:
    """Return the image with black holes."""
    return observed
