"""Label images as masks: integers in the place of gray levels, 0 where nothing is marked."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.media.images import Picture, upright
from edlrr_cli.media.streams import STANDARD_INPUT

Bools = NDArray[np.bool_]

_TIFF_MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_ORIENTATION_TAG = 274
# Gray levels are labels if there are so few of them, or if so many pixels equal the next one: in a photograph
# neither is so.
_FEW_VALUES, _MIN_EQUAL = 32, 0.8


def labeled_pixels(picture: Picture) -> Bools | None:
    """Return where the label is not 0, shape (h, w); None if the gray levels of an image are no labels.

    Labels are integers without transparency that hold 0 but not full white, and are few, or constant over
    regions.
    """
    is_gray = picture.pixels.shape[2] == 1 and picture.floats is None and picture.alpha is None
    return _labeled(picture.pixels[..., 0]) if is_gray and picture.pixels.max() < 1 else None


def _labeled(values: NDArray[Any]) -> Bools | None:
    labeled: Bools = values != 0
    if labeled.all() or not labeled.any():
        return None
    equal = float((values[:, 1:] == values[:, :-1]).mean())
    return labeled if equal >= _MIN_EQUAL or len(np.unique(values)) <= _FEW_VALUES else None


def read_wide_labels(path: Path) -> Bools | None:
    """Read a TIFF of signed, 32-bit or 64-bit integers in one channel, whose labels may exceed gray levels.

    Returns:
        Where the label is not 0, shape (h, w), upright; None if the file is anything else, a photograph of
        such integers included, or cannot be decoded: the reader of images says what is wrong with it.
    """
    if path is STANDARD_INPUT:  # it can be read once
        return None
    try:
        with path.open("rb") as stream:
            return _read_tiff(stream) if stream.read(4) in _TIFF_MAGICS else None
    except Exception:  # decoders raise whatever they like
        return None


def _read_tiff(stream: Any) -> Bools | None:
    from PIL import Image
    from tifffile import TiffFile

    logging.getLogger("tifffile").addHandler(logging.NullHandler())  # it reports odd tags on stderr
    stream.seek(0)
    with TiffFile(stream) as file:
        page: Any = file.pages.first
        is_wide = page.dtype is not None and page.dtype.kind in "iu" and page.dtype != np.uint16
        if not is_wide or page.dtype == np.uint8 or page.axes != "YX" or not _is_whole(page, stream):
            return None
        if page.imagewidth * page.imagelength > (Image.MAX_IMAGE_PIXELS or np.inf):
            return None
        tag = page.tags.get(_ORIENTATION_TAG)
        return _labeled(upright(page.asarray(), 1 if tag is None else int(tag.value)))


def _is_whole(page: Any, stream: Any) -> bool:
    """Whether every strip and tile is in the file; what is missing would be read as 0."""
    num_bytes = stream.seek(0, 2)
    spans = zip(page.dataoffsets, page.databytecounts, strict=True)
    return all(count > 0 and offset + count <= num_bytes for offset, count in spans)
