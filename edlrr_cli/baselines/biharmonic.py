"""Biharmonic interpolation, by scikit-image."""

from __future__ import annotations

import numpy as np
import torch

from edlrr_cli.baselines.result import Bools, Callback, Pixels, Result


def biharmonic(
    image: Pixels,
    known: Bools,
    *,
    device: torch.device | None = None,
    dtype: torch.dtype | None = None,
    callback: Callback | None = None,
) -> Result:
    """Solve the biharmonic equation in the holes, with the known pixels as boundary values.

    Args:
        image: Shape (h, w, c), in [0, 1]; missing pixels are ignored. Not modified.
        known: Shape (h, w), True = known pixel.
        device: Unused.
        dtype: Unused.
        callback: Not called.

    Source: Damelin, Hoang, "On surface completion and image inpainting by biharmonic functions", 2018;
        `skimage.restoration.inpaint_biharmonic`.
    """
    from skimage.restoration import inpaint_biharmonic

    observed = np.where(known[..., None], image, 0.0).astype(np.float64)
    raw: Pixels = inpaint_biharmonic(observed, ~known, channel_axis=-1, split_into_regions=True)
    return Result(raw, 0, "direct")
