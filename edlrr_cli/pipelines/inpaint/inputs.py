"""The inputs of an inpainting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.dilation import dilated
from edlrr_cli.errors import InputError
from edlrr_cli.media.boxes import Box, union_of
from edlrr_cli.media.cmyk import to_rgb
from edlrr_cli.media.formats import ALPHA, INFRARED, NAN, is_own_mask
from edlrr_cli.media.infrared import read_infrared
from edlrr_cli.media.masks import MaskReading, read_mask
from edlrr_cli.media.own_masks import own_hole, painted_hole
from edlrr_cli.media.still_image import StillImage
from edlrr_cli.pipelines.inpaint.settings import MaskSettings
from edlrr_cli.pipelines.pages import page_of

OWN_NAMES = {NAN: "pixels without a value", ALPHA: "transparent pixels"}
"""What marks the hole of an image that marks it itself, for the user."""


@dataclass(frozen=True, eq=False)
class Inputs:
    """The contents of the input files: a page.

    Attributes:
        reference: Clean pixels of the image's shape, or None.
        losses: What the output cannot hold of the image, one phrase each.
        page: Number of the page, from 1.
    """

    image: StillImage
    mask: MaskReading
    reference: NDArray[np.float64] | None
    losses: tuple[str, ...]
    page: int = 1

    @property
    def is_clean(self) -> bool:
        """Whether nothing of the page is missing."""
        return bool(self.mask.known.all())

    @property
    def notes(self) -> list[str]:
        """Return the notes on the files for the user, one phrase each."""
        return [*self.image.notes, *self.losses, f"mask: {self.mask.evidence}"]


@dataclass(frozen=True, eq=False)
class _Part:
    """A part of the hole, shape (h, w), True = missing; what marks it; and a phrase for the user."""

    hole: NDArray[np.bool_]
    mode: str
    evidence: str


def read_hole(
    path: Path,
    image: StillImage,
    mask: Path | None,
    boxes: Sequence[Box],
    settings: MaskSettings,
    page: int = 1,
) -> MaskReading:
    """Return the hole of an image: that of a mask file or of the image itself, of a color and of boxes.

    Args:
        path: The image's file.
        mask: File, or one of `edlrr_cli.media.formats.OWN_MASKS`; None: the others alone.
        page: The image's page in its file, from 1.

    Returns:
        The hole, perhaps without any pixel.

    Raises:
        EdlrrError: A part cannot be read, or no pixel is left known.
    """
    parts = list(_parts(path, image, mask, boxes, settings, page))
    missing = np.logical_or.reduce([part.hole for part in parts])
    fraction = float(missing.mean())
    if fraction == 1:
        raise InputError(f"the masks of {path} leave no pixel known", "mark less of the image")
    evidence = "; ".join(part.evidence for part in parts)
    if len(parts) > 1:
        evidence += f"; together {100 * fraction:.3g} % missing"
    return MaskReading(~missing, parts[0].mode, fraction, evidence)


def _parts(
    path: Path,
    image: StillImage,
    mask: Path | None,
    boxes: Sequence[Box],
    settings: MaskSettings,
    page: int,
) -> Iterator[_Part]:
    def part(hole: NDArray[np.bool_], mode: str, name: str) -> _Part:
        grown = dilated(hole, settings.dilate)
        return _Part(grown, mode, f"{name}: {100 * grown.mean():.3g} % missing")

    if mask is not None and is_own_mask(mask):
        word = str(mask)
        if word == INFRARED:
            yield part(*_infrared_hole(path, image, page, settings.sensitivity))
        else:
            yield part(own_hole(word, image), word, OWN_NAMES[word])
    elif mask is not None:
        reading = read_mask(
            mask,
            image,
            mode=settings.mask_mode,
            threshold=settings.mask_threshold,
            dilate=settings.dilate,
            page=page_of(mask, "mask", path, page),
        )
        yield _Part(~reading.known, reading.mode, reading.evidence)
    if settings.mask_color is not None:
        hole = painted_hole(settings.mask_color, path, image)
        yield part(hole, "color", f"the color {settings.mask_color} marks the hole")
    if boxes:
        name = f"{len(boxes)} box{'es' * (len(boxes) > 1)}"
        yield part(union_of(boxes, image.size_px), "box", name)


def _infrared_hole(
    path: Path, image: StillImage, page: int, sensitivity: float
) -> tuple[NDArray[np.bool_], str, str]:
    """Return the dust in the infrared plane of a scan, what marks it, and a phrase for the user."""
    from edlrr_cli.tasks.masking.infrared import find_infrared

    plane = read_infrared(path, image, page)
    try:
        colors = to_rgb(image.pixels)
        found = find_infrared(colors, plane.pixels, sensitivity=sensitivity)
    except InputError as error:
        raise InputError(f"{path}: {error.message}", error.remedy) from None
    phrases = (f"dust in the infrared plane ({plane.origin})", *found.notes, f"score {found.score:.2f}")
    return found.hole, INFRARED, ", ".join(phrases)
