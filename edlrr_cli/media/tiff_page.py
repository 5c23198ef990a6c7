"""A checked page of a TIFF file, which is decoded whole or window by window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edlrr_cli.media.decoded import DecodedImage
from edlrr_cli.media.tiff_channels import image_of, is_alpha_first
from edlrr_cli.media.tiff_codes import FILL_FROM_LOWEST, NO_PREDICTOR, NONE, PACKBITS
from edlrr_cli.media.tiff_layout import TiffLayout
from edlrr_cli.media.tiff_pages import pieces_of
from edlrr_cli.media.tiff_segments import Segments, Window, read_segments


@dataclass(frozen=True, eq=False)
class TiffPage:
    """A page whose tags and segments are sound, in an open file.

    Attributes:
        path: Path for messages.
        page: The page of tifffile.
        segments: Its division into strips or tiles.
        stream: The open file.
        tags: All tags.
        shift: Number of bytes added to the offsets in the file.
    """

    path: Path
    page: Any
    segments: Segments
    stream: BinaryIO
    tags: Image.Exif
    shift: int = 0

    @property
    def size_px(self) -> tuple[int, int]:
        """Return (height, width) as stored."""
        return self.segments.height, self.segments.width

    def read(self, window: Window | None = None) -> DecodedImage:
        """Decode the page, or the rows and columns of a window; the orientation is not applied.

        Raises:
            InputError: A segment is truncated or corrupt.
            Exception: Any exception of the decoders.
        """
        samples = read_segments(self.path, self.page, self.segments, self.stream, self.shift, window)
        return self._image_of(samples)

    def made_up(self, side_px: int) -> DecodedImage:
        """Return a small image with the kind and the tags of the page; its samples are made up."""
        count = side_px**2 * self.segments.num_channels
        samples = np.arange(count).reshape(side_px, side_px, -1).astype(self.segments.dtype)
        if self.segments.bits % 8:
            samples %= 2
        return self._image_of(samples)

    def _image_of(self, samples: NDArray[Any]) -> DecodedImage:
        image = image_of(self.path, self.page, samples, self.tags)
        return replace(image, layout=TiffLayout.from_page(self.page))

    @property
    def num_decoded_bytes(self) -> int:
        """Return how many bytes are decoded at least for a window of one pixel."""
        return (1 if self.is_read_by_rows else self.segments.shape[0]) * self.segments.row_bytes

    @property
    def is_read_by_rows(self) -> bool:
        """Whether rows are read without the others of their segments."""
        return bool(self.page.compression == NONE)

    @property
    def is_kept_as_stored(self) -> bool:
        """Whether the writer stores samples as they are here, so that segments may be copied."""
        page = self.page
        return bool(
            self.segments.bits % 8 == 0
            and page.fillorder != FILL_FROM_LOWEST
            and (page.predictor == NO_PREDICTOR or page.compression not in (NONE, PACKBITS))
            and is_alpha_first(page)
        )

    def stored(self, index: int) -> Iterator[bytes]:
        """Yield the pieces of a segment as stored."""
        offset, num_bytes = self.page.dataoffsets[index], self.page.databytecounts[index]
        return pieces_of(self.stream, offset + self.shift, num_bytes)
