"""A picture, or several of one shape: check the targets, read, denoise, write, and the record of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edlrr_cli.cli.batch.outcome import Record
from edlrr_cli.cli.batch.together import Stages
from edlrr_cli.cli.denoisers import load_denoiser
from edlrr_cli.cli.memory import or_on_cpu
from edlrr_cli.cli.settings import NOISE_LEVELS
from edlrr_cli.cli.targets import Targets
from edlrr_cli.cli.tell import draws_progress, log_notes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edlrr_cli.media.images import Picture
    from edlrr_cli.tasks.denoise.config import Config
    from edlrr_cli.tasks.denoise.progress import Progress
    from edlrr_cli.tasks.denoise.run import Result

# Pictures up to this side may be denoised at once; larger ones keep a GPU busy by themselves.
_SMALL_PX = 512
# A bar for less would only flash up.
_SILENT_S = 1.0


@dataclass(frozen=True)
class Files:
    """The files that are read; absent ones are None."""

    image: Path
    reference: Path | None
    model: Path | None

    @property
    def given(self) -> list[Path]:
        """Return those there are."""
        return [path for path in (self.image, self.reference, self.model) if path is not None]


@dataclass(frozen=True)
class Experiment:
    """Noise that is added to a clean picture first.

    Attributes:
        level: Its standard deviation on 0..255; 0: none.
        seed: Of the noise.
    """

    level: float
    seed: int


@dataclass(frozen=True)
class Task:
    """One picture to denoise.

    Attributes:
        files: Read.
        targets: Written.
        config: The settings.
        experiment: Noise that is added first.
        quiet: Leave out notes about the files, and progress.
    """

    files: Files
    targets: Targets
    config: Config
    experiment: Experiment
    quiet: bool


@dataclass(frozen=True, eq=False)
class Inputs:
    """What was read.

    Attributes:
        picture: As it is in the file.
        noisy: Its pixels, with the noise of an experiment.
        clean: Pixels without noise, if they are known.
        notes: What the user should know about the file, one phrase each.
    """

    picture: Picture
    noisy: NDArray[np.float64]
    clean: NDArray[np.float64] | None
    notes: list[str]


def denoise_file(task: Task) -> Record:
    """Denoise one picture and return the record of it; every fault is found before anything is written.

    Raises:
        EdlrrError: A file, a setting or the computation.
    """
    return STAGES.run(task)


def _read(task: Task) -> Inputs:
    """Check the targets, and read."""
    files, targets = task.files, task.targets
    targets.check()
    import numpy as np

    from edlrr_cli.media.images import read_picture, read_reference
    from edlrr_cli.media.save import check_output, losses

    picture = read_picture(files.image)
    if picture.visible is not None:
        picture = picture.within(np.ones(picture.size_px, bool))
    check_output(targets.output, overwrite=targets.overwrite, like=picture, encoding=targets.encoding)
    clean = None if files.reference is None else read_reference(files.reference, picture)
    noisy, clean = with_noise(picture, clean, task.experiment)
    lost = losses(targets.output, picture, targets.encoding)
    notes = [*picture.notes, *lost, *_notes(task.experiment)]
    _log_notes(task, notes)
    return Inputs(picture, noisy, clean, notes)


def _log_notes(task: Task, notes: Sequence[str]) -> None:
    if not task.quiet:
        log_notes(task.files.image, notes)


def _shape_of(task: Task, inputs: Inputs) -> tuple[int, ...] | None:
    """Return the shape of a picture that may be denoised with others, None of one that is by itself."""
    shape = inputs.noisy.shape
    return shape if task.config.method == "network" and max(shape) <= _SMALL_PX else None


def _denoise_each(pairs: Sequence[tuple[Task, Inputs]]) -> list[Result]:
    """Denoise pictures of one shape, by the same settings."""
    from edlrr_cli.tasks.denoise.run import denoise_each

    first, _ = pairs[0]
    return denoise_each(
        [inputs.noisy for _, inputs in pairs],
        first.config,
        load_denoiser(first.files.model),
        visible=[inputs.picture.visible for _, inputs in pairs],
    )


def _denoise(task: Task, inputs: Inputs) -> Result:
    """Denoise one picture of any size by any method, with a bar, on the CPU if the GPU is too small."""
    # torch is imported here, after all that can be refused without it.
    from edlrr_cli.tasks.denoise import run

    denoiser = load_denoiser(task.files.model) if task.config.method == "network" else None
    with _progress_bar(shown=draws_progress(quiet=task.quiet)) as progress:
        return or_on_cpu(
            lambda config: run.denoise(
                inputs.noisy, config, denoiser, progress=progress, visible=inputs.picture.visible
            ),
            task.config,
        )


def _write(task: Task, inputs: Inputs, result: Result) -> Record:
    """Write the outputs and return the record of it."""
    from edlrr_cli.cli.denoise.report import Pictures, denoise_record, write_comparison
    from edlrr_cli.media.save import as_written, save_picture

    targets = task.targets
    save_picture(
        targets.output,
        result.pixels,
        like=inputs.picture,
        overwrite=targets.overwrite,
        encoding=targets.encoding,
    )
    _log_notes(task, result.notes)
    pictures = Pictures(inputs.noisy, as_written(result.pixels, inputs.picture), inputs.clean)
    record = denoise_record(task.files, targets, task.config, task.experiment, result, pictures)
    record["notes"] = [*inputs.notes, *result.notes]
    if targets.figure is not None:
        write_comparison(targets.figure, pictures, record, overwrite=targets.overwrite)
    return record


STAGES = Stages(_read, _shape_of, _denoise_each, _denoise, _write)
"""What `denoise_file` does, for several pictures at once."""


def with_noise(
    picture: Picture, clean: NDArray[np.float64] | None, experiment: Experiment
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Return the pixels to denoise, and the clean ones if they are known."""
    if experiment.level == 0:
        return picture.pixels, clean
    import numpy as np

    noise = np.random.default_rng(experiment.seed).standard_normal(picture.pixels.shape)
    if picture.visible is not None:
        noise[~picture.visible] = 0
    noisy = picture.pixels + experiment.level / NOISE_LEVELS * noise
    return noisy, picture.pixels if clean is None else clean


def _notes(experiment: Experiment) -> Iterator[str]:
    if experiment.level:
        yield f"noise of level {experiment.level:g} was added, as an experiment"


@contextmanager
def _progress_bar(*, shown: bool) -> Iterator[Progress | None]:
    """Yield a callback that draws on stderr what takes long, or None if nothing is to be drawn."""
    if not shown:
        yield None
        return
    from tqdm import tqdm

    with tqdm(file=sys.stderr, unit="part", leave=False, delay=_SILENT_S, dynamic_ncols=True) as bar:

        def advance(number: int, count: int) -> None:
            bar.total = count
            bar.update(number - bar.n)

        yield advance
