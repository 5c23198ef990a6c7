"""The inputs of an inpainting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.errors import InputError
from edlrr_cli.media.boxes import Box, union_of
from edlrr_cli.media.masks import MaskReading, dilated, read_mask
from edlrr_cli.media.still_image import StillImage
from edlrr_cli.pipelines.inpaint.settings import MaskSettings


@dataclass(frozen=True, eq=False)
class Inputs:
    """The contents of the input files.

    Attributes:
        reference: Clean pixels of the image's shape, or None.
        losses: What the output cannot hold of the image, one phrase each.
    """

    image: StillImage
    mask: MaskReading
    reference: NDArray[np.float64] | None
    losses: tuple[str, ...]

    @property
    def notes(self) -> list[str]:
        """Return the notes on the files for the user, one phrase each."""
        return [*self.image.notes, *self.losses, f"mask: {self.mask.evidence}"]


def read_hole(
    mask: Path | None, boxes: Sequence[Box], image: StillImage, settings: MaskSettings
) -> MaskReading:
    """Return the hole of an image, that of a mask file and of boxes.

    Raises:
        EdlrrError: See `edlrr_cli.media.masks.read_mask` and `edlrr_cli.media.boxes.union_of`.
    """
    if mask is None:
        known, mode, evidence = np.ones(image.size_px, dtype=np.bool_), "box", ""
    else:
        reading = read_mask(
            mask, image, mode=settings.mask_mode, threshold=settings.mask_threshold, dilate=settings.dilate
        )
        if not boxes:
            return reading
        known, mode, evidence = reading.known, reading.mode, f"{reading.evidence}; "
    known = known & ~dilated(union_of(boxes, image.size_px), settings.dilate)
    fraction = float(1 - known.mean())
    if fraction == 1:
        raise InputError("the mask and the boxes leave no pixel known", "mark less of the image")
    boxed = f"with {len(boxes)} box{'es' * (len(boxes) > 1)} {100 * fraction:.3g} % missing"
    return MaskReading(known, mode, fraction, f"{evidence}{boxed}")
