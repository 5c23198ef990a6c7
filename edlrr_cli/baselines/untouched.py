"""The control: holes are left black."""

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
        image: Shape (h, w, c), in [0, 1]; missing pixels are ignored. Not modified.
        known: Shape (h, w), True = known pixel.
        device: Unused.
        dtype: Unused.
        callback: Not called.
    """
    return Result(np.where(known[..., None], image, 0.0), 0, "direct")
