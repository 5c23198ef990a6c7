"""TIFF files: which pages hold images, and the exact samples of gray, RGB and CMYK ones.

The library tifffile reads the directories. Gray, RGB and CMYK pages with lossless compression are decoded
here, whatever their depth and division into strips, tiles and planes. Pillow decodes the others: palettes,
fax, JPEG and YCbCr. Anything that neither reads exactly raises an error.
"""

from __future__ import annotations

import io
import logging
import math
import re
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image

from edlrr_cli.errors import InputError
from edlrr_cli.media.decoded import DecodedImage
from edlrr_cli.media.tiff_kinds import check_kind, check_size, has_segments, is_decoded_here
from edlrr_cli.media.tiff_page import TiffPage
from edlrr_cli.media.tiff_pages import OtherPages, StoredPage, plain_tags, stored_page
from edlrr_cli.media.tiff_segments import Segments, check_segments, check_tags

MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""The first bytes of a TIFF file."""

DEVELOP = "develop it first, to a TIFF of 16 bits"
"""What to do with the raw file of a camera."""

_DNG_VERSION = 50706
_REDUCED, _MASK = 1, 4  # flags of the tag NewSubfileType
_NUM_CHECKED = 100  # pages of a long stack that may be previews


class TiffImages:
    """The images of a TIFF file: its pages without previews and masks, or a stack behind a single page.

    Args:
        path: Path for messages.
        stream: Open file that begins with one of `MAGICS`.

    Attributes:
        notes: Losses beside the images, one phrase each.
        is_cut_off: Whether the last page refers to a further one that is missing.
        interval_s: Seconds from one image to the next; 0 unless ImageJ wrote them.

    Raises:
        InputError: The file contains only a preview.
        Exception: The file is corrupt; any exception of the decoders.
    """

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        from tifffile import TiffFile

        logging.getLogger("tifffile").addHandler(logging.NullHandler())  # it reports odd tags on stderr
        stream.seek(0)
        self._path, self._stream, self._file = path, stream, TiffFile(stream)
        self._indices = _image_pages(path, self._file)
        page = self._page(0)
        if _DNG_VERSION in self._file.pages.first.tags:
            raise InputError(f"{path} is a raw file of a camera (DNG)", DEVELOP)
        self._num_behind = _num_behind(page, stream) if len(self._indices) == 1 else 1
        self.is_cut_off = _is_cut_off(self._file, stream)
        self.notes = _notes_on_sub_images(page)
        interval = re.search(r"^finterval=(\d{0,9}\.?\d{1,12})$", page.description, re.MULTILINE)
        self.interval_s = Fraction(interval[1]) if interval and page.is_imagej else Fraction(0)

    def __len__(self) -> int:
        return max(len(self._indices), self._num_behind)

    def page_index(self, index: int) -> int:
        """Return the index of an image's page among all pages, as in Pillow."""
        return self._indices[min(index, len(self._indices) - 1)]

    def read(self, index: int) -> DecodedImage | None:
        """Decode an image.

        Returns:
            The image as stored; None if Pillow has to decode it.

        Raises:
            InputError: The image cannot be read exactly, or parts of it are missing.
            Exception: The file is corrupt; any exception of the decoders.
        """
        check_size(self._page(index))
        page = self.page(index)
        return None if page is None else page.read()

    def page(self, index: int) -> TiffPage | None:
        """Return a page of any size, to be decoded in windows; None if Pillow has to decode it.

        Raises:
            InputError: The image cannot be read exactly, or parts of it are missing.
            Exception: The file is corrupt; any exception of the decoders.
        """
        page = self._page(index)
        check_tags(self._path, page, self._stream)
        check_kind(self._path, page)
        if not has_segments(page):
            return None
        segments = Segments.from_page(page)
        check_segments(self._path, page, segments, self._stream)
        if not is_decoded_here(page):
            return None
        shift = index * page.nbytes if self._num_behind > 1 else 0
        return TiffPage(self._path, page, segments, self._stream, self._tags(page), shift)

    def others(self, index: int) -> tuple[OtherPages, tuple[str, ...]]:
        """Return the pages besides an image's, as stored, and notes on what is left out of them."""
        pages: dict[int, StoredPage] = {}
        notes: list[str] = []
        for position in range(len(self._file.pages)):
            if position == self.page_index(index):
                continue
            is_image = position in self._indices
            name = f"page {self._indices.index(position) + 1}" if is_image else "a preview or mask"
            try:
                page = self._file.pages[position]
                stored = stored_page(page, self._stream)
                notes += (f"{name}: {note}" for note in _notes_on_sub_images(page))
            except Exception:  # the image is read even if other pages are corrupt
                stored = None
            if stored is None:
                notes.append(f"{name} cannot be kept and was left out")
            else:
                pages[position] = stored
        others = OtherPages(pages, self.position(index), self._file.byteorder, self._file.is_bigtiff)
        return others, tuple(notes)

    def position(self, index: int) -> int:
        """Return the position of an image among the pages of a file that is written."""
        return index if self._num_behind > 1 else self.page_index(index)

    def similar(self, index: int) -> list[int]:
        """Return the indices of the images that have the size and the kind of one."""
        if self._num_behind > 1:
            return list(range(len(self)))
        kind = _kind_of(self._page(index))
        return [other for other in range(len(self)) if _kind_of(self._page(other)) == kind]

    def _page(self, index: int) -> Any:
        return self._file.pages[self.page_index(index)]

    def _tags(self, page: Any) -> Image.Exif:
        tags = Image.Exif()
        if self._file.is_bigtiff and self._file.byteorder == ">":  # Pillow does not read these
            tags.load(plain_tags(page, self._stream))
            return tags
        tags.endian, tags.bigtiff = self._file.byteorder, self._file.is_bigtiff
        tags.load_from_fp(self._stream, page.offset)
        return tags


