"""Small bright detail, and the strength of the texture about each pixel, which hides defects."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter, zoom
from skimage.morphology import disk, white_tophat

Pixels = NDArray[np.float64]


def bright_detail(values: Pixels, radius_px: int) -> Pixels:
    """Return how far each pixel is above its surroundings: what a disk of this radius does not fit into.

    Args:
        values: Shape (h, w). Not modified.
        radius_px: Radius of the disk.
    """
    return np.asarray(white_tophat(values, disk(radius_px)))  # type: ignore[no-untyped-call]


def local_quantile(values: Pixels, quantile: float, block_px: int) -> Pixels:
    """Return a quantile of the values about each pixel, shape (h, w).

    It is taken in square blocks; medians of 3 x 3 blocks make it blind to what few blocks have.

    Args:
        values: Shape (h, w). Not modified.
        quantile: Within [0, 1].
        block_px: Side of the blocks.
    """
    height, width = values.shape
    rows, columns = (-(-side // block_px) for side in values.shape)
    padding = [(0, rows * block_px - height), (0, columns * block_px - width)]
    padded = np.pad(values, padding, mode="symmetric")
    blocks = padded.reshape(rows, block_px, columns, block_px).swapaxes(1, 2).reshape(rows, columns, -1)
    coarse = median_filter(np.quantile(blocks, quantile, axis=2), 3, mode="nearest")
    fine = zoom(coarse, block_px, order=1, mode="nearest", grid_mode=True)
    return np.asarray(fine[:height, :width])
