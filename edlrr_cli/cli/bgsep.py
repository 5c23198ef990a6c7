"""``edlrr bgsep``: from flags to jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edlrr_cli.cli.job_options import JobCommand, job_options
from edlrr_cli.cli.options import FILE, REG, common_options, options_of
from edlrr_cli.cli.run import RunOptions, run_jobs
from edlrr_cli.media.codecs import CODECS, CONTAINERS
from edlrr_cli.pipelines.bgsep.settings import MASK_FORMATS, Encoding, Settings, Tables
from edlrr_cli.pipelines.inputs import Input
from edlrr_cli.tasks.bgsep.config import FITS, METHODS, SOLVERS, STABILIZERS, Config
from edlrr_cli.tasks.checks import settings_of

_HELP = {
    "method": "lrr: the low-rank penalty; baselines: the median, and the subtractors of OpenCV.",
    "reg": "Penalty on the singular values; 'edlrr show regs' lists them.",
    "gamma": "Shape of the penalty. [default: the penalty's own]",
    "solver": "Adam, or augmented Lagrange multipliers, which are exact but only for --reg nuclear.",
    "fit": "Fit every pixel to a subspace found on some frames and pixels, or all frames and pixels at once.",
    "lam": "Weight of the penalty, 1 for that of principal component pursuit. [default: 3, full: 1]",
    "steps": "Adam steps.",
    "window": "Frames that share a model of the background. [default: 600, full: 100]",
    "overlap": "Frames that neighboring windows share, to fade between them. [default: half the window]",
    "threshold": "Difference from the background that is foreground, in levels of 255. [default: by pixel]",
    "min_blob_px": "Foreground areas, and holes in them, of fewer pixels are removed.",
    "shadows": "Count cast shadows as foreground, or not.",
    "stabilize": "Remove the shake of the camera where there is one, or never.",
    "device": "auto, cpu, cuda or cuda:N.",
    "seed": "Seed of the pixels that are drawn at random.",
    "codec": "Codec of the videos; ffv1 is lossless. [default: the container's own]",
    "quality": "Quality of the videos, from 0 (best) to 51 (worst).",
    "format": "Container of the videos. [default: mp4, or one that holds the codec]",
    "mask_format": "Masks as a video like the others, or as lossless images mask/000000.png and so on.",
    "objects": "Also write objects.csv: frame, time, centroid, box, area and difference of each object.",
    "events": "Also write events.csv: the times in which anything moves.",
    "event_clips": "Also cut these times out of SOURCE without encoding, from a keyframe on: events/0001.mp4",
    "event_gap": "Events with a shorter pause between them are one, in seconds.",
    "event_min": "Events in which something moves for a shorter time are left out, in seconds.",
}

_KINDS = {
    "method": click.Choice(METHODS),
    "reg": REG,
    "solver": click.Choice(SOLVERS),
    "fit": click.Choice(FITS),
    "stabilize": click.Choice(STABILIZERS),
    "codec": click.Choice(tuple(CODECS)),
    "format": click.Choice([suffix[1:] for suffix in CONTAINERS]),
    "mask_format": click.Choice(MASK_FORMATS),
}


@click.command(cls=JobCommand, short_help="Split a video into background, foreground and masks.")
@click.argument("sources", metavar="SOURCE...", type=FILE, nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    type=FILE,
    help="Output folder; with several sources, their parent. [default: SOURCE_bgsep beside SOURCE]",
)
@click.option(
    "--ignore",
    type=FILE,
    help="Region that never counts: an image, white there, or polygons, a .json; or a folder of these.",
)
@click.option(
    "--background",
    type=FILE,
    help="Image of the empty scene, so that what never moves is found, too; or a folder of these.",
)
@click.option("--resume", is_flag=True, help="Continue an interrupted run.")
@job_options
@options_of((Config, Encoding, Tables), _HELP, _KINDS)
@common_options
def bgsep(
    *,
    sources: tuple[Path, ...],
    output: Path | None,
    ignore: Path | None,
    background: Path | None,
    resume: bool,
    options: RunOptions,
    **flags: Any,
) -> int:
    """Split each SOURCE into its background, what moves in front of it, and the masks of that.

    \b
    edlrr bgsep clip.mp4
    edlrr bgsep clip.mp4 -o out/ --mask-format png --no-shadows
    edlrr bgsep 'frames/*.png' -o out/ --format mkv --codec ffv1
    edlrr bgsep clip.mp4 --fit full --reg exact-laplace --lam 2
    edlrr bgsep clip.mp4 --method mog2 --json
    edlrr bgsep cameras --recursive -o split --skip-existing --resume --json
    edlrr bgsep clip.mp4 --report clip.html
    edlrr bgsep clip.mp4 --ignore timestamp.png --background empty.png --objects
    edlrr bgsep clip.mp4 --ignore zones.json --events --event-clips --event-gap 10

    SOURCE is a video from a camera that stands still or shakes a little: a video file, an animation (GIF,
    PNG, WebP), a TIFF of several pages, a folder of images or a pattern of their names. A folder of videos,
    a pattern of videos or of folders, and several names stand for many: each gets a folder of its name in
    the output folder. Failures are reported; the batch continues, and its exit code is 1. Folders that hold
    results are left out, and one that holds images and videos is refused.

    The output folder receives background, foreground and mask as videos, background.png, overview.png and
    report.json; --objects, --events and --event-clips add objects.csv, events.csv and the folder events.
    Until they are complete, the finished parts are in its folder parts/; after Ctrl-C
    --resume continues after them, and --overwrite starts again. --skip-existing skips what has its
    report.json. Audio is left out.
    """
    settings = resolve(flags)
    if background is not None:
        settings.config.require_takes_background()
    from edlrr_cli.pipelines.bgsep.job import BgsepJob
    from edlrr_cli.pipelines.bgsep.scene import SceneFiles
    from edlrr_cli.pipelines.bgsep.sources import FolderDestination, VideoSelection, require_one_kind

    selection = VideoSelection(sources, recursive=options.batch.recursive)

    def make_job(source: Input, folder: Path) -> BgsepJob:
        require_one_kind(source.path)
        return BgsepJob(
            input=source.path,
            output=folder,
            overwrite=options.overwrite,
            settings=settings,
            scene=SceneFiles(
                selection.companion(ignore, source, what="region to ignore"),
                selection.companion(background, source, what="background"),
            ),
            resume=resume,
            with_previews=options.report is not None,
        )

    return run_jobs(
        BgsepJob,
        make_job,
        selection,
        FolderDestination(output, options.suffix, "bgsep"),
        options,
        device=settings.config.device,
        also_read=(ignore, background),
    )


def resolve(flags: dict[str, Any]) -> Settings:
    """Return the settings that the flags ask for; None means that the flag was not given.

    Raises:
        UsageError: A value is outside its domain.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    return Settings(settings_of(Config, given), settings_of(Encoding, given), settings_of(Tables, given))
