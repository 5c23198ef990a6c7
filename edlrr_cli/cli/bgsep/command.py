"""``edlrr bgsep``: which videos, in which manner, and what is told of them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from edlrr_cli.cli.batch.carry_out import carry_out
from edlrr_cli.cli.batch.inputs import Input
from edlrr_cli.cli.batch.options import Batch, batch_options
from edlrr_cli.cli.batch.run import Work
from edlrr_cli.cli.bgsep.options import resolve, separation_options
from edlrr_cli.cli.bgsep.single import Manner, Task, split_file
from edlrr_cli.cli.options import FILE, common_options, page_option, report_options
from edlrr_cli.cli.report.page import Kind


@click.command(short_help="Split a video into background, foreground and masks.")
@click.argument("sources", metavar="SOURCE...", type=FILE, nargs=-1, required=True)
@click.option(
    "-o", "--output", type=FILE, help="Folder; of many, the one around theirs. [default: SOURCE_bgsep beside]"
)
@click.option("--resume", is_flag=True, help="Go on where an interrupted run stopped.")
@batch_options
@report_options
@page_option
@separation_options
@common_options
def bgsep(
    *,
    sources: tuple[Path, ...],
    output: Path | None,
    resume: bool,
    batch: Batch,
    as_json: bool,
    overwrite: bool,
    quiet: bool,
    report: Path | None,
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

    SOURCE is a video from a camera that stands still: a video file, an animation (GIF, PNG, WebP), a TIFF of
    several pages, a folder of images or a pattern of their names. A folder of videos, a pattern of videos or
    of folders, and several names stand for many: each gets a folder of its name in the output folder, one
    that fails is told and the rest goes on, and the exit code is 1 then. Folders that hold results are left
    out, and one that holds images and videos is refused.

    The output folder gets background, foreground and mask as videos, background.png, overview.png and
    report.json. Until they are complete, the finished parts are in its folder parts/; after Ctrl-C
    --resume goes on behind them, and --overwrite starts anew. What has its report.json is what
    --skip-existing leaves out. Audio is left out.
    """
    settings = resolve(flags)
    from edlrr_cli.cli.bgsep.outputs import Outputs
    from edlrr_cli.cli.bgsep.parts import PARTS, Parts
    from edlrr_cli.cli.bgsep.report import IN_FILE_ALONE, bgsep_line, bgsep_lines
    from edlrr_cli.cli.bgsep.section import bgsep_section
    from edlrr_cli.cli.bgsep.sources import Folders, find_sources, require_one_kind, stand_for_many

    is_many = partial(stand_for_many, recursive=batch.recursive)
    many = batch.includes(sources, is_many)
    place = Folders(output, batch.suffix, "bgsep")

    def task_of(of: Input, folder: Path) -> Task:
        require_one_kind(of.path)
        again = batch.may_repeat
        manner = Manner(
            resume=resume or (again and not overwrite),
            overwrite=overwrite or again,
            quiet=quiet or many,
            shown=report is not None,
        )
        return Task(of.path, folder, settings, manner)

    def check(folder: Path, source: Path) -> None:
        Outputs(folder, settings.encoding).check(source, overwrite=overwrite)
        if not resume:
            Parts(folder / PARTS, {}).require_free(overwrite=overwrite)

    def is_done(folder: Path) -> bool:
        return Outputs(folder, settings.encoding).complete

    unlisted = (*IN_FILE_ALONE, "stills")
    work = Work(
        split_file,
        bgsep_line,
        as_json=as_json,
        quiet=quiet,
        check=check,
        find=find_sources,
        is_many=is_many,
        is_done=is_done,
        unit="video",
        go_on="--skip-existing --resume",
        untold=unlisted,
    )
    return carry_out(
        sources,
        task_of,
        place,
        batch,
        work,
        Kind("bgsep", lambda record, _: bgsep_section(record), bgsep_line, unlisted),
        lines_of=bgsep_lines,
        report=report,
        overwrite=overwrite,
        device=settings.config.device,
    )
