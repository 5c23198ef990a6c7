"""``edlrr bench denoise``: networks with and without the low-rank term, Figure 3 of the paper."""

from __future__ import annotations

from pathlib import Path

import click

from edlrr_cli.cli.bench.common import (
    POSITIVE,
    Measured,
    counted,
    device_option,
    output_options,
    progress_bar,
    publish,
)
from edlrr_cli.cli.options import FILE
from edlrr_cli.media.files import check_target, write_atomic


@click.command(cls=Measured)
@click.option(
    "--data",
    type=FILE,
    help="Folder with Train400/, Set12/ and BSD68/. [default: photographs of scikit-image]",
)
@click.option(
    "--models", type=FILE, required=True, help="Folder of the networks; those there are not trained."
)
@click.option("--figure", type=FILE, help="Also draw Figure 3, a .png.")
@click.option(
    "--recipe",
    default="cpu",
    show_default=True,
    help="cpu: small networks, trained for minutes; patches: smaller ones, the term on images and patches; "
    "paper: DnCNN-S as published, for a GPU.",
)
@click.option("--seeds", type=POSITIVE, default=3, show_default=True, help="Seeds of the training.")
@device_option
@output_options
def denoise(
    *,
    data: Path | None,
    models: Path,
    figure: Path | None,
    recipe: str,
    seeds: int,
    device: str,
    output: Path,
    overwrite: bool,
) -> None:
    """Train denoisers at one noise level and test them at others, beside the shipped one and those of others.

    \b
    edlrr bench denoise --data denoise/ --models nets/ -o denoise.json --figure figure3.png
    edlrr bench denoise --data denoise/ --models gpu/ --recipe paper --device cuda -o paper.json
    edlrr bench denoise --models patches/ --recipe patches -o patches.json

    Networks: plain; lrr, with the low-rank term; windows and groups, with the term on local windows and on
    groups of similar patches; error, with the term on f(X) - N; wide, with its full images at 0..75;
    bias-free; blind, trained at 0..55. An interrupted run continues with the networks in --models.
    """
    for target in filter(None, (output, figure)):
        check_target(target, overwrite=overwrite)
    from edlrr_cli.bench import denoise as benchmark

    with progress_bar() as advance:
        comparison = benchmark.train(
            data,
            models,
            recipe,
            num_seeds=seeds,
            device=device,
            progress=lambda network: advance(network.name),
        )
    rows = [*comparison.trials, *comparison.times()]
    rows += counted(comparison.scores(), len(comparison.cases), "{method} at {level}")
    rows += comparison.verdicts(rows)
    if figure is not None:
        write_atomic(figure, comparison.figure(rows))
    publish(output, benchmark.NAME, benchmark.describe(recipe, seeds), rows, device=device)
