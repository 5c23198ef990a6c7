"""How the samples of a TIFF file are divided and compressed: as in the file that was read, or by default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from edlrr_cli.media.tiff_codes import (
    DEFLATE,
    FLOATING,
    HORIZONTAL,
    NO_PREDICTOR,
    NONE,
    OLD_DEFLATE,
    PACKBITS,
    SEPARATE_PLANES,
    WHITE_IS_0,
)
from edlrr_cli.media.tiff_kinds import is_decoded_here

_STRIP_BYTES = 2**18  # of a strip by default


@dataclass(frozen=True)
class TiffLayout:
    """Division and compression of a page.

    Attributes:
        compression: Value of the tag Compression.
        predictor: Value of the tag Predictor; 0 selects the one that fits the type of the samples.
        tile_px: (rows, columns) of a tile; None for strips.
        strip_rows: Rows of a strip; 0 selects a common size.
        is_planar: Whether each channel has segments of its own.
        white_is_0: Whether gray samples are stored inverted.
    """

    compression: int = DEFLATE
    predictor: int = 0
    tile_px: tuple[int, int] | None = None
    strip_rows: int = 0
    is_planar: bool = False
    white_is_0: bool = False

    @classmethod
    def from_page(cls, page: Any) -> TiffLayout:
        """Return the layout of a page; of one that Pillow decodes, the default compression.

        Args:
            page: A page of tifffile that passed `edlrr_cli.media.tiff_kinds.check_kind`.
        """
        if not is_decoded_here(page):
            return cls()
        return cls(
            DEFLATE if page.compression == OLD_DEFLATE else int(page.compression),
            int(page.predictor),
            (page.tilelength, page.tilewidth) if page.is_tiled else None,
            0 if page.is_tiled else page.rowsperstrip,
            page.planarconfig == SEPARATE_PLANES and page.samplesperpixel > 1,
            page.photometric == WHITE_IS_0,
        )

    def predictor_for(self, values: NDArray[Any]) -> int:
        """Return the predictor of these samples."""
        if self.compression in (NONE, PACKBITS):
            return NO_PREDICTOR
        fitting = FLOATING if values.dtype.kind == "f" else HORIZONTAL
        return fitting if self.predictor not in (NO_PREDICTOR, fitting) else self.predictor

    def segment_px(self, values: NDArray[Any]) -> tuple[int, int]:
        """Return the rows and columns of a segment of samples (h, w, c)."""
        if self.tile_px is not None:
            return self.tile_px
        height, width, num_channels = values.shape
        row_bytes = width * (1 if self.is_planar else num_channels) * values.itemsize
        rows = self.strip_rows or max(_STRIP_BYTES // row_bytes, 1)
        return min(rows, height), width


DEFAULT_LAYOUT = TiffLayout()
"""Layout of images that were not read from a TIFF file: strips compressed by Deflate, with a predictor."""
