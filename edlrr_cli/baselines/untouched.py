"""The control that every number must be read against: the holes left as they are, black."""

from __future__ import annotations

import numpy as np
import torch

from edlrr_cli.baselines.result import Bools, Callback, Pixels, Result


def untouched(
    image: Pixels,
    known: Bools,
    *,
    device: torch.device,
    dtype: torch.dtype,
    callback: Callback | None = None,
) -> Result:
    """Return the image with black holes.

    Args:
        image: Shape (h, w, c), in [0, 1]; missing pixels are not looked at. Not modified.
        known: Shape (h, w), True = known pixel.
        device: Not used.
        dtype: Not used.
        callback: Not called.
    """
    return Result(np.where(known[..., None], image, 0.0), 0, "direct")
