"""``edlrr denoise``: from flags to jobs; noise is on 0..255 in flags, on [0, 1] in `Config`."""

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
from edlrr_cli.cli.job_options import BATCH, OUTPUT, JobCommand, encoding_options, job_options, page_option
from edlrr_cli.cli.options import FILE, REG, Name, NoiseLevel, common_options, options_of
from edlrr_cli.cli.run import RunOptions, run_jobs
from edlrr_cli.cli.streams import STREAM_IN, STREAM_OUT, refuse_streams
from edlrr_cli.errors import UsageError
from edlrr_cli.media.codecs import CONTAINERS
from edlrr_cli.media.encoding import Encoding
from edlrr_cli.pipelines.denoise_clips.settings import Settings as ClipSettings
from edlrr_cli.pipelines.destination import Destination
from edlrr_cli.pipelines.inputs import Input, Selection, companion
from edlrr_cli.pipelines.noise_levels import AUTO, NOISE_LEVELS
from edlrr_cli.tasks.checks import require
from edlrr_cli.tasks.denoise.config import METHODS, NOISE_TYPES, QUALITIES, Config

_HELP = {
    "method": "network: a trained network; lrr: the low-rank penalty on groups of similar patches; "
    f"baselines: {', '.join(METHODS[2:])}.",
    "sigma": "Standard deviation of the noise on 0..255. [default: auto, estimated]",
    "noise_type": "What the estimate looks for: white noise, or that of photographs, which is correlated. "
    "auto: by its correlation in color images, white in gray ones.",
    "quality": "Effort of the method network: itself; low rank of patches guided by it; or a blend with lrr.",
    "strength": "Factor of the noise level; more smooths more, 0 leaves the image as it is.",
    "reg": "Penalty of the method lrr; 'edlrr show regs' lists them. [default: the method's own]",
    "gamma": "Its shape. [default: the penalty's own]",
    "device": "auto, cpu, cuda or cuda:N.",
}

_KINDS = {
    "method": Name("method", lambda: METHODS),
    "sigma": NoiseLevel(),
    "noise_type": click.Choice(NOISE_TYPES),
    "quality": click.Choice(QUALITIES),
    "reg": REG,
}


_SECTIONS = {"Options": (), "Output": OUTPUT, "Clips": CLIPS, "Batch": BATCH}


@click.command(cls=JobCommand, sections=_SECTIONS, short_help="Remove noise from images and clips.")
@click.argument("images", metavar="IMAGE...", type=STREAM_IN, nargs=-1, required=True)
@click.option(
    "-o", "--output", type=STREAM_OUT, help="Result, or a folder. [default: IMAGE_denoised beside IMAGE]"
)
@click.option(
    "--reference",
    type=STREAM_IN,
    help="Clean image or clip, or a folder, to measure the PSNR, and of images the SSIM.",
)
@page_option
@click.option("--figure", type=FILE, help="Also write a comparison, a .png.")
@click.option("--model", type=FILE, help="Weights made by edlrr train. [default: the shipped ones]")
@encoding_options(*CONTAINERS)
@clip_options
@job_options
@options_of((Config,), _HELP, _KINDS)
@click.option(
    "--add-noise",
    type=click.FloatRange(min=0, max=255),
    default=0.0,
    help="For experiments only: add noise of this level to a clean IMAGE before.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Seed of --add-noise. [default: 0]")
