"""``edlrr inpaint``: from flags to jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edlrr_cli.cli.job_options import BATCH, OUTPUT, JobCommand, encoding_options, job_options, page_option
from edlrr_cli.cli.options import FILE, PRESET, common_options, setting_options
from edlrr_cli.cli.run import RunOptions, run_jobs
from edlrr_cli.cli.streams import STREAM_IN, STREAM_OUT
from edlrr_cli.errors import UsageError
from edlrr_cli.media.encoding import Encoding
from edlrr_cli.pipelines.destination import Destination
from edlrr_cli.pipelines.inpaint.settings import Settings, preset_names, resolve_settings
from edlrr_cli.pipelines.inputs import Input, Selection, companion

_SECTIONS = {
    "Input and mask": (
        *("mask", "mask_suffix", "mask_mode", "mask_threshold", "dilate", "page", "reference"),
    ),
    "Output": OUTPUT,
    "Batch": BATCH,
    "Restoration": (
        *("preset", "config_file", "method", "tune", "params", "prior", "quality", "noise", "time_budget"),
        *("device", "seed"),
    ),
    "Advanced": (),
}


@click.command(cls=JobCommand, sections=_SECTIONS, short_help="Fill the missing pixels of images.")
@click.argument("images", metavar="IMAGE...", type=STREAM_IN, nargs=-1, required=True)
@click.option("--mask", type=STREAM_IN, required=True, help="Image that marks the hole, or a folder of them.")
@click.option(
    "--mask-suffix", default="", help="Suffix of the masks' names in a folder, after the image's stem."
)
@click.option(
    "-o", "--output", type=STREAM_OUT, help="Result, or a folder. [default: IMAGE_restored beside IMAGE]"
)
@click.option("--reference", type=STREAM_IN, help="Clean image, or a folder, to measure PSNR and SSIM.")
@page_option
@click.option("--figure", type=FILE, help="Also write a comparison, a .png.")
@click.option("--error-map", type=FILE, help="Also write the expected error of each pixel, a .png.")
@encoding_options
@job_options
@click.option("--config", "config_file", type=FILE, help="TOML file of settings, named like the options.")
@click.option("--preset", type=PRESET, help=f"One of {', '.join(preset_names())}.")
@setting_options
@common_options
def inpaint(
    *,
    images: tuple[Path, ...],
    mask: Path,
    mask_suffix: str,
    output: Path | None,
    reference: Path | None,
    page: int,
    figure: Path | None,
    error_map: Path | None,
    encoding: Encoding,
    options: RunOptions,
    config_file: Path | None,
    preset: str | None,
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

    - is standard input, and with -o standard output, which receives only the image, in the format of IMAGE or
    --format; the report goes to stderr then, that of --json too. Folders and patterns stand for the images
    in them. A mask in a folder is found by the image's stem. Failures are reported; the batch continues, and
    its exit code is 1. A flag wins over the --config file, the file over the preset, the preset over the
    default. The TOML keys are the option names with underscores, such as held_out = 0.02; noise is on 0..255
    there too, and parameters are a table, [params]. The polarity of the mask is detected, or refused if
    unclear; --mask-mode sets it. A baseline --method has only --device, --seed, its own parameters and the
    options of the mask; other settings, and presets of them, are refused.
    """
    settings = resolve_settings(flags, config_file, preset)
    if error_map is not None:
        _check_error_map(settings)
    from edlrr_cli.pipelines.inpaint.job import InpaintJob

    selection = Selection(images, recursive=options.batch.recursive, leave_out=mask_suffix)
    many = options.batch.is_batch(selection)

    def make_job(source: Input, target: Path) -> InpaintJob:
        return InpaintJob(
            input=source.path,
            output=target,
            overwrite=options.overwrite,
            mask=companion(mask, source, suffix=mask_suffix, what="mask"),
            settings=settings,
            reference=reference and companion(reference, source, suffix="", what="reference"),
            page=page,
            figure=figure,
            error_map=error_map,
            encoding=encoding.for_batch(target) if many else encoding,
        )

    return run_jobs(
        InpaintJob,
        make_job,
        selection,
        Destination(output, options.suffix, "restored", encoding.format),
        options,
        device=settings.config.device,
        also_read=(mask, reference),
        single_only={"--figure": figure, "--error-map": error_map},
    )


def _check_error_map(settings: Settings) -> None:
    """Refuse to estimate errors where nothing is held out."""
    if not settings.is_ours or settings.config.prior != "auto" or settings.config.noise != 0:
        raise UsageError("--error-map needs the prior auto without noise", "leave it out, or use that prior")
