"""Masks of the defects of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.api.arrays import check_size, peak_of, pixels_of, plain_array
from edlrr_cli.errors import UsageError
from edlrr_cli.tasks.masking.config import Config
from edlrr_cli.tasks.masking.dust import find_dust
from edlrr_cli.tasks.masking.found import Found
from edlrr_cli.tasks.masking.infrared import find_infrared
from edlrr_cli.tasks.masking.overlay import find_overlay
from edlrr_cli.tasks.masking.scratches import find_scratches

Array = NDArray[Any]


def find_defects(
    image: Array | Sequence[Array],
    *,
    kind: str = "dust",
    infrared: Array | None = None,
    sensitivity: float = 1.0,
    dilate: int = 0,
) -> Found:
    """Find what has to be filled: dust, scratches, what repeats in several images, or dust in infrared.

    Args:
        image: An array (h, w) or (h, w, c), c = 1 or 3, at least 2 x 2; uint8, uint16, or floating in [0, 1].
            For the kind ``"overlay"`` a sequence of at least 5 of one size. Not modified.
        kind: ``"dust"``, ``"scratches"``, ``"overlay"`` or ``"ir"``.
        infrared: The infrared plane of the kind ``"ir"``, shape (h, w), of one of these dtypes.
        sensitivity: Divides every threshold.
        dilate: Radius in pixels of the disk by which the result is dilated.

    Returns:
        ``hole``, bool of shape (h, w), **True = hole**, as `inpaint` takes it, if any is; and ``score``, how
        sure it is, 0 with nothing found.

    Raises:
        UsageError: Wrong kind, shape or dtype, or a setting that makes no sense.
        InputError: Too few images for an overlay, or all of one scene; or the film absorbs infrared.

    Example:
        >>> image = np.tile(np.linspace(0.2, 0.6, 64), (64, 1))
        >>> image[20:23, 30:33] = 1.0
        >>> np.argwhere(find_defects(image).hole).mean(axis=0).tolist()
        [21.0, 31.0]
    """
    config = Config(kind, sensitivity, dilate)
    if (infrared is not None) != (kind == "ir"):
        raise UsageError("infrared is an argument of the kind ir, which needs it", "pass both or none")
    return _found(config, image, infrared).dilated(dilate)


def _found(config: Config, image: Array | Sequence[Array], infrared: Array | None) -> Found:
    if config.kind == "overlay":
        planes = [_pixels(each).mean(axis=2) for each in image]
        if len({plane.shape for plane in planes}) > 1:
            raise UsageError("image: the images of an overlay differ in size", "pass those of one size")
        return find_overlay(planes, sensitivity=config.sensitivity)
    pixels = _pixels(image)
    if infrared is not None:
        plane = plain_array("infrared", infrared)
        if plane.shape != pixels.shape[:2]:
            raise UsageError(f"infrared: expected shape {pixels.shape[:2]}, got {plane.shape}")
        return find_infrared(pixels, plane / np.float64(peak_of(plane.dtype)), sensitivity=config.sensitivity)
    find = find_dust if config.kind == "dust" else find_scratches
    return find(pixels, sensitivity=config.sensitivity)


def _pixels(image: object) -> NDArray[np.float64]:
    array = plain_array("image", image)
    if array.ndim not in (2, 3):
        raise UsageError(f"image: expected shape (h, w) or (h, w, c), got {array.shape}")
    check_size(array, num_channels=(1, 3))
    return pixels_of(array)
