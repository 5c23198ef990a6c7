"""One image to denoise: its files are checked and read, its noise is removed, the results are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edlrr_cli import __version__
from edlrr_cli.media.encoding import DEFAULT_ENCODING, Encoding
from edlrr_cli.media.figure import comparison_panels, write_figure
from edlrr_cli.media.images import read_image, read_reference
from edlrr_cli.media.outputs import keeps_pages, page_written
from edlrr_cli.media.preview import preview
from edlrr_cli.media.save import as_written, check_output, encoded_page, losses, save_image
from edlrr_cli.media.still_image import StillImage
from edlrr_cli.media.tiff_pages import StoredPage
from edlrr_cli.metrics import psnr, ssim
from edlrr_cli.pipelines.denoise.record import denoise_line, denoise_lines, noise_entries
from edlrr_cli.pipelines.denoisers import load_denoiser
from edlrr_cli.pipelines.failures import Record
from edlrr_cli.pipelines.job import Job, Monitor
from edlrr_cli.pipelines.noise_levels import NOISE_LEVELS, to_levels
from edlrr_cli.pipelines.pages import merged, page_of, read_further_page, refuse_files_of_one_page
from edlrr_cli.pipelines.panel import Comparison, Layer, Panel, compare_pages
from edlrr_cli.pipelines.targets import check_images
from edlrr_cli.tasks.denoise.config import Config

if TYPE_CHECKING:
    from edlrr_cli.tasks.denoise.run import Result

# Images up to this side may be denoised at once; larger ones keep a GPU busy by themselves.
_SMALL_PX = 512
# A bar for less would only flash up.
_SILENT_S = 1.0


@dataclass(frozen=True)
class Experiment:
    """Noise that is added to a clean image first.

    Attributes:
        level: Its standard deviation on 0..255; 0: none.
    """

    level: float = 0.0
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Inputs:
    """The contents of the input files: a page.

    Attributes:
        noisy: Its pixels, with the noise of an experiment, shape (h, w, c).
        notes: Notes on the file for the user, one phrase each.
        page: Number of the page, from 1.
    """

    image: StillImage
    noisy: NDArray[np.float64]
    clean: NDArray[np.float64] | None
    notes: list[str]
    page: int


@dataclass(frozen=True, eq=False)
class Denoised:
    """The results of all pages.

    Attributes:
        result: That of the first page.
        pages: Further pages as they are written, by their position in the file.
        records: The record of each further page.
    """

    result: Result
    pages: Mapping[int, StoredPage] = field(default_factory=dict)
    records: Sequence[Record] = ()


@dataclass(frozen=True, kw_only=True)
class DenoiseJob(Job[Inputs, Denoised]):
    """An image whose noise is removed.

    Attributes:
        model: Weights; None for the shipped ones.
        page: Page of a TIFF, or frame, from 1; None: the first, and in a TIFF all that are like it.
    """

    config: Config
    reference: Path | None = None
    model: Path | None = None
    page: int | None = None
    figure: Path | None = None
    encoding: Encoding = DEFAULT_ENCODING
    experiment: Experiment = Experiment()

    command = "denoise"
    unlisted = ("pages",)
    lines = staticmethod(denoise_lines)
    line = staticmethod(denoise_line)

    def read(self, monitor: Monitor) -> Inputs:
        """See `Job.read`."""
        check_images(
            self.output,
            (self.input, self.reference, self.model),
            figures={"figure": self.figure},
            overwrite=self.overwrite,
            encoding=self.encoding,
        )
        all_pages = self.page is None and keeps_pages(self.output, self.encoding)
        image = read_image(self.input, self.page or 1, with_similar=all_pages)
        check_output(self.output, overwrite=self.overwrite, like=image, encoding=self.encoding)
        refuse_files_of_one_page(self.input, image.similar_pages, figure=self.figure)
        inputs = self._inputs(image, self.page or 1)
        for note in inputs.notes:
            monitor.note(self.input, note)
        return inputs

    def _inputs(self, image: StillImage, page: int) -> Inputs:
        """Return a page and what belongs to it."""
        if image.visible is not None:
            image = image.within(np.ones(image.size_px, bool))
        clean = None
        if self.reference is not None:
            at = page_of(self.reference, "reference", self.input, page)
            clean = read_reference(self.reference, image, at)
        noisy, clean = _with_noise(image, clean, self.experiment)
        notes = [*image.notes, *losses(self.output, image, self.encoding)]
        if self.experiment.level:
            notes.append(f"noise of level {self.experiment.level:g} was added, as an experiment")
        return Inputs(image, noisy, clean, notes, page)

    def group(self, inputs: Inputs) -> tuple[int, ...] | None:
        """Return the shape of a small image, which may be denoised with others."""
        shape = inputs.noisy.shape
        is_batched = self.config.method == "network" and self.config.quality == "fast"
        is_alone = bool(inputs.image.similar_pages) or max(shape) > _SMALL_PX
        return shape if is_batched and not is_alone else None

    def compute(self, inputs: Inputs, monitor: Monitor) -> Denoised:
        """Denoise all pages by any method; further pages are read and encoded one after another."""
        denoised = self._denoised(inputs, monitor)
        pages, records = {}, []
        for number, position in inputs.image.similar_pages.items():
            further = self._inputs(read_further_page(self.input, number, inputs.image), number)
            for note in further.image.notes:
                monitor.note(self.input, f"page {number}: {note}")
            result = self._denoised(further, monitor)
            records.append(self._page_record(further, result, as_written(result.pixels, further.image)))
            like = replace(further.image, jpeg=None)
            pages[position] = encoded_page(self.output, result.pixels, like=like, encoding=self.encoding)
        return Denoised(denoised, pages, records)

    def _denoised(self, inputs: Inputs, monitor: Monitor) -> Result:
        """Denoise a page."""
        # torch is imported here, after all that can be refused without it.
        from edlrr_cli.tasks.denoise import run

        denoiser = load_denoiser(self.model) if self.config.method == "network" else None
        with monitor.progress("part", delay_s=_SILENT_S) as advance:
            return run.denoise(
                inputs.noisy, self.config, denoiser, progress=advance, visible=inputs.image.visible
            )

    def compute_each(self, inputs: Sequence[Inputs]) -> Sequence[Denoised]:
        """Denoise images of one shape."""
        from edlrr_cli.tasks.denoise.run import denoise_each

        results = denoise_each(
            [each.noisy for each in inputs],
            self.config,
            load_denoiser(self.model),
            visible=[each.image.visible for each in inputs],
        )
        return list(map(Denoised, results))

    def on_cpu(self) -> DenoiseJob:
        """See `Job.on_cpu`."""
        return replace(self, config=replace(self.config, device="cpu"))

    def write(self, inputs: Inputs, result: Denoised, monitor: Monitor) -> Record:
        """See `Job.write`."""
        pixels, others = result.result.pixels, inputs.image.other_pages.replaced(result.pages)
        # The coarse tables of a JPEG would bring back what was removed.
        like = replace(inputs.image, jpeg=None, other_pages=others)
        save_image(self.output, pixels, like=like, overwrite=self.overwrite, encoding=self.encoding)
        denoised = as_written(pixels, inputs.image)
        record = self._record([self._page_record(inputs, result.result, denoised), *result.records])
        for note in result.result.notes:
            monitor.note(self.input, note)
        if self.figure is not None:
            self._write_figure(self.figure, inputs, denoised, record)
        return record

    def _record(self, pages: Sequence[Record]) -> Record:
        """Return the record of a run from those of its pages."""
        config = self.config
        settings = {**asdict(config), "sigma": to_levels(config.sigma)}
        settings |= {"add_noise": self.experiment.level, "seed": self.experiment.seed}
        common = merged(pages)
        return {
            "status": "ok",
            "input": self.input,
            "page": common.pop("page"),
            "reference": self.reference,
            "output": self.output,
            "figure": self.figure,
            "model": self.model,
            **common,
            "settings": settings,
            "version": __version__,
            "notes": common["notes"],
        }

    def _page_record(self, inputs: Inputs, result: Result, denoised: NDArray[np.float64]) -> Record:
        """Return the record of a page."""
        return {
            "page": inputs.page,
            **noise_entries(result.noise, self.config),
            "device": result.device,
            "seconds": result.seconds,
            **_quality(inputs.noisy, denoised, inputs.clean),
            "notes": [*inputs.notes, *result.notes],
        }

    def _write_figure(
        self, path: Path, inputs: Inputs, denoised: NDArray[np.float64], record: Record
    ) -> None:
        captions = {"damaged": f"sigma {record['sigma']:.1f}", "restored": record["method"]}
        if inputs.clean is not None:
            captions["damaged"] += f", PSNR {record['psnr_input']:.2f} dB"
            captions["restored"] += f", PSNR {record['psnr']:.2f} dB"
        panels = comparison_panels(inputs.noisy.clip(0, 1), denoised, inputs.clean, captions=captions)
        write_figure(path, panels, overwrite=self.overwrite)

    @classmethod
    def panel(cls, record: Record, side_px: int) -> Panel:
        """See `Job.panel`."""
        return Panel(
            partial(compare_pages, record, partial(_comparison, record, side_px)), list(cls.lines(record))
        )


def _with_noise(
    image: StillImage, clean: NDArray[np.float64] | None, experiment: Experiment
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Return the pixels to denoise, and the clean ones if they are known."""
    if experiment.level == 0:
        return image.pixels, clean
    noise = np.random.default_rng(experiment.seed).standard_normal(image.pixels.shape)
    if image.visible is not None:
        noise[~image.visible] = 0
    noisy = image.pixels + experiment.level / NOISE_LEVELS * noise
    return noisy, image.pixels if clean is None else clean


