"""``edlrr inpaint``: parse, check the targets, read, restore, write, report."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edlrr_cli.cli.denoisers import load_denoiser
from edlrr_cli.cli.options import FILE, PRESET, common_options, report_options, setting_options
from edlrr_cli.cli.settings import NOISE_LEVELS, MaskSettings, Settings, preset_names, resolve
from edlrr_cli.cli.targets import Targets, beside
from edlrr_cli.cli.tell import tell
from edlrr_cli.cli.threads import spin_briefly
from edlrr_cli.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edlrr_cli.baselines.result import Progress as ComparedProgress
    from edlrr_cli.media.images import Picture
    from edlrr_cli.media.masks import MaskReading
    from edlrr_cli.tasks.compared import Compared
    from edlrr_cli.tasks.inpaint import Progress, Result

    Callback = Callable[[Progress | ComparedProgress], None]


@dataclass(frozen=True)
class Files:
    """The files of one run; absent ones are None."""

    image: Path
    mask: Path
    reference: Path | None
    output: Path
    figure: Path | None
    error_map: Path | None
    overwrite: bool

    @property
    def inputs(self) -> list[Path]:
        """Return the files that are read."""
        return [path for path in (self.image, self.mask, self.reference) if path is not None]


@dataclass(frozen=True, eq=False)
class Inputs:
    """What was read.

    Attributes:
        picture: The damaged picture.
        mask: Which of its pixels are known.
        reference: Clean pixels of the picture's shape, or None.
        notes: What the user should know about the files.
    """

    picture: Picture
    mask: MaskReading
    reference: NDArray[np.float64] | None
    notes: list[str]


@click.command(short_help="Fill the missing pixels of an image.")
@click.argument("image", type=FILE)
@click.option("--mask", type=FILE, required=True, help="Image of the same size that marks the hole.")
@click.option("-o", "--output", type=FILE, help="Result. [default: IMAGE_restored beside IMAGE]")
@click.option("--reference", type=FILE, help="Clean image of the same size, to measure PSNR and SSIM.")
@click.option("--figure", type=FILE, help="Also write a comparison, a .png.")
@click.option("--error-map", type=FILE, help="Also write the expected error of each pixel, a .png.")
@report_options
@click.option("--config", "config_file", type=FILE, help="TOML file of settings, named like the options.")
@click.option("--preset", type=PRESET, help=f"One of {', '.join(preset_names())}.")
@setting_options
@common_options
def inpaint(
    *,
    image: Path,
    mask: Path,
    output: Path | None,
    reference: Path | None,
    figure: Path | None,
    error_map: Path | None,
    as_json: bool,
    overwrite: bool,
    quiet: bool,
    config_file: Path | None,
    preset: str | None,
    **flags: Any,
) -> None:
    """Fill the pixels of IMAGE that the mask marks as missing.

    \b
    edlrr inpaint photo.png --mask mask.png
    edlrr inpaint photo.png --mask mask.png --preset text -o clean.png
    edlrr inpaint photo.png --mask mask.png --reference original.png --figure compare.png
    edlrr inpaint photo.png --mask mask.png --quality best --error-map error.png
    edlrr inpaint photo.png --mask mask.png --noise auto
    edlrr inpaint photo.png --mask mask.png --prior global --reg exact-laplace --json
    edlrr inpaint photo.png --mask mask.png --method irnn --tune
    edlrr inpaint photo.png --mask mask.png --method tv --param rtol=1e-4

    A flag wins over the --config file, the file over the preset, the preset over the default.
    The TOML keys are the option names with underscores, such as held_out = 0.02; noise is on
    0..255 there too, and parameters are a table, [params]. The mask's polarity is found out, or
    refused if unclear: --mask-mode says it. Of a compared --method, --device and --seed are the only
    settings beside its own parameters and the mask's; others are refused, and so are presets of them.
    """
    spin_briefly()
    settings = resolve(flags, config_file, preset)
    if error_map is not None:
        _check_error_map(settings)
    files = Files(image, mask, reference, output or beside(image, "restored"), figure, error_map, overwrite)
    Targets(files.output, figure, files.inputs, overwrite, error_map).check()
    inputs = read_inputs(files, settings.mask)
    if not quiet:
        for note in inputs.notes:
            click.echo(note, err=True)
    from edlrr_cli.cli.report import inpaint_lines

    record = _restore(files, inputs, settings, quiet=quiet)
    tell(record, inpaint_lines(record), as_json=as_json, quiet=quiet)


def _check_error_map(settings: Settings) -> None:
    """Refuse to expect errors where nothing is judged."""
    if not settings.is_ours or settings.config.prior != "auto" or settings.config.noise != 0:
        raise UsageError("--error-map is of the prior auto without noise", "leave it out, or take that")


def read_inputs(files: Files, mask_settings: MaskSettings) -> Inputs:
    """Read the picture, its mask and the reference.

    Raises:
        InputError: A file is unfit, or they do not fit together.
        OutputError: The output's format cannot hold the picture.
    """
    from edlrr_cli.media.images import check_output, read_picture, read_reference
    from edlrr_cli.media.masks import read_mask

    picture = read_picture(files.image)
    check_output(files.output, overwrite=files.overwrite, like=picture)
    mask = read_mask(
        files.mask,
        picture,
        mode=mask_settings.mask_mode,
        threshold=mask_settings.mask_threshold,
        dilate=mask_settings.dilate,
    )
    notes = [f"{files.image}: {note}" for note in picture.notes] + [f"{files.mask}: {mask.evidence}"]
    if files.reference is None:
        return Inputs(picture, mask, None, notes)
    return Inputs(picture, mask, read_reference(files.reference, picture), notes)


def _restore(files: Files, inputs: Inputs, settings: Settings, *, quiet: bool) -> dict[str, Any]:
    """Compute, write the outputs and return the record of it."""
    from edlrr_cli.cli.report import inpaint_record
    from edlrr_cli.media.images import as_written, save_picture

    shown = not quiet and sys.stderr.isatty()
    with _progress_bar(inputs.reference, shown=shown) as callback:
        result = _filled(inputs, settings, callback)
    save_picture(files.output, result.restored, like=inputs.picture, overwrite=files.overwrite)
    written = as_written(result.restored, inputs.picture)
    record = inpaint_record(files, inputs, settings, result, written)
    if files.error_map is not None:
        record["error_map_white"] = _write_error_map(files.error_map, result, overwrite=files.overwrite)
    if files.figure is not None:
        _write_figure(files.figure, inputs, written, record, overwrite=files.overwrite)
    return record


def _filled(inputs: Inputs, settings: Settings, callback: Callback | None) -> Result | Compared:
    """Fill the hole by the chosen method."""
    from edlrr_cli.tasks import compared, restore

    image, known, config = inputs.picture.pixels, inputs.mask.known, settings.config
    if settings.is_ours:
        denoiser = load_denoiser() if config.prior == "network" or config.noise != 0 else None
        return restore.restore(image, known, config, denoiser=denoiser, callback=callback)
    return compared.inpaint_by(
        settings.choice.method,
        image,
        known,
        params=settings.choice.params,
        tuned=settings.choice.tune,
        device=config.device,
        seed=config.seed,
        callback=callback,
    )


@contextmanager
def _progress_bar(reference: NDArray[np.float64] | None, *, shown: bool) -> Iterator[Callback | None]:
    """Yield a callback that draws on stderr, or None if nothing is to be drawn.

    The bar starts anew with each run of a tuning. Compared methods tell no picture, hence no PSNR.
    """
    if not shown:
        yield None
        return
    from tqdm import tqdm

    from edlrr_cli.metrics import psnr
    from edlrr_cli.tasks.inpaint import Progress

    with tqdm(file=sys.stderr, unit="step", leave=False, dynamic_ncols=True) as bar:

        def advance(progress: Progress | ComparedProgress) -> None:
            numbers = {"loss": f"{progress.loss:.4g}"}
            if reference is not None and isinstance(progress, Progress):
                numbers["PSNR"] = f"{psnr(progress.current(), reference, data_range=1.0):.2f}"
            if progress.step < bar.n:
                bar.reset()
            bar.total = progress.num_steps
            bar.update(progress.step - bar.n)
            bar.set_postfix(numbers)

        yield advance


def _write_error_map(path: Path, result: Result | Compared, *, overwrite: bool) -> float:
    """Write it and return the error that white stands for, on 0..255."""
    import numpy as np

    from edlrr_cli.media.error_map import write_error_map
    from edlrr_cli.tasks.inpaint import Result

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
