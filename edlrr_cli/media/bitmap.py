"""A mask of a very large image, of which a pixel takes one bit of memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]

_BAND_PX = 2**23
"""Pixels of a band of rows that is unpacked at once."""


def bands_of(size_px: tuple[int, int], step: int = 1) -> Iterator[slice]:
    """Yield consecutive ranges of rows of an image of (height, width), each of a few million pixels.

    Args:
        step: Each range but the last one has a multiple of so many rows.
    """
    height, width = size_px
    rows = max(_BAND_PX // (width * step), 1) * step
    return (slice(top, min(top + rows, height)) for top in range(0, height, rows))


class Bitmap:
    """A boolean image of one bit per pixel, False at first.

    Attributes:
        size_px: (height, width).
    """

    def __init__(self, size_px: tuple[int, int]) -> None:
        self.size_px = size_px
        self._bits = np.zeros((size_px[0], -(-size_px[1] // 8)), np.uint8)

    def __getitem__(self, window: tuple[slice, slice]) -> Bools:
        rows, columns = window
        first = columns.start // 8
        bits = self._bits[rows, first : -(-columns.stop // 8)]
        values = np.unpackbits(bits, axis=1)[:, columns.start - 8 * first : columns.stop - 8 * first]
        return values.view(np.bool_)

    def add(self, rows: slice, values: Bools) -> None:
        """Set the pixels of whole rows, shape (rows, width), where True; the others stay as they are."""
        self._bits[rows] |= np.packbits(values, axis=1)

    def add_all(self, other: Bitmap) -> None:
        """Set the pixels that are True in another mask of the same size."""
        self._bits |= other._bits

    def fill(self, window: tuple[slice, slice]) -> None:
        """Set all pixels of a window."""
        rows, columns = window
        line = np.zeros(self.size_px[1], np.bool_)
        line[columns] = True
        self._bits[rows] |= np.packbits(line)

    def rows(self, rows: slice) -> Bools:
        """Return whole rows."""
        return self[rows, slice(0, self.size_px[1])]

    def count(self) -> int:
        """Return the number of pixels that are True."""
        return sum(int(np.count_nonzero(self.rows(rows))) for rows in bands_of(self.size_px))

    def dilated(self, radius_px: int) -> Bitmap:
        """Return the mask dilated by a disk, see `edlrr_cli.dilation.dilated`."""
        from edlrr_cli.dilation import dilated

        if radius_px == 0:
            return self
        grown, height = Bitmap(self.size_px), self.size_px[0]
        for rows in bands_of(self.size_px):
            top, bottom = max(rows.start - radius_px, 0), min(rows.stop + radius_px, height)
            near = dilated(self.rows(slice(top, bottom)), radius_px)
            grown.add(rows, near[rows.start - top : rows.stop - top])
        return grown