def _quality(
    noisy: NDArray[np.float64], denoised: NDArray[np.float64], clean: NDArray[np.float64] | None
) -> dict[str, float | None]:
    if clean is None:
        return dict.fromkeys(("psnr_input", "psnr", "ssim_input", "ssim"))
    measured: dict[str, float | None] = {}
    for suffix, pixels in (("_input", noisy), ("", denoised)):
        measured[f"psnr{suffix}"] = psnr(pixels, clean, data_range=1.0)
        measured[f"ssim{suffix}"] = ssim(pixels, clean, data_range=1.0)
    return measured


def _comparison(record: Record, side_px: int, page: int, prefix: str) -> Comparison:
    """Read the images of a page; the noise of an experiment is drawn again."""
    settings = record["settings"]
    image, reference = read_image(record["input"], page), None
    if record["reference"] is not None:
        at = page_of(record["reference"], "reference", record["input"], page)
        reference = read_reference(record["reference"], image, at)
    noisy, clean = _with_noise(image, reference, Experiment(settings["add_noise"], settings["seed"]))
    left = [Layer(f"{prefix}noisy", preview(noisy, side_px))]
    if clean is not None:
        left.append(Layer(f"{prefix}clean", preview(clean, side_px)))
    output = record["output"]
    denoised = image.pixels_of(read_image(output, page_written(output, page)))
    return Comparison(left, [Layer(f"{prefix}denoised", preview(denoised, side_px))])
