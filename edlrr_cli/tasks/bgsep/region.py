"""The region of the frames that counts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.tasks.frames import Levels

Bools = NDArray[np.bool_]


class Region:
    """The pixels that count. Each of the others is seen as a copy of the nearest one that counts.

    So nothing that happens in the others has an influence, and no edge arises.

    Args:
        ignored: Pixels that never count, not all of them, shape (h, w).

    Attributes:
        counted: The other pixels, shape (h, w).
    """

    def __init__(self, ignored: Bools) -> None:
        self.counted: Bools = ~ignored
        self._ignored = np.flatnonzero(ignored)
        self._nearest = _nearest(ignored) if len(self._ignored) else self._ignored

    def seen(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Return a frame, shape (h, w, c), as the separation sees it; not a copy if all pixels count."""
        if not len(self._ignored):
            return pixels
        seen = np.array(pixels, order="C")
        values = seen.reshape(-1, pixels.shape[2])
        values[self._ignored] = values[self._nearest]
        return seen

    def restored(self, background: Levels, pixels: Levels) -> Levels:
        """Return a background that shows the frame where pixels do not count."""
        if not len(self._ignored):
            return background
        return np.where(self.counted[..., None], background, pixels)


def _nearest(ignored: Bools) -> NDArray[np.int64]:
    """Return the flat index of the nearest counted pixel for each ignored one."""
    from scipy import ndimage

    nearest = ndimage.distance_transform_edt(ignored, return_distances=False, return_indices=True)
    indices: NDArray[np.int64] = np.ravel_multi_index(tuple(nearest[:, ignored]), ignored.shape)
    return indices
