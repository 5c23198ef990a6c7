"""One image that does not fit into memory: its regions are read from disk, restored, and written back."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from edlrr_cli.errors import UsageError
from edlrr_cli.media.formats import INFRARED
from edlrr_cli.media.large_image import LargeImage, LargeImages, fits_whole, is_large, open_large
from edlrr_cli.media.large_masks import LargeHole
from edlrr_cli.media.large_writer import PatchedImage, save_large
from edlrr_cli.media.outputs import copy_image, is_copy, keeps_pages
from edlrr_cli.media.save import check_output, losses
from edlrr_cli.media.streams import is_stream
from edlrr_cli.pipelines.failures import Record
from edlrr_cli.pipelines.inpaint.any_job import AnyInpaintJob
from edlrr_cli.pipelines.inpaint.job import InpaintJob
from edlrr_cli.pipelines.inpaint.large_hole import read_large_hole
from edlrr_cli.pipelines.inpaint.large_page import RestoredPage, restore_page
from edlrr_cli.pipelines.inpaint.record import NO_QUALITY, inpaint_record
from edlrr_cli.pipelines.job import Monitor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class LargeInputs:
    """The inputs of a page that is not in memory.

    Attributes:
        page: Number of the page, from 1.
        image_notes: Notes on the page, one phrase each.
    """

    page: int
    mask: LargeHole
    image_notes: tuple[str, ...]
    reference: NDArray[np.float64] | None = None

    @property
    def is_clean(self) -> bool:
        """Whether nothing of the page is missing."""
        return self.mask.missing_fraction == 0

    @property
    def notes(self) -> list[str]:
        """Return the notes on the files for the user, one phrase each."""
        return [*self.image_notes, f"mask: {self.mask.evidence}"]


@dataclass(frozen=True, eq=False)
class LargeRestored:
    """The results of all pages.

    Attributes:
        pages: What was restored of each page, by its number; the first one was read first.
        records: The record of each.
    """

    pages: dict[int, RestoredPage]
    records: list[Record]


@dataclass(frozen=True, kw_only=True)
class LargeInpaintJob(AnyInpaintJob[LargeInputs, LargeRestored]):
    """An image that is not in memory, and whose missing pixels are filled."""

    @property
    def obstacle(self) -> str:
        """Return what needs the whole image in memory; empty if nothing does."""
        settings = self.settings
        needs = {
            f"the output {self.output}, which is not a TIFF file,": not self.keeps_tiff,
            "--mask ir": self.own_mask == INFRARED,
            "--mask-color": settings.mask.mask_color is not None,
            "--reference": self.reference is not None,
            "--figure": self.figure is not None,
            "--error-map": self.error_map is not None,
            "--save-mask": self.save_mask is not None,
            "--prior global": settings.is_ours and settings.config.prior == "global",
            "--noise": settings.is_ours and settings.config.noise != 0,
        }
        return next((name for name, is_needed in needs.items() if is_needed), "")

    @property
    def keeps_tiff(self) -> bool:
        """Whether the output is a TIFF file."""
        return not is_stream(self.output) and keeps_pages(self.output, self.encoding)

    def read(self, monitor: Monitor) -> LargeInputs:
        """See `Job.read`; further pages are read when their turn comes."""
        self.check_files()
        if self.obstacle:
            raise UsageError(
                f"{self.input} is too large for the memory, and {self.obstacle} needs all of it",
                "crop it or leave that out",
            )
        with open_large(self.input) as images:
            image = images.image(self.page or 1, with_similar=self.takes_all_pages)
            check_output(self.output, overwrite=self.overwrite, like=image.like, encoding=self.encoding)
            inputs = self._inputs(image, self.page or 1)
        for note in inputs.image_notes:
            monitor.note(self.input, note)
        self.note_mask(inputs.mask.evidence, monitor)
        return inputs

    def _inputs(self, image: LargeImage, page: int) -> LargeInputs:
        hole, like = read_large_hole(self, image, page), image.like
        is_copied = hole.missing_fraction == 0 and not like.similar_pages
        if is_copied and is_copy(self.output, like, self.encoding):
            return LargeInputs(page, hole, ())
        return LargeInputs(page, hole, (*like.notes, *losses(self.output, like, self.encoding)))

    def compute(self, inputs: LargeInputs, monitor: Monitor) -> LargeRestored:
        """Fill the holes of all pages, one after another."""
        pages, records = {}, []
        with open_large(self.input) as images:
            first = images.image(inputs.page, with_similar=self.takes_all_pages)
            for number in (inputs.page, *first.like.similar_pages):
                is_first = number == inputs.page
                page = inputs if is_first else self._further_inputs(images, inputs, number, monitor)
                image = images.image(number, with_others=False)
                pages[number] = restore_page(image, page.mask, self.settings, monitor)
                records.append(self._page_record(page, pages[number]))
                for note in pages[number].result.notes:
                    monitor.note(self.input, note if is_first else f"page {number}: {note}")
        return LargeRestored(pages, records)

    def _further_inputs(
        self, images: LargeImages, first: LargeInputs, page: int, monitor: Monitor
    ) -> LargeInputs:
        inputs = self._inputs(images.image(page, with_others=False), page)
        notes = tuple(note for note in inputs.image_notes if note not in first.image_notes)
        for note in (*notes, inputs.mask.evidence):
            monitor.note(self.input, f"page {page}: {note}")
        return replace(inputs, image_notes=notes)

    def _page_record(self, inputs: LargeInputs, page: RestoredPage) -> Record:
        record = inpaint_record(inputs, self.settings, page.result, NO_QUALITY)
        return {**record, "expected_psnr": page.expected_psnr, "history": []}

    def write(self, inputs: LargeInputs, result: LargeRestored, monitor: Monitor) -> Record:
        """See `Job.write`."""
        is_clean = not any(page.patches for page in result.pages.values())
        if is_clean and self.skip_clean:
            return self.skipped(inputs.notes, monitor)
        with open_large(self.input) as images:
            first = images.image(inputs.page, with_similar=self.takes_all_pages)
            if is_clean and is_copy(self.output, first.like, self.encoding):
                copy_image(self.output, self.input, overwrite=self.overwrite)
            else:
                self._save(images, first, inputs.page, result)
        return {**self.record(result.records), "is_large": True}

    def _save(self, images: LargeImages, first: LargeImage, number: int, result: LargeRestored) -> None:
        further = {
            position: PatchedImage(images.image(page, with_others=False), result.pages[page].patches)
            for page, position in first.like.similar_pages.items()
        }
        save_large(
            self.output,
            PatchedImage(first, result.pages[number].patches),
            further,
            overwrite=self.overwrite,
            encoding=self.encoding,
        )


def fitting_job(job: InpaintJob) -> InpaintJob | LargeInpaintJob:
    """Return a job if its image fits into the memory, else the same one of an image that does not."""
    page = job.page or 1
    if not is_large(job.input, page):
        return job
    large = LargeInpaintJob(**{entry.name: getattr(job, entry.name) for entry in fields(AnyInpaintJob)})
    return job if large.obstacle and fits_whole(job.input, page) else large
