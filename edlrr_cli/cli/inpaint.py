"""``edlrr inpaint``: from flags to jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edlrr_cli.cli.job_options import BATCH, OUTPUT, job_options
from edlrr_cli.cli.options import FILE, PRESET, Parsed, common_options, setting_options
from edlrr_cli.cli.restore_options import (
    CLIPS,
    RestoreCommand,
    RestoreOptions,
    encoding_options,
    figure_option,
    file_options,
    page_option,
)
from edlrr_cli.cli.run import run_jobs
from edlrr_cli.cli.streams import STREAM_IN
from edlrr_cli.errors import UsageError
from edlrr_cli.media.boxes import Box, parse_box
from edlrr_cli.media.formats import INFRARED, is_own_mask
from edlrr_cli.pipelines.destination import Destination
from edlrr_cli.pipelines.inpaint.settings import Settings, preset_names, resolve_settings
from edlrr_cli.pipelines.inpaint_clips.settings import Settings as ClipSettings
from edlrr_cli.pipelines.inputs import Input, Selection, scans

_SECTIONS = {
    "Input and mask": (
        *("mask", "boxes", "mask_suffix", "mask_mode", "mask_threshold", "mask_color", "sensitivity"),
        *("dilate", "page", "reference"),
    ),
    "Output": OUTPUT,
    "Clips": CLIPS,
    "Batch": BATCH,
    "Restoration": (
        *("preset", "config_file", "method", "tune", "params", "prior", "quality", "noise", "time_budget"),
        *("device", "seed"),
    ),
    "Advanced": (),
}


@click.command(
    cls=RestoreCommand, sections=_SECTIONS, short_help="Fill the missing pixels of images and clips."
)
@click.option(
    "--mask",
    type=STREAM_IN,
    help="Image that marks the hole, or a folder of them; of a clip also a video or a folder, one per frame. "
    "nan: pixels without a value; alpha: transparent pixels of IMAGE; ir: dust in its infrared plane.",
)
@click.option(
    "--box",
    "boxes",
    type=Parsed("x,y,w,h[@start-stop]", parse_box),
    multiple=True,
    help="Missing rectangle, in pixels or percent; of a clip from a time to a time. Repeat for more.",
)
@click.option(
    "--mask-suffix", default="", help="Suffix of the masks' names in a folder, after the image's stem."
)
@file_options("restored")
@page_option
@figure_option
@click.option("--error-map", type=FILE, help="Also write the expected error of each pixel, a .png.")
@click.option("--save-mask", type=FILE, help="Also write the hole, white on black, a .png.")
@encoding_options
@click.option(
    "--skip-clean", is_flag=True, help="Write nothing for images of which nothing is missing; else a copy."
)
@job_options
@click.option("--config", "config_file", type=FILE, help="TOML file of settings, named like the options.")
@click.option("--preset", type=PRESET, help=f"One of {', '.join(preset_names())}.")
@setting_options
@common_options
def inpaint(
    *,
    given: RestoreOptions,
    mask: Path | None,
    boxes: tuple[Box, ...],
    mask_suffix: str,
    page: int | None,
    error_map: Path | None,
    save_mask: Path | None,
    skip_clean: bool,
    config_file: Path | None,
    preset: str | None,
    **flags: Any,
) -> int:
    """Fill the pixels of each IMAGE or clip that its mask, or a box, marks as missing.

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
    edlrr inpaint photo.jpg --box 70%,90%,30%,10%
    edlrr inpaint painted.png --mask-color '#f0f' --save-mask hole.png
    edlrr inpaint heights.tif --mask nan
    edlrr inpaint film --mask ir -o clean --skip-clean
    edlrr inpaint clip.mp4 --mask logo.png -o clean.mp4
    edlrr inpaint clip.mp4 --box 10,20,200,40@00:05-00:12 --codec ffv1 -o clean.mkv
    edlrr inpaint clip.mp4 --mask masks.mp4 --resume --report clean.html

    - is standard input, and with -o standard output, which receives only the image, in the format of IMAGE or
    --format; the report goes to stderr then, that of --json too. Folders and patterns stand for the images
    in them. A mask in a folder is found by the image's stem. Failures are reported; the batch continues, and
    its exit code is 1. A flag wins over the --config file, the file over the preset, the preset over the
    default. The TOML keys are the option names with underscores, such as held_out = 0.02; noise is on 0..255
    there too, and parameters are a table, [params]. The polarity of the mask is detected, or refused if
    unclear; --mask-mode sets it. A baseline --method has only --device, --seed, its own parameters and the
    options of the mask; other settings, and presets of them, are refused.

    Of a TIFF all pages of one size and kind are restored, the others are kept; a mask has one page for all,
    or one for each page. An image of which nothing is missing is copied, with a note. A TIFF that does not
    fit into memory is restored in regions that are read from disk.

    A clip is a video file. Its hole is filled from the frames that show what is behind it, and otherwise by
    one restored image, without flicker. Audio, subtitles, chapters and tags are copied. A folder of masks
    stands for the frames of a single clip unless it has a mask of the clip's name. Until a clip is complete,
    its finished parts are in OUTPUT.parts; after Ctrl-C --resume continues after them.
    """
    settings = resolve_settings(flags, config_file, preset)
    if mask is None and not boxes and settings.mask.mask_color is None:
        raise UsageError("nothing marks the hole", "give --mask, --box or --mask-color")
    of_infrared = mask is not None and str(mask) == INFRARED and is_own_mask(mask)
    if flags["sensitivity"] is not None and not of_infrared:
        raise UsageError("--sensitivity is for --mask ir", "leave it out")
    if given.of_clips():
        given.refuse_for_clips(
            {
                "--error-map": error_map,
                "--page": page,
                f"--mask {mask}": mask is not None and is_own_mask(mask),
                "--mask-color": settings.mask.mask_color,
                "--save-mask": save_mask,
                "--skip-clean": skip_clean,
            }
        )
        clip_settings = ClipSettings(settings, given.clip.encoding)
        from edlrr_cli.pipelines.inpaint_clips.job import InpaintClipJob

        return given.run_clips(
            InpaintClipJob,
            "restored",
            clip_settings,
            device=settings.config.device,
            also_read=(mask,),
            leave_out=(mask_suffix,),
            own=lambda clips, source: {
                "mask": clips.companion(mask, source, what="mask", suffix=mask_suffix),
                "boxes": boxes,
            },
        )
    given.refuse_for_images()
    if error_map is not None:
        _check_error_map(settings)
    from edlrr_cli.pipelines.inpaint.job import InpaintJob
    from edlrr_cli.pipelines.inpaint.large_job import LargeInpaintJob, fitting_job

    options, encoding = given.options, given.encoding
    select = scans if of_infrared else Selection
    selection = select(given.images, recursive=given.recursive, leave_out=(mask_suffix,))
    many = options.batch.is_batch(selection)

    def make_job(source: Input, target: Path) -> InpaintJob | LargeInpaintJob:
        job = InpaintJob(
            input=source.path,
            output=target,
            overwrite=options.overwrite,
            mask=selection.companion(mask, source, what="mask", suffix=mask_suffix),
            boxes=boxes,
            settings=settings,
            reference=selection.companion(given.reference, source, what="reference"),
            page=page,
            figure=given.figure,
            error_map=error_map,
            save_mask=save_mask,
            skip_clean=skip_clean,
            encoding=encoding.for_batch(target) if many else encoding,
        )
        return fitting_job(job)

    return run_jobs(
        InpaintJob,
        make_job,
        selection,
        Destination(given.output, options.suffix, "restored", encoding.format),
        options,
        device=settings.config.device,
        also_read=(mask, given.reference),
        single_only={"--figure": given.figure, "--error-map": error_map, "--save-mask": save_mask},
    )


def _check_error_map(settings: Settings) -> None:
    """Refuse to estimate errors where nothing is held out."""
    if not settings.is_ours or settings.config.prior != "auto" or settings.config.noise != 0:
        raise UsageError("--error-map needs the prior auto without noise", "leave it out, or use that prior")
