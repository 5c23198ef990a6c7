"""Label images as masks: integer labels instead of gray levels, 0 where nothing is marked."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.media.orientation import ORIENTATION_TAG, upright
from edlrr_cli.media.still_image import StillImage
from edlrr_cli.media.streams import STANDARD_INPUT
from edlrr_cli.media.tiff import MAGICS
from edlrr_cli.media.tiff_kinds import check_size, is_decoded_here
from edlrr_cli.media.tiff_segments import Segments, check_segments, check_tags, read_segments

Bools = NDArray[np.bool_]

# Gray levels are labels if at most so many differ, or if at least this fraction of pixels equals the right
# neighbor; a photograph has neither property.
_FEW_VALUES, _MIN_EQUAL = 32, 0.8


def labeled_pixels(image: StillImage) -> Bools | None:
    """Return the mask of nonzero labels, shape (h, w); None if the gray levels are not labels.

    Labels are integers without transparency that include 0 but not full white, and are few, or constant over
    regions.
    """
    is_gray = image.pixels.shape[2] == 1 and image.floats is None and image.alpha is None
    return _labeled(image.pixels[..., 0]) if is_gray and image.pixels.max() < 1 else None


def _labeled(values: NDArray[Any]) -> Bools | None:
    labeled: Bools = values != 0
    if labeled.all() or not labeled.any():
        return None
    equal = float((values[:, 1:] == values[:, :-1]).mean())
    return labeled if equal >= _MIN_EQUAL or len(np.unique(values)) <= _FEW_VALUES else None


def read_wide_labels(path: Path) -> Bools | None:
    """Read a TIFF of signed, 32-bit or 64-bit integers in one channel, whose labels may exceed gray levels.

    Returns:
        The mask of nonzero labels, shape (h, w), upright; None if the file is anything else, including a
        photograph of such integers, or cannot be decoded: `read_image` then reports the error.
    """
    if path is STANDARD_INPUT:  # it can be read only once
        return None
    try:
        with path.open("rb") as stream:
            return _read_tiff(path, stream) if stream.read(4) in MAGICS else None
    except Exception:  # decoders raise exceptions of any type
        return None


def _read_tiff(path: Path, stream: BinaryIO) -> Bools | None:
    from tifffile import TiffFile

    logging.getLogger("tifffile").addHandler(logging.NullHandler())  # it reports odd tags on stderr
    stream.seek(0)
    page: Any = TiffFile(stream).pages.first
    is_gray = page.dtype is not None and page.dtype.kind in "iu" and page.samplesperpixel == 1
    if not is_gray or page.dtype in (np.uint8, np.uint16) or not is_decoded_here(page):
        return None
    check_size(page)
    check_tags(path, page, stream)
    segments = Segments.from_page(page)
    check_segments(path, page, segments, stream)
    labels = read_segments(path, page, segments, stream, 0)
    tag = page.tags.get(ORIENTATION_TAG)
    return _labeled(upright(labels[..., 0], 1 if tag is None else int(tag.value)))
