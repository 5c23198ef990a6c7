"""Substitute colors for transparent pixels while an image is restored."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]


def reflected(image: Pixels, seen: Bools, hidden: Bools) -> Pixels:
    """Replace hidden pixels by the colors of seen ones, reflected at the nearest edge.

    Unlike a constant or the nearest color, a reflection has the texture and the noise of the seen part.

    Args:
        image: Shape (h, w, c). Not modified.
        seen: Shape (h, w), True = pixel to take colors from; at least one.
        hidden: Shape (h, w), True = pixel to replace; disjoint from ``seen``.
    """
    from scipy.ndimage import distance_transform_edt

    nearest = distance_transform_edt(~seen, return_distances=False, return_indices=True)
    here = np.nonzero(hidden)
    edge = tuple(indices[here] for indices in nearest)
    mirrored = tuple(2 * near - at for near, at in zip(edge, here, strict=True))
    is_inside = np.all(
        [(at >= 0) & (at < size) for at, size in zip(mirrored, seen.shape, strict=True)], axis=0
    )
    # Where the reflection is not a seen pixel, the edge itself is repeated.
    source = tuple(np.where(is_inside, at, near) for at, near in zip(mirrored, edge, strict=True))
    is_seen = seen[source]
    result = image.copy()
    result[here] = image[tuple(np.where(is_seen, at, near) for at, near in zip(source, edge, strict=True))]
    return result
