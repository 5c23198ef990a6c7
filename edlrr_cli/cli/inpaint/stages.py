"""A picture, or several of one shape: check the targets, read, restore, write, and the record of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edlrr_cli.cli.batch.outcome import Record
from edlrr_cli.cli.batch.together import Stages
from edlrr_cli.cli.denoisers import load_denoiser
from edlrr_cli.cli.inpaint.files import Files, Inputs, read_inputs
from edlrr_cli.cli.inpaint.history import History
from edlrr_cli.cli.memory import or_on_cpu
from edlrr_cli.cli.settings import NOISE_LEVELS, Settings
from edlrr_cli.cli.targets import Targets
from edlrr_cli.cli.tell import draws_progress, log_notes
from edlrr_cli.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edlrr_cli.baselines.result import Progress as ComparedProgress
    from edlrr_cli.tasks.inpaint.compared import Compared
    from edlrr_cli.tasks.inpaint.config import Config
    from edlrr_cli.tasks.inpaint.picture import Progress, Result

    Callback = Callable[[Progress | ComparedProgress], None]
    Restored = tuple[Result | Compared, History]


@dataclass(frozen=True)
class Task:
    """One picture to restore.

    Attributes:
        files: Read and written.
        settings: As merged.
        quiet: Leave out notes about the files, and progress.
    """

    files: Files
    settings: Settings
    quiet: bool


def restore_file(task: Task) -> Record:
    """Restore one picture and return the record of it; every fault is found before anything is written.

    Raises:
        EdlrrError: A file, a setting or the computation.
    """
    return STAGES.run(task)


def _read(task: Task) -> Inputs:
    """Check the targets, and read."""
    files = task.files
    targets = files.output, files.figure, files.inputs, files.overwrite, files.error_map, files.encoding
    Targets(*targets).check()
    inputs = read_inputs(files, task.settings.mask)
    if not task.quiet:
        log_notes(files.image, [*inputs.picture.notes, *inputs.losses])
        log_notes(files.mask, [inputs.mask.evidence])
    return inputs


def _shape_of(task: Task, inputs: Inputs) -> tuple[int, ...] | None:
    """Return the shape of a picture that may be restored with others, None of one that is by itself."""
    from edlrr_cli.tasks.inpaint.windows import is_small

    shape: tuple[int, ...] = inputs.picture.pixels.shape
    return shape if task.settings.is_ours and is_small(inputs.mask.known) else None


def _restore_each(pairs: Sequence[tuple[Task, Inputs]]) -> list[Restored]:
    """Restore pictures of one shape, by the same settings."""
    from edlrr_cli.tasks.inpaint.picture import Damaged
    from edlrr_cli.tasks.inpaint.restore import restore_each

    config = pairs[0][0].settings.config
    histories = [History() for _ in pairs]
    pictures = [
        Damaged(inputs.picture.pixels, inputs.mask.known, callback=history, visible=inputs.picture.visible)
        for (_, inputs), history in zip(pairs, histories, strict=True)
    ]
    denoiser = load_denoiser() if config.needs_denoiser else None
    return list(zip(restore_each(pictures, config, denoiser=denoiser), histories, strict=True))


def _restore(task: Task, inputs: Inputs) -> Restored:
    """Restore one picture of any size by any method, with a bar, on the CPU if the GPU is too small."""

    def computed(config: Config) -> Restored:
        history = History(drawn)
        return _filled(inputs, replace(task.settings, config=config), history), history

    with _progress_bar(inputs.reference, shown=draws_progress(quiet=task.quiet)) as drawn:
        return or_on_cpu(computed, task.settings.config)


def _write(task: Task, inputs: Inputs, restored: Restored) -> Record:
    """Write the outputs and return the record of it."""
    from edlrr_cli.cli.inpaint.report import inpaint_record
    from edlrr_cli.media.save import as_written, save_picture

    files, (result, history) = task.files, restored
    if not task.quiet:
        log_notes(files.image, result.notes)
    save_picture(
        files.output,
        result.restored,
        like=inputs.picture,
        overwrite=files.overwrite,
        encoding=files.encoding,
    )
    written = as_written(result.restored, inputs.picture)
    record = inpaint_record(files, inputs, task.settings, result, written)
    record["history"] = history.as_record(result)
    if files.error_map is not None:
        record["error_map_white"] = _write_error_map(files.error_map, result, overwrite=files.overwrite)
    if files.figure is not None:
        _write_figure(files.figure, inputs, written, record, overwrite=files.overwrite)
    return record


STAGES = Stages(_read, _shape_of, _restore_each, _restore, _write)
"""What `restore_file` does, for several pictures at once."""


def _filled(inputs: Inputs, settings: Settings, callback: Callback) -> Result | Compared:
    """Fill the hole by the chosen method."""
    from edlrr_cli.tasks.inpaint import compared, restore

    image, known, config = inputs.picture.pixels, inputs.mask.known, settings.config
    visible = inputs.picture.visible
    if settings.is_ours:
        denoiser = load_denoiser() if config.needs_denoiser else None
        return restore.restore(image, known, config, denoiser=denoiser, callback=callback, visible=visible)
    return compared.inpaint_by(
        settings.choice.method,
        image,
        known,
        params=settings.choice.params,
        tuned=settings.choice.tune,
        device=config.device,
        seed=config.seed,
        callback=callback,
        visible=visible,
    )


@contextmanager
def _progress_bar(reference: NDArray[np.float64] | None, *, shown: bool) -> Iterator[Callback | None]:
    """Yield a callback that draws on stderr, or None if nothing is to be drawn.

    The bar starts anew with each run of a tuning. Compared methods tell no picture, and windows of large ones
    a part of it, hence no PSNR.
    """
    if not shown:
        yield None
        return
    from tqdm import tqdm

    from edlrr_cli.metrics import psnr
    from edlrr_cli.tasks.inpaint.picture import WINDOWS, Progress

    with tqdm(file=sys.stderr, unit="step", leave=False, dynamic_ncols=True) as bar:

        def advance(progress: Progress | ComparedProgress) -> None:
            numbers = {"loss": f"{progress.loss:.4g}"}
            if reference is not None and isinstance(progress, Progress):
                current = progress.current()
                if current.shape == reference.shape:
                    numbers["PSNR"] = f"{psnr(current, reference, data_range=1.0):.2f}"
            if progress.step < bar.n:
                bar.reset()
            bar.total = progress.num_steps
            if isinstance(progress, Progress) and progress.stage == WINDOWS:
                bar.unit = "window"
            bar.update(progress.step - bar.n)
            bar.set_postfix(numbers)

        yield advance


def _write_error_map(path: Path, result: Result | Compared, *, overwrite: bool) -> float:
    """Write it and return the error that white stands for, on 0..255."""
    import numpy as np

    from edlrr_cli.media.error_map import write_error_map
    from edlrr_cli.tasks.inpaint.picture import Result

    if not isinstance(result, Result) or result.error is None:
        raise UsageError("--error-map: too few known pixels to judge by", "leave it out")
    return NOISE_LEVELS * write_error_map(path, np.asarray(result.error), overwrite=overwrite)


def _write_figure(
    path: Path, inputs: Inputs, written: NDArray[np.float64], record: dict[str, Any], *, overwrite: bool
) -> None:
    from edlrr_cli.media.figure import comparison_panels, write_figure

    captions = {
        "damaged": f"{100 * record['missing_fraction']:.3g} % missing",
        "restored": record["reg"] or record["title"],
    }
    if inputs.reference is not None:
        captions["damaged"] += f", PSNR {record['psnr_input']:.2f} dB"
        captions["restored"] += f", PSNR {record['psnr']:.2f} dB"
    panels = comparison_panels(inputs.picture.pixels, written, inputs.reference, captions=captions)
    write_figure(path, panels, overwrite=overwrite)
