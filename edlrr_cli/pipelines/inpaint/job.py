"""One image to restore: its files are checked and read, its hole is filled, and the results are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.errors import InputError, UsageError
from edlrr_cli.media.error_map import write_error_map
from edlrr_cli.media.figure import comparison_panels, write_figure
from edlrr_cli.media.formats import ALPHA, INFRARED
from edlrr_cli.media.images import read_image, read_reference
from edlrr_cli.media.infrared import without_plane
from edlrr_cli.media.outputs import copy_image, is_copy
from edlrr_cli.media.save import (
    as_written,
    check_output,
    encoded_page,
    losses,
    save_image,
    write_png,
)
from edlrr_cli.media.still_image import StillImage
from edlrr_cli.media.tiff_pages import StoredPage
from edlrr_cli.metrics import psnr
from edlrr_cli.pipelines.failures import Record
from edlrr_cli.pipelines.inpaint.any_job import AnyInpaintJob
from edlrr_cli.pipelines.inpaint.history import History
from edlrr_cli.pipelines.inpaint.inputs import Inputs, read_hole
from edlrr_cli.pipelines.inpaint.method import denoiser_of, restore_image
from edlrr_cli.pipelines.inpaint.record import inpaint_record, quality_of
from edlrr_cli.pipelines.job import Advance, Monitor
from edlrr_cli.pipelines.noise_levels import NOISE_LEVELS
from edlrr_cli.pipelines.pages import page_of, read_further_page, refuse_files_of_one_page

if TYPE_CHECKING:
    from edlrr_cli.baselines.result import Progress as BaselineProgress
    from edlrr_cli.tasks.inpaint.baseline import BaselineResult
    from edlrr_cli.tasks.inpaint.problem import Progress, Result


@dataclass(frozen=True, eq=False)
class Restored:
    """A result, and the history of its computation.

    Attributes:
        pages: Further pages as they are written, by their position in the file.
        records: The record of each further page.
    """

    result: Result | BaselineResult
    history: History
    pages: Mapping[int, StoredPage] = field(default_factory=dict)
    records: Sequence[Record] = ()


@dataclass(frozen=True, kw_only=True)
class InpaintJob(AnyInpaintJob[Inputs, Restored]):
    """An image whose missing pixels are filled, and which is held in memory."""

    @property
    def _marks(self) -> str:
        """Return what marks the hole, for messages."""
        return "the hole" if self.mask is None else f"mask {self.mask}"

    def read(self, monitor: Monitor) -> Inputs:
        """See `Job.read`."""
        self.check_files()
        image = read_image(self.input, self.page or 1, with_similar=self.takes_all_pages)
        check_output(self.output, overwrite=self.overwrite, like=image, encoding=self.encoding)
        if self.own_mask == INFRARED:
            image = without_plane(image)
        refuse_files_of_one_page(
            self.input,
            image.similar_pages,
            figure=self.figure,
            error_map=self.error_map,
            save_mask=self.save_mask,
        )
        inputs = self._inputs(image, self.page or 1)
        for note in (*inputs.image.notes, *inputs.losses):
            monitor.note(self.input, note)
        self.note_mask(inputs.mask.evidence, monitor)
        return inputs

    def _inputs(self, image: StillImage, page: int) -> Inputs:
        """Return a page and what belongs to it."""
        mask = read_hole(self.input, image, self.mask, self.boxes, self.settings.mask, page)
        if image.visible is not None and not (image.visible & mask.known).any():
            raise InputError(
                f"{self._marks} leaves no pixel of {self.input} known that is not transparent",
                "mark less of the image",
            )
        if self.own_mask == ALPHA:
            image = image.opaque(~mask.known)
        image = image.within(mask.known)
        reference = None
        if self.reference is not None:
            at = page_of(self.reference, "reference", self.input, page)
            reference = read_reference(self.reference, image, at)
        if mask.known.all() and not image.similar_pages and is_copy(self.output, image, self.encoding):
            return Inputs(replace(image, notes=()), mask, reference, (), page)
        return Inputs(image, mask, reference, losses(self.output, image, self.encoding), page)

    def group(self, inputs: Inputs) -> tuple[int, ...] | None:
        """Return the shape of a small image, which may be restored with others."""
        from edlrr_cli.tasks.inpaint.windows import is_small

        if inputs.is_clean or inputs.image.similar_pages or not self.settings.is_ours:
            return None
        shape: tuple[int, ...] = inputs.image.pixels.shape
        return shape if is_small(inputs.mask.known) else None

    def compute(self, inputs: Inputs, monitor: Monitor) -> Restored:
        """Fill the holes of all pages by the chosen method.

        Further pages are read and encoded one after another; encoded they are small.
        """
        restored = self._restored(inputs, monitor)
        pages, records = {}, []
        for number, position in inputs.image.similar_pages.items():
            further = self._further_inputs(inputs, number, monitor)
            result = self._restored(further, monitor)
            records.append(self._page_record(further, result))
            if not further.is_clean:
                pages[position] = encoded_page(
                    self.output, result.result.restored, like=further.image, encoding=self.encoding
                )
        return replace(restored, pages=pages, records=records)

    def _further_inputs(self, first: Inputs, page: int, monitor: Monitor) -> Inputs:
        """Read a further page."""
        inputs = self._inputs(read_further_page(self.input, page, first.image), page)
        for note in (*inputs.image.notes, inputs.mask.evidence):
            monitor.note(self.input, f"page {page}: {note}")
        return inputs

    def _restored(self, inputs: Inputs, monitor: Monitor) -> Restored:
        """Fill the hole of a page."""
        from edlrr_cli.tasks.inpaint.baseline import unchanged

        if inputs.is_clean:
            return Restored(unchanged(inputs.image.pixels), History())
        with monitor.progress("step") as advance:
            history = History(None if advance is None else _reported(advance, inputs.reference))
            result = restore_image(
                inputs.image,
                inputs.mask.known,
                self.settings,
                denoiser=denoiser_of(self.settings),
                callback=history,
            )
        return Restored(result, history)

    def compute_each(self, inputs: Sequence[Inputs]) -> list[Restored]:
        """Restore images of one shape."""
        from edlrr_cli.tasks.inpaint.problem import InpaintProblem
        from edlrr_cli.tasks.inpaint.restore import restore_each

        histories = [History() for _ in inputs]
        problems = [
            InpaintProblem(each.image.pixels, each.mask.known, callback=history, visible=each.image.visible)
            for each, history in zip(inputs, histories, strict=True)
        ]
        results = restore_each(problems, self.settings.config, denoiser=denoiser_of(self.settings))
        return list(map(Restored, results, histories))

    def write(self, inputs: Inputs, result: Restored, monitor: Monitor) -> Record:
        """See `Job.write`."""
        is_clean = inputs.is_clean and not result.pages
        if is_clean and self.skip_clean:
            return self.skipped(inputs.notes, monitor)
        for note in result.result.notes:
            monitor.note(self.input, note)
        if is_clean and is_copy(self.output, inputs.image, self.encoding):
            copy_image(self.output, self.input, overwrite=self.overwrite)
        else:
            like = replace(inputs.image, other_pages=inputs.image.other_pages.replaced(result.pages))
            save_image(
                self.output,
                result.result.restored,
                like=like,
                overwrite=self.overwrite,
                encoding=self.encoding,
            )
        record = self.record([self._page_record(inputs, result), *result.records])
        if self.error_map is not None:
            record["error_map_white"] = self._write_error_map(self.error_map, inputs, result.result)
        if self.save_mask is not None:
            write_png(self.save_mask, np.uint8(255) * ~inputs.mask.known[..., None])
        if self.figure is not None:
            self._write_figure(self.figure, inputs, as_written(result.result.restored, inputs.image), record)
        return record

    def _page_record(self, inputs: Inputs, restored: Restored) -> Record:
        result = restored.result
        written = as_written(result.restored, inputs.image)
        history = restored.history.as_record(result)
        record = inpaint_record(inputs, self.settings, result, quality_of(inputs, written))
        return {**record, "history": history}

    def _write_error_map(self, path: Path, inputs: Inputs, result: Result | BaselineResult) -> float:
        """Write the error map and return the error that white represents, on 0..255."""
        from edlrr_cli.tasks.inpaint.problem import Result

        error = np.zeros(inputs.image.size_px) if inputs.is_clean else None
        if isinstance(result, Result) and result.error is not None:
            error = np.asarray(result.error)
        if error is None:
            raise UsageError("--error-map: too few known pixels to judge by", "leave it out")
        return NOISE_LEVELS * write_error_map(path, error, overwrite=self.overwrite)

    def _write_figure(self, path: Path, inputs: Inputs, written: NDArray[np.float64], record: Record) -> None:
        captions = {
            "damaged": f"{100 * record['missing_fraction']:.3g} % missing",
            "restored": record["reg"] or record["title"],
        }
        if inputs.reference is not None:
            captions["damaged"] += f", PSNR {record['psnr_input']:.2f} dB"
            captions["restored"] += f", PSNR {record['psnr']:.2f} dB"
        panels = comparison_panels(inputs.image.pixels, written, inputs.reference, captions=captions)
        write_figure(path, panels, overwrite=self.overwrite)


def _reported(
    advance: Advance, reference: NDArray[np.float64] | None
) -> Callable[[Progress | BaselineProgress], None]:
    """Return a callback that reports the loss, and the PSNR where the whole image is known at each step.

    Baselines give no image, and the windows of a large image a part of it.
    """
    from edlrr_cli.tasks.inpaint.problem import WINDOWS, Progress

    def report(progress: Progress | BaselineProgress) -> None:
        text = f"loss={progress.loss:.4g}"
        if reference is not None and isinstance(progress, Progress):
            current = progress.current()
            if current.shape == reference.shape:
                text += f", PSNR={psnr(current, reference, data_range=1.0):.2f}"
        windows = isinstance(progress, Progress) and progress.stage == WINDOWS
        advance(progress.step, progress.num_steps, text=text, unit="window" if windows else "")

    return report
