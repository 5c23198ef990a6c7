"""Biharmonic interpolation, by scikit-image."""

from __future__ import annotations

from edlrr_cli.baselines.interface import direct
from edlrr_cli.baselines.result import Bools, Pixels

# Mean number of pixels of connected holes from which on they are solved one by one, with the same result; one
# system for all is faster for specks. Measured: see docs/decisions.md.
_LARGE = 200


@direct
def biharmonic(observed: Pixels, known: Bools) -> Pixels:
    """Solve the biharmonic equation in the holes, with the known pixels as boundary values.

    Source: Damelin, Hoang, "On surface completion and image inpainting by biharmonic functions", 2018;
        `skimage.restoration.inpaint_biharmonic`.
    """
    from scipy.ndimage import label
    from skimage.restoration import inpaint_biharmonic

    hole = ~known
    is_split = hole.sum() >= _LARGE * label(hole)[1]
    filled: Pixels = inpaint_biharmonic(observed, hole, channel_axis=-1, split_into_regions=is_split)
    return filled
