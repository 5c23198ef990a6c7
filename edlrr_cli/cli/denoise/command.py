"""``edlrr denoise``: which pictures, in which manner, and what is told of them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edlrr_cli.cli.batch.carry_out import carry_out
from edlrr_cli.cli.batch.inputs import Input, companion
from edlrr_cli.cli.batch.options import Batch, Place, batch_options
from edlrr_cli.cli.batch.outcome import Record
from edlrr_cli.cli.batch.run import Work
from edlrr_cli.cli.denoise.options import denoising_options, resolve
from edlrr_cli.cli.denoise.stages import STAGES, Experiment, Files, Task, denoise_file
from edlrr_cli.cli.encoding import encoding_options
from edlrr_cli.cli.options import FILE, common_options, page_option, report_options
from edlrr_cli.cli.report.page import Kind
from edlrr_cli.cli.streams import INPUT, OUTPUT
from edlrr_cli.cli.targets import Targets
from edlrr_cli.errors import UsageError
from edlrr_cli.media.encoding import Encoding
from edlrr_cli.media.files import check_target

if TYPE_CHECKING:
    from edlrr_cli.cli.report.section import Section


@click.command(short_help="Remove noise from images.")
@click.argument("images", metavar="IMAGE...", type=INPUT, nargs=-1, required=True)
@click.option(
    "-o", "--output", type=OUTPUT, help="Result, or a folder. [default: IMAGE_denoised beside IMAGE]"
)
@click.option("--reference", type=INPUT, help="Clean image, or a folder, to measure PSNR and SSIM.")
@click.option("--figure", type=FILE, help="Also write a comparison, a .png.")
@click.option("--model", type=FILE, help="Weights made by edlrr train. [default: those that come with it]")
@encoding_options
@batch_options
@report_options
@page_option
@denoising_options
@click.option(
    "--add-noise",
    type=click.FloatRange(min=0, max=255),
    default=0.0,
    help="For experiments only: add noise of this level to a clean IMAGE before.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Of --add-noise. [default: 0]")
@common_options
def denoise(
    *,
    images: tuple[Path, ...],
    output: Path | None,
    reference: Path | None,
    figure: Path | None,
    model: Path | None,
    encoding: Encoding,
    batch: Batch,
    as_json: bool,
    overwrite: bool,
    quiet: bool,
    report: Path | None,
    add_noise: float,
    seed: int,
    **flags: Any,
) -> int:
    """Remove noise from each IMAGE, of a level that is estimated or said.

    \b
    edlrr denoise photo.png
    edlrr denoise photo.png --sigma 15 --strength 0.8 -o clean.png
    edlrr denoise photo.png --method lrr --reg exact-log
    edlrr denoise clean.png --add-noise 25 --figure compare.png --json
    cat photo.png | edlrr denoise - -o - > clean.png
    edlrr denoise photos --recursive -o clean --skip-existing --json

    White Gaussian noise of any level, gray or colour, 8 or 16 bit; transparency is kept. The network and
    its weights come with the program. Noise is never added to the picture unless --add-noise asks for it.
    - is standard input, and with -o standard output, which gets the picture alone, in the format of IMAGE or
    --format; the report goes to stderr then, that of --json too. Folders and patterns stand for the pictures
    in them; in a batch a picture that fails is told and the rest goes on, and the exit code is 1 then.
    """
    config = resolve(flags)
    if model is not None and config.method != "network":
        raise UsageError(f"--model is of the method network, not of {config.method}", "leave it out")
    place = Place(output, batch.suffix, "denoised", encoding.format)
    many = batch.includes(images)

    def task_of(of: Input, target: Path) -> Task:
        clean = reference and companion(reference, of, suffix="", what="reference")
        files = Files(of.path, clean, model)
        written = encoding.of_many(target) if many else encoding
        targets = Targets(target, figure, files.given, overwrite or batch.may_repeat, encoding=written)
        return Task(files, targets, config, Experiment(add_noise, seed), quiet or many)

    check = partial(check_target, overwrite=overwrite)
    return carry_out(
        images,
        task_of,
        place,
        batch,
        Work(denoise_file, _line_of, as_json=as_json, quiet=quiet, check=check, stages=STAGES),
        Kind("denoise", _section_of, _line_of, unlisted=()),
        lines_of=_lines_of,
        others=(reference, model),
        of_one={"--figure": figure},
        report=report,
        overwrite=overwrite,
        device=config.device,
    )


def _lines_of(record: Record) -> Iterator[tuple[str, str]]:
    from edlrr_cli.cli.denoise.report import denoise_lines

    return denoise_lines(record)


def _section_of(record: Record, side_px: int) -> Section:
    from edlrr_cli.cli.denoise.section import denoise_section

    return denoise_section(record, side_px=side_px)


def _line_of(record: Record) -> str:
    """Return what is told of one picture among many."""
    quality = [] if record["psnr"] is None else [f"PSNR {record['psnr']:.2f} dB"]
    return ", ".join(
        [*quality, f"noise {record['sigma']:.3g}, {record['seconds']:.1f} s on {record['device']}"]
    )
