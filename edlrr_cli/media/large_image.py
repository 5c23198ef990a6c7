"""Images that do not fit into memory: pages of TIFF files that are read in windows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edlrr_cli.errors import InputError
from edlrr_cli.media.decoded import DecodedImage
from edlrr_cli.media.formats import ALPHA, NAN
from edlrr_cli.media.from_decoded import still_from_decoded
from edlrr_cli.media.images import Images, decoding_errors, open_images
from edlrr_cli.media.orientation import orientation_of
from edlrr_cli.media.still_image import MIN_SIDE_PX, StillImage
from edlrr_cli.media.streams import is_stream
from edlrr_cli.media.tiff import MAGICS
from edlrr_cli.media.tiff_kinds import NUM_COLORS
from edlrr_cli.media.tiff_page import TiffPage
from edlrr_cli.media.tiff_segments import Window
from edlrr_cli.media.undefined import note_on_undefined, undefined_pixels

LARGE_BYTES = 700_000_000
"""An image is large if its pixels, computed in double precision, take more bytes of memory.

Pages of 87 megapixels in gray or 29 in color have as many.
"""

_BYTES_PER_VALUE = 8
_lock = Lock()  # of the position in the file, which threads share, and which tags are read from as well
_MOST_SEGMENT_BYTES = 2**28


@dataclass(frozen=True, eq=False)
class LargeImage:
    """A page of an open TIFF file that is read in windows.

    Attributes:
        page: The page.
        like: All of the image but its pixels, of which it has a made-up few; its other pages are read while
            the file is open.
    """

    page: TiffPage
    like: StillImage

    @property
    def size_px(self) -> tuple[int, int]:
        """Return (height, width)."""
        return self.page.size_px

    def read(self, window: Window) -> StillImage | None:
        """Read the rows and columns of a window; None if none of its pixels has a value.

        Raises:
            InputError: They are corrupt.
        """
        with _lock, decoding_errors(self.page.path):
            image = self.page.read(window)
            undefined = self._undefined(image)
            if undefined is not None and undefined.all():
                return None
            return still_from_decoded(self.page.path, image)

    def own_hole(self, word: str, window: Window) -> NDArray[np.bool_]:
        """Return the pixels of a window that the image marks as missing, see `own_masks.own_hole`.

        Raises:
            InputError: The window is corrupt.
        """
        with _lock, decoding_errors(self.page.path):
            image = self.page.read(window)
        hole = self._undefined(image) if word == NAN else None
        if word == ALPHA and self.like.alpha is not None:
            hole = image.values[..., -1] < self.like.peak
        return np.zeros(image.values.shape[:2], bool) if hole is None else hole

    def _undefined(self, image: DecodedImage) -> NDArray[np.bool_] | None:
        return undefined_pixels(image.values, self.like.pixels.shape[2], image.tags)

    def stored(self, window: Window) -> NDArray[Any]:
        """Return the values of a window as they are written, shape (h, w, c): colors, alpha, extra channels.

        Raises:
            InputError: They are corrupt.
        """
        with _lock, decoding_errors(self.page.path):
            image = self.page.read(window)
        return image.values if image.extra is None else np.dstack([image.values, image.extra.values])


@contextmanager
def open_large(path: Path) -> Iterator[LargeImages]:
    """Open a TIFF file with a page that `is_large`.

    Raises:
        InputError: See `edlrr_cli.media.images.read_image`.
    """
    with open_images(path) as images:
        yield LargeImages(path, images)


class LargeImages:
    """The pages of an open TIFF file, read in windows."""

    def __init__(self, path: Path, images: Images) -> None:
        self._path, self._images = path, images

    def image(self, page: int, *, with_others: bool = True, with_similar: bool = False) -> LargeImage:
        """Return a page by its number, from 1.

        Args:
            with_others: Find the other pages as well.
            with_similar: See `edlrr_cli.media.images.read_image`.

        Raises:
            InputError: See there.
        """
        found = self._images.page(page - 1)
        if found is None:
            raise InputError(f"page {page} of {self._path} cannot be read in windows", "save it with Deflate")
        like = _description(self._path, found)
        if with_others:
            like = self._images.with_pages(like, page - 1, with_similar=with_similar)
        return LargeImage(found, like)


def _description(path: Path, page: TiffPage) -> StillImage:
    """Return an image with the metadata of a page, and a few made-up pixels."""
    with decoding_errors(path):
        like = still_from_decoded(path, page.made_up(MIN_SIDE_PX))
    made_up = note_on_undefined(like.undefined)
    notes = tuple(note for note in like.notes if note not in made_up)
    return replace(like, notes=notes, undefined=None)


def is_large(path: Path, page: int = 1) -> bool:
    """Whether a page of a TIFF file is too large for the memory, and can be read in windows.

    False for a file that cannot be read, with strips or tiles that are themselves too large, and for pages
    that are turned by their orientation.

    Args:
        page: Its number, from 1.
    """
    if is_stream(path) or not _is_tiff(path):
        return False
    try:
        with open_images(path) as images:
            found = images.page(page - 1)
    except InputError:
        return False
    if found is None or orientation_of(found.tags) > 1 or min(found.size_px) < MIN_SIDE_PX:
        return False
    num_values = math.prod(found.size_px) * NUM_COLORS[found.page.photometric]
    return num_values * _BYTES_PER_VALUE > LARGE_BYTES and found.num_decoded_bytes <= _MOST_SEGMENT_BYTES


def fits_whole(path: Path, page: int = 1) -> bool:
    """Whether a page that `is_large` has no more pixels than the limit on images that are read whole."""
    with open_images(path) as images:
        found = images.page(page - 1)
    limit = Image.MAX_IMAGE_PIXELS
    return limit is None or found is None or math.prod(found.size_px) <= limit


def _is_tiff(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(MAGICS[0])) in MAGICS
    except (OSError, ValueError):
        return False
