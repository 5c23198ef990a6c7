"""The benchmarks on made-up inputs: ``edlrr bench accuracy``, ``regularizer`` and others."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import click

from edlrr_cli.cli.bench.common import (
    POSITIVE,
    Measured,
    check_output,
    device_option,
    output_options,
    progress_bar,
    publish,
    repeats_option,
    seed_option,
    size_option,
)
from edlrr_cli.cli.options import REG

_SHAPES = "3x300x300,3x512x512,3x1024x1024,100x20800"
_REGS = "nuclear,laguerre-gamma"
_LARGE_PX = (3000, 4000)


def _measure(name: str, output: Path, overwrite: bool, settings: dict[str, Any]) -> None:
    """Run a benchmark of a name with its settings, and write its record."""
    check_output(output, overwrite)
    benchmark = import_module(f"edlrr_cli.bench.{name}")
    with progress_bar() as progress:
        rows = benchmark.run(**settings, progress=progress)
    parameters = {**benchmark.PARAMETERS, **settings}
    publish(output, benchmark.NAME, parameters, rows, device=settings.get("device", "cpu"))


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
def accuracy(*, output: Path, overwrite: bool, **settings: Any) -> None:
    """Measure the errors of every penalty, and bias and variance of the estimator."""
    _measure("accuracy", output, overwrite, settings)


@click.command(cls=Measured)
@click.option("--num-evaluations", type=POSITIVE, default=10, show_default=True, help="In each process.")
@repeats_option(3)
@output_options
def busy(*, output: Path, overwrite: bool, **settings: Any) -> None:
    """Time the penalty in several processes at once, beside an SVD, with one thread and with the default."""
    _measure("busy", output, overwrite, settings)


@click.command(cls=Measured)
@size_option
@repeats_option(5)
@device_option
@output_options
def command(*, output: Path, overwrite: bool, **settings: Any) -> None:
    """Time whole commands, start of the interpreter included."""
    _measure("command", output, overwrite, settings)


@click.command(cls=Measured)
@click.option("--reg", type=REG, default="laguerre-gamma", show_default=True, help="The penalty.")
@click.option("--steps", type=POSITIVE, default=100, show_default=True, help="Adam steps.")
@size_option
@repeats_option(3)
@device_option
@output_options
def optimization(*, output: Path, overwrite: bool, **settings: Any) -> None:
    """Time a whole inpainting beside the same with an SVD in every step."""
    _measure("optimization", output, overwrite, settings)


@click.command(cls=Measured)
@click.option("--num-images", type=POSITIVE, default=16, show_default=True, help="Images of a batch.")
@size_option
@click.option(
    "--large-px",
    type=(click.IntRange(min=64), click.IntRange(min=64)),
    default=_LARGE_PX,
    show_default=True,
    help="Height and width of the large image.",
)
@device_option
@output_options
def throughput(*, output: Path, overwrite: bool, **settings: Any) -> None:
    """Time batches beside single commands, and large images, with their memory."""
    _measure("throughput", output, overwrite, settings)


@click.command(cls=Measured)
@click.option(
    "--shapes", default=_SHAPES, show_default=True, help="Shapes of the matrices, or batches of them."
)
@click.option("--regs", default=_REGS, show_default=True, help="Penalties.")
@repeats_option(7)
@click.option("--memory/--no-memory", default=True, show_default=True, help="Measure peak memory too.")
@device_option
@seed_option
@output_options
def regularizer(
    *, shapes: str, regs: str, device: str, output: Path, overwrite: bool, **settings: Any
) -> None:
    """Time value and gradient of the penalty beside autograd through an SVD."""
    names = [REG.convert(name, None, None) for name in regs.split(",")]
    check_output(output, overwrite)
    from edlrr_cli.bench import regularizer as benchmark

    with progress_bar() as progress:
        rows = benchmark.run(
            benchmark.parse_shapes(shapes), names, device=device, **settings, progress=progress
        )
    parameters = {**benchmark.PARAMETERS, "shapes": shapes.split(","), "regs": names}
    publish(output, benchmark.NAME, {**parameters, "device": device, **settings}, rows, device=device)
