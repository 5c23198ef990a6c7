"""``edlrr inpaint``: which pictures, in which manner, and what is told of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from edlrr_cli.cli.batch.inputs import Input, check_different, companion, find_inputs, is_batch
from edlrr_cli.cli.batch.options import Place, batch_options, jobs_for, make_folders
from edlrr_cli.cli.batch.run import Manner, Record, error_record, run_batch
from edlrr_cli.cli.inpaint.files import Files
from edlrr_cli.cli.inpaint.single import Task, restore_file
from edlrr_cli.cli.options import FILE, PRESET, common_options, report_options, setting_options
from edlrr_cli.cli.settings import Settings, preset_names, resolve
from edlrr_cli.cli.tell import tell
from edlrr_cli.errors import EXIT_OK, InputError, UsageError


@click.command(short_help="Fill the missing pixels of images.")
@click.argument("images", metavar="IMAGE...", type=FILE, nargs=-1, required=True)
@click.option("--mask", type=FILE, required=True, help="Image that marks the hole, or a folder of them.")
@click.option(
    "--mask-suffix", default="", help="What a mask's name in the folder has after the image's stem."
)
@click.option("-o", "--output", type=FILE, help="Result, or a folder. [default: IMAGE_restored beside IMAGE]")
@click.option("--reference", type=FILE, help="Clean image, or a folder, to measure PSNR and SSIM.")
@click.option("--figure", type=FILE, help="Also write a comparison, a .png.")
@click.option("--error-map", type=FILE, help="Also write the expected error of each pixel, a .png.")
@batch_options
@report_options
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
    figure: Path | None,
    error_map: Path | None,
    recursive: bool,
    suffix: str | None,
    skip_existing: bool,
    dry_run: bool,
    jobs: int | None,
    as_json: bool,
    overwrite: bool,
    quiet: bool,
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
    edlrr inpaint photo.png --mask mask.png --prior global --reg exact-laplace --json
    edlrr inpaint photo.png --mask mask.png --method irnn --tune
    edlrr inpaint scans --mask masks --recursive -o restored --skip-existing --json
    edlrr inpaint scans/*.tif --mask scratches.png --suffix _clean --jobs 4

    Folders and patterns stand for the pictures in them. A mask in a folder is found by the image's stem. In
    a batch a picture that fails is told and the rest goes on; the exit code is 1 then. A flag wins over the
    --config file, the file over the preset, the preset over the default. The TOML keys are the option names
    with underscores, such as held_out = 0.02; noise is on 0..255 there too, and parameters are a table,
    [params]. The mask's polarity is found out, or refused if unclear: --mask-mode says it. Of a compared
    --method, --device and --seed are the only settings beside its own parameters and the mask's; others are
    refused, and so are presets of them.
    """
    settings = resolve(flags, config_file, preset)
    if error_map is not None:
        _check_error_map(settings)
    place = Place(output, suffix, "restored")
    given = _Given(mask, mask_suffix, reference, place, settings, overwrite)
    if not is_batch(images) and not (skip_existing or dry_run):
        task = given.task(Input(images[0]), place.of_one(Input(images[0])))
        files = replace(task.files, figure=figure, error_map=error_map)
        record = restore_file(replace(task, files=files, quiet=quiet, with_bar=not quiet))
        _tell_one(record, as_json=as_json, quiet=quiet)
        return EXIT_OK
    if figure is not None or error_map is not None:
        raise UsageError("--figure and --error-map are of one picture", "leave them out of a batch")
    found = find_inputs(images, recursive=recursive, leave_out=mask_suffix)
    tasks, failed = given.tasks(found)
    if not dry_run:
        make_folders(task.output for task in tasks)
    jobs = jobs or jobs_for(len(tasks), settings.config.device)
    manner = Manner(jobs, skip_existing, dry_run, as_json, quiet)
    return run_batch(tasks, restore_file, _line_of, manner, failed)


@dataclass(frozen=True)
class _Given:
    """What was said for all pictures."""

    mask: Path
    mask_suffix: str
    reference: Path | None
    place: Place
    settings: Settings
    overwrite: bool

    def tasks(self, inputs: Sequence[Input]) -> tuple[list[Task], list[Record]]:
        """Return what is to be done, and what cannot be since a file is missing."""
        tasks, failed = [], []
        for of in inputs:
            try:
                tasks.append(self.task(of, self.place.of_many(of)))
            except InputError as error:
                failed.append(error_record(of.path, error))
        check_different([task.output for task in tasks])
        return tasks, failed

    def task(self, of: Input, output: Path) -> Task:
        """Return what is to be done with one picture."""
        mask = companion(self.mask, of, suffix=self.mask_suffix, what="mask")
        reference = self.reference and companion(self.reference, of, suffix="", what="reference")
        files = Files(of.path, mask, reference, output, None, None, self.overwrite)
        return Task(files, self.settings, quiet=True)


def _tell_one(record: Record, *, as_json: bool, quiet: bool) -> None:
    from edlrr_cli.cli.inpaint.report import inpaint_lines

    tell(record, inpaint_lines(record), as_json=as_json, quiet=quiet)


def _line_of(record: Record) -> str:
    """Return what is told of one picture among many."""
    quality = (record["psnr"], "PSNR"), (record["expected_psnr"], "expected PSNR")
    words = [f"{name} {value:.2f} dB" for value, name in quality if value is not None][:1]
    return ", ".join([*words, f"{record['seconds']:.1f} s on {record['device']}"])


def _check_error_map(settings: Settings) -> None:
    """Refuse to expect errors where nothing is judged."""
    if not settings.is_ours or settings.config.prior != "auto" or settings.config.noise != 0:
        raise UsageError("--error-map is of the prior auto without noise", "leave it out, or take that")
