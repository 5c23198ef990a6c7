"""Biharmonic interpolation, by scikit-image."""

from __future__ import annotations

from edlrr_cli.baselines.interface import direct
from edlrr_cli.baselines.result import Bools, Pixels


@direct
def biharmonic(observed: Pixels, known: Bools) -> Pixels:
    """Solve the biharmonic equation in the holes, with the known pixels as boundary values.

    Source: Damelin, Hoang, "On surface completion and image inpainting by biharmonic functions", 2018;
        `skimage.restoration.inpaint_biharmonic`.
    """
    from skimage.restoration import inpaint_biharmonic

    filled: Pixels = inpaint_biharmonic(observed, ~known, channel_axis=-1, split_into_regions=True)
    return filled
