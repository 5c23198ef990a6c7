"""``edlrr inpaint``: from flags to jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edlrr_cli.cli.clip_options import (
    CLIPS,
    clip_options,
    encoding_of_clips,
    refuse_for_clips,
    refuse_for_images,
)
from edlrr_cli.cli.job_options import BATCH, OUTPUT, JobCommand, encoding_options, job_options
from edlrr_cli.cli.options import FILE, PRESET, Parsed, common_options, setting_options
from edlrr_cli.cli.run import RunOptions, run_jobs
from edlrr_cli.cli.streams import STREAM_IN, STREAM_OUT, refuse_streams
from edlrr_cli.errors import UsageError
from edlrr_cli.media.boxes import Box, parse_box
from edlrr_cli.media.codecs import CONTAINERS
from edlrr_cli.media.encoding import Encoding
from edlrr_cli.media.formats import INFRARED, is_own_mask
from edlrr_cli.pipelines.clips.settings import Settings as ClipSettings
from edlrr_cli.pipelines.destination import Destination
from edlrr_cli.pipelines.inpaint.settings import Settings, preset_names, resolve_settings
from edlrr_cli.pipelines.inputs import Input, Selection, companion, scans

_SECTIONS = {
    "Input and mask": (
        *(
            "mask",
            "boxes",
            "mask_suffix",
            "mask_mode",
            "mask_threshold",
            "mask_color",
            "sensitivity",
            "dilate",
            "page",
            "reference",
        ),
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


@click.command(cls=JobCommand, sections=_SECTIONS, short_help="Fill the missing pixels of images and clips.")
@click.argument("images", metavar="IMAGE...", type=STREAM_IN, nargs=-1, required=True)
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
@click.option(
    "-o", "--output", type=STREAM_OUT, help="Result, or a folder. [default: IMAGE_restored beside IMAGE]"
)
@click.option(
    "--reference",
    type=STREAM_IN,
    help="Clean image or clip, or a folder, to measure the PSNR, and of images the SSIM.",
)
@click.option(
    "--page",
    type=click.IntRange(min=1),
    help="Page of a TIFF to restore; the others are kept. [default: all of one size and kind]",
)
@click.option("--figure", type=FILE, help="Also write a comparison, a .png.")
@click.option("--error-map", type=FILE, help="Also write the expected error of each pixel, a .png.")
@click.option("--save-mask", type=FILE, help="Also write the hole, white on black, a .png.")
@encoding_options(*CONTAINERS)
@clip_options
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
    images: tuple[Path, ...],
    mask: Path | None,
    boxes: tuple[Box, ...],
    mask_suffix: str,
    output: Path | None,
    reference: Path | None,
    page: int | None,
    figure: Path | None,
    error_map: Path | None,
    save_mask: Path | None,
    skip_clean: bool,
    encoding: Encoding,
    codec: str | None,
    crf: int | None,
    resume: bool,
    options: RunOptions,
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
    or one for each page. An image of which nothing is missing is copied, with a note.

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
    from edlrr_cli.pipelines.clips.sources import are_clips

    if are_clips(images, recursive=options.batch.recursive):
        marks = {
            f"--mask {mask}": mask is not None and is_own_mask(mask),
            "--mask-color": settings.mask.mask_color,
            "--save-mask": save_mask,
            "--skip-clean": skip_clean,
        }
        files = {"--figure": figure, "--error-map": error_map, "--page": page}
        refuse_for_clips(encoding, {**files, **marks})
        return _fill_clips(
            images,
            mask,
            boxes,
            mask_suffix,
            output,
            reference,
            ClipSettings(settings, encoding_of_clips(codec, crf)),
            encoding.format,
            resume,
            options,
        )
    refuse_for_images(encoding, codec, crf, resume=resume)
    if error_map is not None:
        _check_error_map(settings)
    from edlrr_cli.pipelines.inpaint.job import InpaintJob

    select = scans if of_infrared else Selection
    selection = select(images, recursive=options.batch.recursive, leave_out=(mask_suffix,))
    many = options.batch.is_batch(selection)

    def make_job(source: Input, target: Path) -> InpaintJob:
        return InpaintJob(
            input=source.path,
            output=target,
            overwrite=options.overwrite,
            mask=mask and companion(mask, source, suffix=mask_suffix, what="mask"),
            boxes=boxes,
            settings=settings,
            reference=reference and companion(reference, source, suffix="", what="reference"),
            page=page,
            figure=figure,
            error_map=error_map,
            save_mask=save_mask,
            skip_clean=skip_clean,
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
        single_only={"--figure": figure, "--error-map": error_map, "--save-mask": save_mask},
    )


def _fill_clips(
    clips: tuple[Path, ...],
    mask: Path | None,
    boxes: tuple[Box, ...],
    mask_suffix: str,
    output: Path | None,
    reference: Path | None,
    settings: ClipSettings,
    container: str | None,
    resume: bool,
    options: RunOptions,
) -> int:
    refuse_streams((mask, output, reference))
    from edlrr_cli.pipelines.clips.job import ClipJob
    from edlrr_cli.pipelines.clips.sources import ClipDestination, ClipSelection, companion_of

    selection = ClipSelection(clips, recursive=options.batch.recursive, leave_out=(mask_suffix,))
    many = selection.is_batch

    def make_job(source: Input, target: Path) -> ClipJob:
        return ClipJob(
            input=source.path,
            output=target,
            overwrite=options.overwrite,
            mask=mask and companion_of(mask, source, what="mask", suffix=mask_suffix, many=many),
            reference=reference and companion_of(reference, source, what="reference", suffix="", many=many),
            boxes=boxes,
            settings=settings,
            resume=resume,
            with_previews=options.report is not None,
        )

    return run_jobs(
        ClipJob,
        make_job,
        selection,
        ClipDestination(output, options.suffix, "restored", container, settings.encoding),
        options,
        device=settings.inpaint.config.device,
        also_read=(mask, reference),
    )


def _check_error_map(settings: Settings) -> None:
    """Refuse to estimate errors where nothing is held out."""
    if not settings.is_ours or settings.config.prior != "auto" or settings.config.noise != 0:
        raise UsageError("--error-map needs the prior auto without noise", "leave it out, or use that prior")
