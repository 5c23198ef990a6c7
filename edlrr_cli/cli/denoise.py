"""``edlrr denoise``: from flags to jobs; noise is on 0..255 in flags, on [0, 1] in `Config`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edlrr_cli.cli.job_options import BATCH, OUTPUT, job_options
from edlrr_cli.cli.options import FILE, REG, Name, NoiseLevel, common_options, options_of
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
from edlrr_cli.errors import UsageError
from edlrr_cli.pipelines.denoise_clips.settings import Settings as ClipSettings
from edlrr_cli.pipelines.destination import Destination
from edlrr_cli.pipelines.inputs import Input, Selection
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


@click.command(cls=RestoreCommand, sections=_SECTIONS, short_help="Remove noise from images and clips.")
@file_options("denoised")
@page_option
@figure_option
@click.option("--model", type=FILE, help="Weights made by edlrr train. [default: the shipped ones]")
@encoding_options
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
    *, given: RestoreOptions, page: int | None, model: Path | None, add_noise: float, seed: int, **flags: Any
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

    Of a TIFF all pages of one size and kind are denoised, each by its own noise; the others are kept.

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
    if given.of_clips():
        given.refuse_for_clips({"--page": page, "--add-noise": add_noise > 0, "--seed": seed > 0})
        from edlrr_cli.pipelines.denoise_clips.job import DenoiseClipJob

        return given.run_clips(
            DenoiseClipJob,
            "denoised",
            ClipSettings(config, given.clip.encoding),
            device=config.device,
            also_read=(model,),
            own=lambda clips, source: {"model": model},
        )
    given.refuse_for_images()
    from edlrr_cli.pipelines.denoise.job import DenoiseJob, Experiment

    options, encoding = given.options, given.encoding
    selection = Selection(given.images, recursive=given.recursive)
    many = options.batch.is_batch(selection)

    def make_job(source: Input, target: Path) -> DenoiseJob:
        return DenoiseJob(
            input=source.path,
            output=target,
            overwrite=options.overwrite,
            config=config,
            reference=selection.companion(given.reference, source, what="reference"),
            model=model,
            page=page,
            figure=given.figure,
            encoding=encoding.for_batch(target) if many else encoding,
            experiment=Experiment(add_noise, seed),
        )

    return run_jobs(
        DenoiseJob,
        make_job,
        selection,
        Destination(given.output, options.suffix, "denoised", encoding.format),
        options,
        device=config.device,
        also_read=(given.reference, model),
        single_only={"--figure": given.figure},
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
