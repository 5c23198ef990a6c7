"""``edlrr bgsep``: the options, and what is said at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edlrr_cli.cli.bgsep.options import default_folder, resolve, separation_options
from edlrr_cli.cli.options import FILE, common_options, page_option, report_options
from edlrr_cli.cli.report.page import Kind, reporting
from edlrr_cli.cli.tell import tell
from edlrr_cli.cli.threads import spin_briefly


@click.command(short_help="Split a video into background, foreground and masks.")
@click.argument("source", type=FILE)
@click.option("-o", "--output", type=FILE, help="Folder. [default: SOURCE_bgsep beside SOURCE]")
@click.option("--resume", is_flag=True, help="Go on where an interrupted run stopped.")
@report_options
@page_option
@separation_options
@common_options
def bgsep(
    *,
    source: Path,
    output: Path | None,
    resume: bool,
    as_json: bool,
    overwrite: bool,
    quiet: bool,
    report: Path | None,
    **flags: Any,
) -> None:
    """Split SOURCE into its background, what moves in front of it, and the masks of that.

    \b
    edlrr bgsep clip.mp4
    edlrr bgsep clip.mp4 -o out/ --mask-format png --no-shadows
    edlrr bgsep 'frames/*.png' -o out/ --format mkv --codec ffv1
    edlrr bgsep clip.mp4 --fit full --reg exact-laplace --lam 2
    edlrr bgsep clip.mp4 --method mog2 --json
    edlrr bgsep clip.mp4 --report clip.html

    SOURCE is a video file, a folder of images or a pattern of names, from a camera that stands still. The
    output folder gets background, foreground and mask as videos, background.png, overview.png and
    report.json. Until they are complete, the finished parts are in its folder parts/; after Ctrl-C
    --resume goes on behind them, and --overwrite starts anew. Audio is left out.
    """
    spin_briefly()
    settings = resolve(flags)
    from edlrr_cli.cli.bgsep.report import IN_FILE_ALONE, bgsep_lines
    from edlrr_cli.cli.bgsep.run import Manner, run
    from edlrr_cli.cli.bgsep.section import bgsep_section

    manner = Manner(resume=resume, overwrite=overwrite, quiet=quiet, shown=report is not None)
    folder = output or default_folder(source)
    unlisted = (*IN_FILE_ALONE, "stills")
    kind = Kind("bgsep", lambda record, _: bgsep_section(record), _line_of, unlisted)
    with reporting(report, kind, source, output=folder, overwrite=overwrite) as add:
        record = run(source, folder, settings, manner)
        add(record)
    said = {name: value for name, value in record.items() if name not in unlisted}
    tell(said, bgsep_lines(record), as_json=as_json, quiet=quiet)


def _line_of(record: dict[str, Any]) -> str:
    """Return what is told of one video among many."""
    return f"{record['foreground_fraction']:.2%} foreground, {record['seconds']:.1f} s on {record['device']}"
