"""``edlrr bench table1``: the paper's Table 1 on a folder of images."""

from __future__ import annotations

from pathlib import Path

import click

from edlrr_cli.baselines.registry import METHODS
from edlrr_cli.bench.results_file import ResultsFile
from edlrr_cli.cli.bench.common import (
    POSITIVE,
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
from edlrr_cli.media.files import check_target, write_atomic


@click.command(cls=Measured)
@click.option("--data", type=FILE, help="Folder of images, or of images/ and masks/ as in Table 1.")
@click.option("--methods", callback=words, help="Rows of the table. [default: all]")
@click.option(
    "--corruptions", callback=words, help="Kinds of damage. [default: drop20,drop30,drop40,drop50,block,text]"
)
@click.option("--images", callback=words, help="Names of images, without their suffix. [default: all]")
@click.option("--seeds", type=POSITIVE, default=1, show_default=True, help="Draws of the dropped pixels.")
@click.option("--quick", is_flag=True, help="Two small crops, three damages, no tuning.")
@click.option("--jobs", type=POSITIVE, default=1, show_default=True, help="Cases side by side.")
@click.option("--html", type=FILE, help="Also write a report, one self-contained page.")
@click.option(
    "--pictures", callback=words, help="Names of the images shown in the report. [default: the first two]"
)
@device_option
@output_options
def table1(
    *,
    data: Path | None,
    methods: list[str] | None,
    corruptions: list[str] | None,
    images: list[str] | None,
    seeds: int,
    quick: bool,
    jobs: int,
    html: Path | None,
    pictures: list[str] | None,
    device: str,
    output: Path,
    overwrite: bool,
) -> None:
    """Restore images from six kinds of damage by every method of the paper's Table 1.

    \b
    edlrr bench table1 --quick --jobs 2 -o quick.json --html quick.html
    edlrr bench table1 --data table1 --seeds 3 --jobs 2 -o table1.json
    edlrr bench table1 --data photos --methods taylor-gamma:auto,irnn,irnn:tuned --corruptions text -o a.json

    A row is a penalty (NAME: global low-rank completion, NAME:local, NAME:nonlocal, NAME:auto: that prior,
    NAME:fast, NAME:best: auto at that quality, NAME:paper: the paper's setting) or a method of
    'edlrr show methods' (NAME: as published, NAME:tuned: parameters chosen on held-out known pixels,
    NAME:PARAM=VALUE).
    The same command continues where it was stopped and runs only what is new; --overwrite starts again.
    Failures are reported in the file and by exit code 1; the other cases continue.
    """
    for target in filter(None, (output, html)):
        check_target(target, overwrite=True)
    from edlrr_cli.bench import table1 as benchmark

    folder = None if html is None else html.with_name(f"{html.stem}_pictures")
    plan = benchmark.make_plan(
        data,
        methods=methods,
        corruptions=corruptions,
        images=images,
        picture_images=pictures,
        quick=quick,
        num_seeds=seeds,
        device=device,
        thumbnails=folder,
    )
    if methods is None:
        print_missing([name for name, method in METHODS.items() if not method.installed])
    planned = benchmark.benchmark_of(plan, jobs)
    book = ResultsFile(output, planned, command=command_line(), device=device, anew=overwrite)
    left = book.cases_left()
    with book:
        for row in counted(benchmark.run(left, jobs), len(left), "{corruption}, image {image}: {method}"):
            book.add(row)
    click.echo(f"{output}: {len(book.rows)} cases")
    if html is not None:
        from edlrr_cli.bench.table1_page import page

        write_atomic(html, page(book.record, folder).encode())
        click.echo(f"{html}: the report")
    require_complete(book.rows, output)
