"""The hole of an image that is not in memory: that of a mask file or of the image itself, and of boxes."""

from __future__ import annotations

from pathlib import Path

from edlrr_cli.errors import InputError
from edlrr_cli.media.bitmap import Bitmap, bands_of
from edlrr_cli.media.formats import is_own_mask
from edlrr_cli.media.large_image import LargeImage
from edlrr_cli.media.large_masks import LargeHole, read_large_mask
from edlrr_cli.pipelines.inpaint.any_job import AnyInpaintJob
from edlrr_cli.pipelines.inpaint.inputs import OWN_NAMES
from edlrr_cli.pipelines.job import InputsT, ResultT
from edlrr_cli.pipelines.pages import page_of


def read_large_hole(job: AnyInpaintJob[InputsT, ResultT], image: LargeImage, page: int) -> LargeHole:
    """Return the hole of a page, perhaps without any pixel.

    Args:
        job: Its mask, boxes and settings of the mask are used.
        page: The number of the page, from 1.

    Raises:
        EdlrrError: A part cannot be read, or no pixel is left known.
    """
    parts = []
    if job.mask is not None:
        parts.append(_of_image(job, image) if is_own_mask(job.mask) else _of_file(job, job.mask, image, page))
    if job.boxes:
        parts.append(_of_boxes(job, image))
    if len(parts) == 1:
        hole = parts[0]
    else:
        evidence = "; ".join(part.evidence for part in parts)
        missing = parts[0].missing
        for part in parts[1:]:
            missing.add_all(part.missing)
        hole = LargeHole.from_bitmap(missing, parts[0].mode, f"{evidence}; together")
    if hole.missing_fraction == 1:
        raise InputError(f"the masks of {job.input} leave no pixel known", "mark less of the image")
    return hole


def _of_file(job: AnyInpaintJob[InputsT, ResultT], mask: Path, image: LargeImage, page: int) -> LargeHole:
    settings = job.settings.mask
    return read_large_mask(
        mask,
        image.size_px,
        mode=settings.mask_mode,
        threshold=settings.mask_threshold,
        dilate=settings.dilate,
        page=page_of(mask, "mask", job.input, page),
    )


def _of_image(job: AnyInpaintJob[InputsT, ResultT], image: LargeImage) -> LargeHole:
    missing = Bitmap(image.size_px)
    step = 1 if image.page.is_read_by_rows else image.page.segments.shape[0]
    for rows in bands_of(image.size_px, step):
        missing.add(rows, image.own_hole(job.own_mask, (rows, slice(0, image.size_px[1]))))
    grown = missing.dilated(job.settings.mask.dilate)
    return LargeHole.from_bitmap(grown, job.own_mask, OWN_NAMES[job.own_mask])


def _of_boxes(job: AnyInpaintJob[InputsT, ResultT], image: LargeImage) -> LargeHole:
    missing = Bitmap(image.size_px)
    for box in job.boxes:
        missing.fill(box.window(image.size_px))
    grown = missing.dilated(job.settings.mask.dilate)
    return LargeHole.from_bitmap(grown, "box", f"{len(job.boxes)} box{'es' * (len(job.boxes) > 1)}")
