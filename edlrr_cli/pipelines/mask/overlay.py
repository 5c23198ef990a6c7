"""The overlay of several image files, computed once for all of them."""

from __future__ import annotations

import logging
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.errors import InputError
from edlrr_cli.media.cmyk import to_rgb
from edlrr_cli.media.images import read_image
from edlrr_cli.tasks.masking.found import Found
from edlrr_cli.tasks.masking.overlay import MIN_IMAGES, find_overlay

# More images change the median little, and all are held in memory, at most so many pixels.
_MAX_IMAGES, _MAX_PX = 60, 400e6

_log = logging.getLogger(__name__)


@lru_cache(maxsize=1)
def overlay_of(paths: tuple[Path, ...], size_px: tuple[int, int], sensitivity: float) -> Found:
    """Return what repeats in those images of a list that have one size; a process computes it once.

    Args:
        paths: The images; at most 60 of them are read, fewer large ones, evenly spread. Those of another size
            and those that cannot be read are left out.
        size_px: (height, width) of the images that are compared.
        sensitivity: See `edlrr_cli.tasks.masking.config.Config`.

    Raises:
        InputError: Too few images have this size.
    """
    most = max(MIN_IMAGES, min(_MAX_IMAGES, int(_MAX_PX / np.prod(size_px))))
    step = -(-len(paths) // most)
    planes = [plane for path in paths[::step] if (plane := _gray(path, size_px)) is not None]
    return find_overlay(planes, sensitivity=sensitivity)


def _gray(path: Path, size_px: tuple[int, int]) -> NDArray[np.float32] | None:
    """Return the mean of the channels, shape (h, w); None for an image that does not belong to the others."""
    try:
        image = read_image(path)
    except InputError as error:  # reported by its own job
        _log.info("%s is left out of the overlay: %s", path, error.message)
        return None
    return to_rgb(image.pixels).mean(axis=2, dtype=np.float32) if image.size_px == size_px else None
