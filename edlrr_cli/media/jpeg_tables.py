"""Quantization tables and chroma subsampling of JPEG files, which are written as they were read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, JpegImagePlugin

_SIDE = 8
_FULL = 0  # no subsampling
_COLUMNS_ONLY = 1  # 4:2:2, whose counterpart for rows Pillow does not write
_NUM_INKS, _YCCK = 4, 2


@dataclass(frozen=True, eq=False)
class JpegTables:
    """How a JPEG file was encoded.

    Attributes:
        tables: Tables of 64 numbers, row by row, for the first channels; further ones have the last.
        subsampling: Pillow's number: 0 for 4:4:4, 1 for 4:2:2, 2 for 4:2:0.
    """

    tables: Sequence[list[int]]
    subsampling: int

    @classmethod
    def from_image(cls, image: Image.Image, *, turned: bool) -> JpegTables | None:
        """Return the tables of an opened file.

        Args:
            turned: Rows and columns are exchanged in the image that is written.

        Returns:
            None unless it is a JPEG whose channels Pillow writes.
        """
        if not isinstance(image, JpegImagePlugin.JpegImageFile):
            return None
        if image.layers == _NUM_INKS and image.info.get("adobe_transform") == _YCCK:
            return None
        tables = [image.quantization[channel[3]] for channel in image.layer]
        while len(tables) > 1 and tables[-1] == tables[-2]:
            tables.pop()
        sampling = max(JpegImagePlugin.get_sampling(image), _FULL)  # -1: none that Pillow writes
        if not turned:
            return cls(tables, sampling)
        return cls(list(map(_transposed, tables)), _FULL if sampling == _COLUMNS_ONLY else sampling)

    @property
    def settings(self) -> dict[str, Any]:
        """Return the arguments of Pillow's encoder."""
        return {"qtables": list(self.tables), "subsampling": self.subsampling}


def _transposed(table: list[int]) -> list[int]:
    turned: list[int] = np.reshape(table, (_SIDE, _SIDE)).T.ravel().tolist()
    return turned
