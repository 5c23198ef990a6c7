"""``edlrr bench clips``: holes of clips whose content is known."""

from __future__ import annotations

from pathlib import Path

import click

from edlrr_cli.cli.bench.common import (
    POSITIVE,
    Measured,
    counted,
    device_option,
    output_options,
    publish,
    require_complete,
    words,
)
from edlrr_cli.cli.options import FILE
from edlrr_cli.media.files import check_target


@click.command(cls=Measured)
@click.argument("files", metavar="CLIP...", type=FILE, nargs=-1)
@click.option("--data", type=FILE, help="Also a folder of sequences in the layout of CDnet, or one.")
@click.option("--sequences", callback=words, help="Names of folders. [default: all]")
@click.option("--methods", callback=words, help="Rows of the table. [default: all]")
@click.option("--frames", type=POSITIVE, default=120, show_default=True, help="Frames of each, at most.")
@click.option(
    "--scored",
    type=POSITIVE,
    default=4,
    show_default=True,
    help="Frames that are also restored one by one, as images.",
)
@device_option
@output_options
def clips(
    *,
    files: tuple[Path, ...],
    data: Path | None,
    sequences: list[str] | None,
    methods: list[str] | None,
    frames: int,
    scored: int,
    device: str,
    output: Path,
    overwrite: bool,
) -> None:
    """Draw a logo and a moving box on clips, fill them by every method, and compare with what was there.

    \b
    edlrr bench clips sample_images/horses.mp4 -o clips.json
    edlrr bench clips --data cdnet/baseline --sequences highway --methods lrr,delogo -o clips.json

    The rows: lrr, as in 'edlrr inpaint CLIP'; frames, each scored frame as an image; delogo, the filter of
    FFmpeg. Failures are reported in the file and by exit code 1; the others continue.
    """
    check_target(output, overwrite=overwrite)
    from edlrr_cli.bench import clips as benchmark

    cases = benchmark.make_cases(
        data,
        files,
        sequences=sequences,
        methods=methods,
        num_frames=frames,
        num_scored=scored,
        device=device,
    )
    rows = [*counted(benchmark.run(cases), len(cases), "{sequence}, {hole}: {method}")]
    parameters = {**benchmark.PARAMETERS, "frames": frames, "scored": scored}
    publish(output, benchmark.NAME, parameters, rows, device=device)
    require_complete(rows, output)
