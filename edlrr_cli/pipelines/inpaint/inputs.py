"""The inputs of an inpainting."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.media.masks import MaskReading, read_mask
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


def read_mask_file(path: Path, image: StillImage, settings: MaskSettings) -> MaskReading:
    """Read the mask of an image; see `edlrr_cli.media.masks.read_mask`."""
    return read_mask(
        path, image, mode=settings.mask_mode, threshold=settings.mask_threshold, dilate=settings.dilate
    )
