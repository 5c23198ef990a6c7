"""Pixels whose colors nobody sees: what stands in for them while an image is restored."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]


def reflected(image: Pixels, seen: Bools, hidden: Bools) -> Pixels:
    """Return an image whose hidden pixels have the colors of seen ones, reflected at the nearest edge.

    Unlike one color or the nearest one, a reflection has the texture and the noise of the seen part.

    Args:
        image: Shape (h, w, c). Not modified.
        seen: Shape (h, w), True = pixel to take colors from; at least one.
        hidden: Shape (h, w), True = pixel that gets one; none of the seen.
    """
    from scipy.ndimage import distance_transform_edt

    nearest = distance_transform_edt(~seen, return_distances=False, return_indices=True)
    here = np.nonzero(hidden)
    edge = tuple(indices[here] for indices in nearest)
    mirrored = tuple(2 * to - at for to, at in zip(edge, here, strict=True))
    is_inside = np.all(
        [(at >= 0) & (at < size) for at, size in zip(mirrored, seen.shape, strict=True)], axis=0
    )
    # Where there is nothing to reflect, the edge itself is repeated.
    source = tuple(np.where(is_inside, at, to) for at, to in zip(mirrored, edge, strict=True))
    is_seen = seen[source]
    result = image.copy()
    result[here] = image[tuple(np.where(is_seen, at, to) for at, to in zip(source, edge, strict=True))]
    return result
