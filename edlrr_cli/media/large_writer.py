"""Writer of large images: strips and tiles without restored pixels are copied as they are stored."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.media.bitmap import bands_of
from edlrr_cli.media.encoding import DEFAULT_ENCODING, Encoding
from edlrr_cli.media.files import check_target, replacing
from edlrr_cli.media.large_image import LargeImage
from edlrr_cli.media.save import carried_metadata, encoding_errors
from edlrr_cli.media.tiff_codes import NONE, ByteOrder
from edlrr_cli.media.tiff_encoder import as_photometric, encode_segment, page_tags
from edlrr_cli.media.tiff_layout import TiffLayout
from edlrr_cli.media.tiff_pages import Segment, StoredPage, write_pages

_MOST_EXPANSION = 2  # of incompressible samples by any compression


@dataclass(frozen=True, eq=False)
class Patch:
    """Restored pixels of a large image.

    Attributes:
        rows, columns: Where they are, shape (n,).
        values: As stored, shape (n, c): colors, then alpha if the image has any.
    """

    rows: NDArray[np.int32]
    columns: NDArray[np.int32]
    values: NDArray[Any]


@dataclass(frozen=True, eq=False)
class PatchedImage:
    """A large image and all that was restored of it."""

    image: LargeImage
    patches: Sequence[Patch]


def save_large(
    path: Path,
    first: PatchedImage,
    further: Mapping[int, PatchedImage],
    *,
    overwrite: bool,
    encoding: Encoding = DEFAULT_ENCODING,
) -> None:
    """Write a TIFF like the one that is open, with the restored pixels in it, strip by strip or tile by tile.

    Those without restored pixels are copied, unless the writer would store their samples in another form.

    Args:
        path: Output file; replaced atomically.
        first: The page that was read first, which has the other pages.
        further: Further restored pages, by their position in the file.
        overwrite: Whether an existing file may be replaced.
        encoding: Settings for writing.

    Raises:
        OutputError: The output exists, or writing failed.
        InputError: A strip or tile of the image is corrupt.
    """
    check_target(path, first.image.page.path, overwrite=overwrite)
    others = first.image.like.other_pages
    byteorder, others = others.byteorder, others.stripped() if encoding.strip_metadata else others
    pages = {position: _page(path, each, byteorder, encoding) for position, each in further.items()}
    page = _page(path, first, byteorder, encoding)
    with replacing(path) as stream:
        write_pages(stream, page, others.replaced(pages))


def _page(path: Path, patched: PatchedImage, byteorder: ByteOrder, encoding: Encoding) -> StoredPage:
    like, page = patched.image.like, patched.image.page
    layout = like.layout
    if layout.tile_px is None:
        layout = replace(layout, strip_rows=page.segments.shape[0])
    sample = patched.image.stored((slice(0, 1), slice(0, 1)))
    blank = np.broadcast_to(sample[:1, :1], (*page.size_px, sample.shape[2]))  # takes no memory
    meanings = () if like.extra is None else like.extra.meanings
    with encoding_errors(path, "TIFF"):
        metadata = carried_metadata("TIFF", like, encoding).settings("TIFF")
        tags = page_tags(blank, like.mode, layout=layout, extra_samples=meanings, **metadata)
    segments = _PatchedSegments(patched, tags, layout, byteorder)
    return StoredPage(tags, segments, layout.tile_px is not None, segments.most_bytes(sample))


class _PatchedSegments(Collection[Segment]):
    """The strips or tiles of a page: copied, or with restored pixels and encoded, one by one."""

    def __init__(self, patched: PatchedImage, tags: Any, layout: TiffLayout, byteorder: ByteOrder) -> None:
        self._image, self._tags, self._layout, self._byteorder = patched.image, tags, layout, byteorder
        self._page, self._segments = patched.image.page, patched.image.page.segments
        self._patches: dict[int, list[Patch]] = {}
        for patch in patched.patches:
            for position in self._positions(patch):
                self._patches.setdefault(position, []).append(patch)

    def _positions(self, patch: Patch) -> list[int]:
        """Return the indices within a plane of the segments that have pixels of a patch."""
        tall, wide, _ = self._segments.shape
        positions = patch.rows // tall * self._segments.grid[2] + patch.columns // wide
        return [int(position) for position in np.unique(positions)]

    def __len__(self) -> int:
        return math.prod(self._segments.grid)

    def __contains__(self, segment: object) -> bool:
        return False  # never asked for

    def __iter__(self) -> Iterator[Segment]:
        for index in range(len(self)):
            is_copied = self._page.is_kept_as_stored and not self._patches_of(index)
            yield self._page.stored(index) if is_copied else self._encoded(index)

    def most_bytes(self, sample: NDArray[Any]) -> int:
        """Return an upper limit of the bytes of all segments.

        Args:
            sample: Pixels as written, shape (..., c).
        """
        num_planes, num_encoded = self._segments.grid[0], len(self._patches)
        copied = sum(self._page.page.databytecounts)
        if not self._page.is_kept_as_stored:
            num_encoded, copied = len(self) // num_planes, 0
        tall, wide, _ = self._segments.shape
        encoded = tall * wide * sample.shape[-1] * sample.itemsize * num_encoded
        return int(copied + _MOST_EXPANSION * encoded)

    def _patches_of(self, index: int) -> list[Patch]:
        return self._patches.get(index % (self._segments.grid[1] * self._segments.grid[2]), [])

    def _encoded(self, index: int) -> Iterator[bytes]:
        """Yield the pieces of a segment; only uncompressed strips have several."""
        plane, top, left = self._segments.origin(index)
        height, width = self._image.size_px
        tall, wide, _ = self._segments.shape
        bottom, right = min(top + tall, height), min(left + wide, width)
        is_divided = self._layout.tile_px is None and self._layout.compression == NONE
        for rows in bands_of((bottom - top, right - left)) if is_divided else [slice(0, bottom - top)]:
            window = slice(top + rows.start, top + rows.stop), slice(left, right)
            values = self._image.stored(window).copy()
            for patch in self._patches_of(index):
                _paste(patch, values, *window)
            values = as_photometric(values, self._tags)
            if self._layout.is_planar:
                values = values[..., plane : plane + 1]
            yield encode_segment(values, layout=self._layout, byteorder=self._byteorder)


def _paste(patch: Patch, values: NDArray[Any], at_rows: slice, at_columns: slice) -> None:
    """Put the pixels of a patch into the values of a window, shape (h, w, c)."""
    rows, columns = patch.rows - at_rows.start, patch.columns - at_columns.start
    inside = (rows >= 0) & (rows < len(values)) & (columns >= 0) & (columns < values.shape[1])
    num_channels = patch.values.shape[1]
    values[rows[inside], columns[inside], :num_channels] = patch.values[inside]
