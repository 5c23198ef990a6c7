"""``edlrr bench bgsep``: separation of videos whose foreground is known."""

from __future__ import annotations

from pathlib import Path

import click

from edlrr_cli.bench.results_file import ResultsFile
from edlrr_cli.cli.bench.common import (
    Measured,
    command_line,
    counted,
    device_option,
    output_options,
    print_missing,
    require_complete,
    words,
)
from edlrr_cli.cli.options import FILE
from edlrr_cli.media.files import check_target


@click.command(cls=Measured)
@click.option("--data", type=FILE, required=True, help="Folder of sequences in the layout of CDnet, or one.")
@click.option("--sequences", callback=words, help="Names of folders. [default: all]")
@click.option("--methods", callback=words, help="Rows of the table. [default: all]")
@click.option(
    "--frames",
    type=click.IntRange(min=2),
    default=100,
    show_default=True,
    help="Scored at most, spread evenly over those with a mask.",
)
@click.option("--memory/--no-memory", default=True, show_default=True, help="Measure streaming apart, too.")
@click.option(
    "--leave-one-out",
    is_flag=True,
    help="Instead of the methods, compare other constants of lrr, and score each sequence with those that "
    "are best on all others.",
)
@device_option
@output_options
def bgsep(
    *,
    data: Path,
    sequences: list[str] | None,
    methods: list[str] | None,
    frames: int,
    memory: bool,
    leave_one_out: bool,
    device: str,
    output: Path,
    overwrite: bool,
) -> None:
    """Separate sequences whose foreground is known, by every method, and compare.

    \b
    edlrr bench bgsep --data cdnet/baseline -o bgsep.json
    edlrr bench bgsep --data cdnet/baseline/highway --methods lrr,median -o bgsep.json
    edlrr bench bgsep --data cdnet/baseline --leave-one-out -o bgsep_left_out.json

    A sequence is a folder with input/ and groundtruth/, and maybe temporalROI.txt, ROI.bmp and
    background.png. The rows: lrr, as in 'edlrr bgsep'; lrr:batch, the same in one window; lrr:paper, the
    low-rank matrix of the paper, and pcp, the same solved exactly, both of the scored frames alone; median;
    mog2 and knn of OpenCV. The same command continues where it was stopped and runs only what is new;
    --overwrite starts again. Failures are reported in the file and by exit code 1; the others continue.
    """
    check_target(output, overwrite=True)
    from edlrr_cli.bench import bgsep_runs as benchmark

    planned = benchmark.plan(
        data,
        sequences=sequences,
        methods=methods,
        num_scored=frames,
        leave_one_out=leave_one_out,
        with_memory=memory,
        device=device,
    )
    if methods is None and not leave_one_out:
        print_missing(benchmark.missing_methods())
    book = ResultsFile(output, planned, command=command_line(), device=device, anew=overwrite)
    with book:
        for stage in benchmark.stages(book.cases_left()):
            for row in counted(stage.rows, stage.num_rows, stage.title):
                book.add(row)
    rows = book.record["rows"]
    click.echo(f"{output}: {len(rows)} rows")
    require_complete(rows, output)
