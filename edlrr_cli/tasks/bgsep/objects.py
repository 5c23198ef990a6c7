"""The objects of a mask: its connected areas."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class MovingObject(NamedTuple):
    """A connected area of the foreground of a frame.

    Attributes:
        x: Column of the centroid in pixels; 0 is the center of the first pixel.
        y: Row of the centroid.
        left, top, width_px, height_px: Box around the area.
        area_px: Number of its pixels.
        mean_difference: Mean difference from the background, in gray levels of 255.
    """

    x: float
    y: float
    left: int
    top: int
    width_px: int
    height_px: int
    area_px: int
    mean_difference: float


def find_objects(
    mask: NDArray[np.bool_], pixels: NDArray[Any], background: NDArray[Any]
) -> list[MovingObject]:
    """Return the objects of a frame, from top to bottom; their pixels are connected by their sides.

    Args:
        mask: Shape (h, w), True = foreground.
        pixels: The frame, shape (h, w, c), uint8 or uint16.
        background: The same of its background. The difference is the largest over the channels.

    Example:
        >>> frame = np.zeros((2, 4, 1), np.uint8)
        >>> frame[0, 1:3] = 100
        >>> find_objects(frame[..., 0] > 0, frame, np.zeros_like(frame))[0][:7]
        (1.5, 0.0, 1, 0, 2, 1, 2)
    """
    from scipy import ndimage

    areas, count = ndimage.label(mask)
    if count == 0:
        return []
    indices = np.arange(1, count + 1)
    levels = 255 / np.iinfo(pixels.dtype).max
    difference = levels * np.abs(pixels.astype(np.int32) - background).max(axis=2)
    centroids = ndimage.center_of_mass(mask, areas, indices)
    area_px = np.bincount(areas.ravel())[1:]
    means = ndimage.mean(difference, areas, indices)
    found = zip(centroids, ndimage.find_objects(areas), area_px, means, strict=True)
    return [
        MovingObject(
            x=float(x),
            y=float(y),
            left=columns.start,
            top=rows.start,
            width_px=columns.stop - columns.start,
            height_px=rows.stop - rows.start,
            area_px=int(area),
            mean_difference=float(mean),
        )
        for (y, x), (rows, columns), area, mean in found
    ]
