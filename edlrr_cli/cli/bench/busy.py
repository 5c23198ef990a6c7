"""``edlrr bench busy``: the penalty on a machine that is busy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edlrr_cli.cli.bench.common import (
    POSITIVE,
    Measured,
    check_output,
    output_options,
    progress_bar,
    publish,
    repeats_option,
)


@click.command(cls=Measured)
@click.option("--num-evaluations", type=POSITIVE, default=10, show_default=True, help="In each process.")
@repeats_option(3)
@output_options
def busy(*, num_evaluations: int, repeats: int, output: Path, overwrite: bool) -> None:
    """Time the penalty in several processes at once, beside an SVD, with one thread and with the default."""
    check_output(output, overwrite)
    from edlrr_cli.bench import busy as benchmark

    settings: dict[str, Any] = {"num_evaluations": num_evaluations, "repeats": repeats}
    with progress_bar() as progress:
        rows = benchmark.run(**settings, progress=progress)
    publish(output, benchmark.NAME, {**benchmark.PARAMETERS, **settings}, rows, device="cpu")
