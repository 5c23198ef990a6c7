"""One picture: check the targets, read, denoise, write, and the record of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edlrr_cli.cli.denoisers import load_denoiser
from edlrr_cli.cli.memory import or_on_cpu
from edlrr_cli.cli.settings import NOISE_LEVELS
from edlrr_cli.cli.targets import Targets
from edlrr_cli.cli.tell import draws_progress
from edlrr_cli.cli.threads import spin_briefly

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edlrr_cli.media.images import Picture
    from edlrr_cli.tasks.denoise.config import Config
    from edlrr_cli.tasks.denoise.progress import Progress
    from edlrr_cli.tasks.denoise.run import Result

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


def denoise_file(task: Task) -> dict[str, Any]:
    """Denoise one picture and return the record of it; every fault is found before anything is written.

    Raises:
        EdlrrError: A file, a setting or the computation.
    """
    spin_briefly()
    files, targets, config, experiment = task.files, task.targets, task.config, task.experiment
    targets.check()
    from edlrr_cli.cli.denoise.report import Pictures, denoise_record, write_comparison
    from edlrr_cli.media.save import as_written, save_picture

    picture, clean = _read(files, targets)
    noisy, clean = with_noise(picture, clean, experiment)
    if not task.quiet:
        for note in (*picture.notes, *_notes(experiment)):
            click.echo(f"{files.image}: {note}", err=True)
    result = _denoised(noisy, config, files.model, shown=draws_progress(quiet=task.quiet))
    save_picture(
        targets.output,
        result.pixels,
        like=picture,
        overwrite=targets.overwrite,
        encoding=targets.encoding,
    )
    pictures = Pictures(noisy, as_written(result.pixels, picture), clean)
    record = denoise_record(files, targets, config, experiment, result, pictures)
    if targets.figure is not None:
        write_comparison(targets.figure, pictures, record, overwrite=targets.overwrite)
    return record


def _read(files: Files, targets: Targets) -> tuple[Picture, NDArray[np.float64] | None]:
    """Return the picture, and the pixels of the reference if there is one."""
    from edlrr_cli.media.images import read_picture, read_reference
    from edlrr_cli.media.save import check_output

    picture = read_picture(files.image)
    check_output(targets.output, overwrite=targets.overwrite, like=picture, encoding=targets.encoding)
    return picture, None if files.reference is None else read_reference(files.reference, picture)


def _denoised(noisy: NDArray[np.float64], config: Config, model: Path | None, *, shown: bool) -> Result:
    """Denoise by the chosen method; torch is imported here, after all that can be refused without it."""
    from edlrr_cli.tasks.denoise import run as task

    denoiser = load_denoiser(model) if config.method == "network" else None
    with _progress_bar(shown=shown) as progress:
        return or_on_cpu(lambda config: task.denoise(noisy, config, denoiser, progress=progress), config)


def with_noise(
    picture: Picture, clean: NDArray[np.float64] | None, experiment: Experiment
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Return the pixels to denoise, and the clean ones if they are known."""
    if experiment.level == 0:
        return picture.pixels, clean
    import numpy as np

    noise = np.random.default_rng(experiment.seed).standard_normal(picture.pixels.shape)
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