@common_options
def denoise(
    *,
    images: tuple[Path, ...],
    output: Path | None,
    reference: Path | None,
    page: int,
    figure: Path | None,
    model: Path | None,
    encoding: Encoding,
    codec: str | None,
    crf: int | None,
    resume: bool,
    options: RunOptions,
    add_noise: float,
    seed: int,
    **flags: Any,
) -> int:
    """Remove noise from each IMAGE or clip, of a level that is estimated or given.

    \b
    edlrr denoise photo.png
    edlrr denoise photo.png --sigma 15 --strength 0.8 -o clean.png
    edlrr denoise photo.png --method lrr --reg exact-log
    edlrr denoise clean.png --add-noise 25 --figure compare.png --json
    cat photo.png | edlrr denoise - -o - > clean.png
    edlrr denoise photos --recursive -o clean --skip-existing --json
    edlrr denoise clip.mp4 --quality best -o clean.mp4

    White Gaussian noise of any level and the noise of photographs, gray or color, 8 or 16 bit; transparency
    is kept. The network and its weights are installed with the package. Noise is only added to the image if
    --add-noise asks for it.
    - is standard input, and with -o standard output, which receives only the image, in the format of IMAGE or
    --format; the report goes to stderr then, that of --json too. Folders and patterns stand for the images
    in them. Failures are reported; the batch continues, and its exit code is 1.

    A clip is a video file. Its noise is estimated once for a window of frames. Each frame is denoised as an
    image, with --quality best and white noise with its neighbors. Audio, subtitles, chapters and tags are
    copied. Until a clip is complete, its finished parts are in OUTPUT.parts; after Ctrl-C --resume continues
    after them.
    """
    config = resolve(flags)
    if model is not None and config.method != "network":
        raise UsageError(
            f"--model is an option of the method network, not of {config.method}", "leave it out"
        )
    from edlrr_cli.pipelines.clips.sources import are_clips

    if are_clips(images, recursive=options.batch.recursive):
        experiment = {"--add-noise": add_noise > 0, "--seed": seed > 0}
        refuse_for_clips(encoding, {"--figure": figure, "--page": page > 1, **experiment})
        settings = ClipSettings(config, encoding_of_clips(codec, crf))
        return _denoise_clips(images, output, reference, model, settings, encoding.format, resume, options)
    refuse_for_images(encoding, codec, crf, resume=resume)
    from edlrr_cli.pipelines.denoise import DenoiseJob, Experiment

    selection = Selection(images, recursive=options.batch.recursive)
    many = options.batch.is_batch(selection)

    def make_job(source: Input, target: Path) -> DenoiseJob:
        return DenoiseJob(
            input=source.path,
            output=target,
            overwrite=options.overwrite,
            config=config,
            reference=reference and companion(reference, source, suffix="", what="reference"),
            model=model,
            page=page,
            figure=figure,
            encoding=encoding.for_batch(target) if many else encoding,
            experiment=Experiment(add_noise, seed),
        )

    return run_jobs(
        DenoiseJob,
        make_job,
        selection,
        Destination(output, options.suffix, "denoised", encoding.format),
        options,
        device=config.device,
        also_read=(reference, model),
        single_only={"--figure": figure},
    )


def _denoise_clips(
    clips: tuple[Path, ...],
    output: Path | None,
    reference: Path | None,
    model: Path | None,
    settings: ClipSettings,
    container: str | None,
    resume: bool,
    options: RunOptions,
) -> int:
    refuse_streams((output, reference))
    from edlrr_cli.pipelines.clips.sources import ClipDestination, ClipSelection, companion_of
    from edlrr_cli.pipelines.denoise_clips.job import DenoiseClipJob

    selection = ClipSelection(clips, recursive=options.batch.recursive)
    many = selection.is_batch

    def make_job(source: Input, target: Path) -> DenoiseClipJob:
        return DenoiseClipJob(
            input=source.path,
            output=target,
            overwrite=options.overwrite,
            reference=reference and companion_of(reference, source, what="reference", suffix="", many=many),
            settings=settings,
            model=model,
            resume=resume,
            with_previews=options.report is not None,
        )

    return run_jobs(
        DenoiseClipJob,
        make_job,
        selection,
        ClipDestination(output, options.suffix, "denoised", container, settings.encoding),
        options,
        device=settings.config.device,
        also_read=(reference, model),
    )


def resolve(flags: dict[str, Any]) -> Config:
    """Return the settings that the flags ask for; None means that the flag was not given.

    Raises:
        UsageError: A value is outside its domain, or is of another method.
    """
    given = {name: value for name, value in flags.items() if value not in (None, AUTO)}
    if "sigma" in given:
        require(0 <= given["sigma"] <= NOISE_LEVELS, "sigma", "auto, or within 0..255", given["sigma"])
        given["sigma"] /= NOISE_LEVELS
    return Config(**given)
