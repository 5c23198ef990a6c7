"""``edlrr inpaint``: which pictures, in which manner, and what is told of them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edlrr_cli.cli.batch.carry_out import carry_out
from edlrr_cli.cli.batch.inputs import Input, companion, find_inputs
from edlrr_cli.cli.batch.options import Batch, Place, batch_options
from edlrr_cli.cli.batch.outcome import Record
from edlrr_cli.cli.batch.run import Work
from edlrr_cli.cli.encoding import encoding_options
from edlrr_cli.cli.inpaint.files import Files
from edlrr_cli.cli.inpaint.stages import STAGES, Task, restore_file
from edlrr_cli.cli.options import FILE, PRESET, common_options, page_option, report_options, setting_options
from edlrr_cli.cli.report.page import Kind
from edlrr_cli.cli.settings import Settings, preset_names, resolve
from edlrr_cli.cli.streams import INPUT, OUTPUT
from edlrr_cli.errors import UsageError
from edlrr_cli.media.encoding import Encoding
from edlrr_cli.media.files import check_target

if TYPE_CHECKING:
    from edlrr_cli.cli.report.section import Section


@click.command(short_help="Fill the missing pixels of images.")
@click.argument("images", metavar="IMAGE...", type=INPUT, nargs=-1, required=True)
@click.option("--mask", type=INPUT, required=True, help="Image that marks the hole, or a folder of them.")
@click.option(
    "--mask-suffix", default="", help="What a mask's name in the folder has after the image's stem."
)
@click.option(
    "-o", "--output", type=OUTPUT, help="Result, or a folder. [default: IMAGE_restored beside IMAGE]"
)
@click.option("--reference", type=INPUT, help="Clean image, or a folder, to measure PSNR and SSIM.")
@click.option("--figure", type=FILE, help="Also write a comparison, a .png.")
@click.option("--error-map", type=FILE, help="Also write the expected error of each pixel, a .png.")
@encoding_options
@batch_options
@report_options
@click.option("--config", "config_file", type=FILE, help="TOML file of settings, named like the options.")
@click.option("--preset", type=PRESET, help=f"One of {', '.join(preset_names())}.")
@page_option
@setting_options
@common_options
def inpaint(
    *,
    images: tuple[Path, ...],
    mask: Path,
    mask_suffix: str,
    output: Path | None,
    reference: Path | None,
    figure: Path | None,
    error_map: Path | None,
    encoding: Encoding,
    batch: Batch,
    as_json: bool,
    overwrite: bool,
    quiet: bool,
    config_file: Path | None,
    preset: str | None,
    report: Path | None,
    **flags: Any,
) -> int:
    """Fill the pixels of each IMAGE that its mask marks as missing.

    \b
    edlrr inpaint photo.png --mask mask.png
    edlrr inpaint photo.png --mask mask.png --preset text -o clean.png
    edlrr inpaint photo.png --mask mask.png --reference original.png --figure compare.png
    edlrr inpaint photo.png --mask mask.png --quality best --error-map error.png
    edlrr inpaint photo.png --mask mask.png --noise auto
    edlrr inpaint photo.png --mask mask.png --report page.html
    edlrr inpaint photo.png --mask mask.png --prior global --reg exact-laplace --json
    edlrr inpaint photo.png --mask mask.png --method irnn --tune
    edlrr inpaint scans --mask masks --recursive -o restored --skip-existing --json
    cat photo.png | edlrr inpaint - --mask mask.png -o - > clean.png
    edlrr inpaint scans/*.tif --mask scratches.png --suffix _clean --jobs 4

    - is standard input, and with -o standard output, which gets the picture alone, in the format of IMAGE or
    --format; the report goes to stderr then, that of --json too. Folders and patterns stand for the pictures
    in them. A mask in a folder is found by the image's stem. In a batch a picture that fails is told and the
    rest goes on; the exit code is 1 then. A flag wins over the --config file, the file over the preset, the
    preset over the default. The TOML keys are the option names with underscores, such as held_out = 0.02;
    noise is on 0..255 there too, and parameters are a table, [params]. The mask's polarity is found out, or
    refused if unclear: --mask-mode says it. Of a compared --method, --device and --seed are the only settings
    beside its own parameters and the mask's; others are refused, and so are presets of them.
    """
    settings = resolve(flags, config_file, preset)
    if error_map is not None:
        _check_error_map(settings)
    place = Place(output, batch.suffix, "restored", encoding.format)
    many = batch.includes(images)

    def task_of(of: Input, target: Path) -> Task:
        files = Files(
            image=of.path,
            mask=companion(mask, of, suffix=mask_suffix, what="mask"),
            reference=reference and companion(reference, of, suffix="", what="reference"),
            output=target,
            figure=figure,
            error_map=error_map,
            overwrite=overwrite or batch.may_repeat,
            encoding=encoding.of_many(target) if many else encoding,
        )
        return Task(files, settings, quiet=quiet or many)

    work = Work(
        restore_file,
        _line_of,
        as_json=as_json,
        quiet=quiet,
        check=partial(check_target, overwrite=overwrite),
        stages=STAGES,
        find=partial(find_inputs, leave_out=mask_suffix),
    )
    return carry_out(
        images,
        task_of,
        place,
        batch,
        work,
        Kind("inpaint", _section_of, _line_of, unlisted=("history",)),
        lines_of=_lines_of,
        others=(mask, reference),
        of_one={"--figure": figure, "--error-map": error_map},
        report=report,
        overwrite=overwrite,
        device=settings.config.device,
    )


def _lines_of(record: Record) -> Iterator[tuple[str, str]]:
    from edlrr_cli.cli.inpaint.report import inpaint_lines

    return inpaint_lines(record)


def _section_of(record: Record, side_px: int) -> Section:
    from edlrr_cli.cli.inpaint.section import inpaint_section

    return inpaint_section(record, side_px=side_px)


def _line_of(record: Record) -> str:
    """Return what is told of one picture among many."""
    quality = (record["psnr"], "PSNR"), (record["expected_psnr"], "expected PSNR")
    words = [f"{name} {value:.2f} dB" for value, name in quality if value is not None][:1]
    return ", ".join([*words, f"{record['seconds']:.1f} s on {record['device']}"])


def _check_error_map(settings: Settings) -> None:
    """Refuse to expect errors where nothing is judged."""
    if not settings.is_ours or settings.config.prior != "auto" or settings.config.noise != 0:
        raise UsageError("--error-map is of the prior auto without noise", "leave it out, or take that")
