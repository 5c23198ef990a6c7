"""``edlrr bench accuracy``: errors of every penalty and of the estimator."""

from __future__ import annotations

from pathlib import Path

import click

from edlrr_cli.cli.bench.common import (
    POSITIVE,
    Measured,
    check_output,
    output_options,
    progress_bar,
    publish,
    seed_option,
)


@click.command(cls=Measured)
@click.option("--side", type=POSITIVE, default=300, show_default=True, help="Rows and columns of the matrix.")
@click.option(
    "--repetitions",
    type=click.IntRange(min=2),
    default=2000,
    show_default=True,
    help="Estimates per variance.",
)
@seed_option
@output_options
def accuracy(*, side: int, repetitions: int, seed: int, output: Path, overwrite: bool) -> None:
    """Measure the errors of every penalty, and bias and variance of the estimator."""
    check_output(output, overwrite)
    from edlrr_cli.bench import accuracy as benchmark

    settings = {"side": side, "repetitions": repetitions, "seed": seed}
    with progress_bar() as progress:
        rows = benchmark.run(**settings, progress=progress)
    publish(output, benchmark.NAME, {**benchmark.PARAMETERS, **settings}, rows, device="cpu")