def _image_pages(path: Path, file: Any) -> list[int]:
    """Return the indices of the pages that are neither previews nor masks."""
    num_pages = len(file.pages)
    checked = range(min(num_pages, _NUM_CHECKED))
    found = [index for index in checked if not _is_aside(file.pages[index])]
    if not found and file.pages[0].subifds:
        raise InputError(f"{path} has only a preview (a camera's raw file?)", DEVELOP)
    return [*(found or [0]), *range(len(checked), num_pages)]


def _is_aside(page: Any) -> bool:
    """Whether a page is a preview, or a mask of one bit; some scanners call their infrared pages masks."""
    return bool(page.subfiletype & _REDUCED or (page.subfiletype & _MASK and page.bitspersample == 1))


def _kind_of(page: Any) -> tuple[object, ...]:
    """Return what pages have in common that are restored in the same way."""
    colors = (page.photometric, page.samplesperpixel, tuple(page.extrasamples))
    return (*page.shape, page.bitspersample, page.sampleformat, *colors)


def _is_cut_off(file: Any, stream: BinaryIO) -> bool:
    """Whether the last directory points to a missing one, which tifffile ignores."""
    form, page = file.tiff, file.pages[len(file.pages) - 1]
    stream.seek(page.offset)
    (num_tags,) = struct.unpack(form.tagnoformat, stream.read(form.tagnosize))
    stream.seek(num_tags * form.tagsize, io.SEEK_CUR)
    return any(stream.read(form.offsetsize))


def _num_behind(page: Any, stream: BinaryIO) -> int:
    """Return the number of contiguous images of a page, from its description and the file size."""
    if not page.is_final or not page.nbytes:
        return 1
    images = re.search(r"^images=(\d{1,9})$", page.description, re.MULTILINE)
    shape = re.search(r'"shape": \[(\d+(?:, *\d+)*)\].*"truncated": true', page.description)
    if page.is_imagej and images:
        claimed = int(images[1])
    elif page.is_shaped and shape:
        claimed = math.prod(int(length) for length in shape[1].split(",")) // int(page.size)
    else:
        return 1
    num_bytes = stream.seek(0, io.SEEK_END) - int(page.dataoffsets[0])
    return max(1, min(claimed, num_bytes // int(page.nbytes)))


def _notes_on_sub_images(page: Any) -> tuple[str, ...]:
    """Return notes on the sub-images of a page, none of which is kept: smaller copies of it, and others."""
    if not page.subifds:
        return ()
    try:
        are_smaller = [bool(sub.subfiletype & _REDUCED) for sub in page.pages[:_NUM_CHECKED]]
    except Exception:  # the image is read even if the sub-images are damaged
        return ("the sub-images are corrupt and were left out",)
    counted = (("preview", are_smaller.count(True)), ("sub-image", are_smaller.count(False)))
    return tuple(
        f"{count} {name}{'s were' if count > 1 else ' was'} left out" for name, count in counted if count
    )
