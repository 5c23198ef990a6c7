"""``edlrr bench regularizer``: value and gradient of the penalty, timed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edlrr_cli.cli.bench.common import (
    Measured,
    check_output,
    device_option,
    output_options,
    progress_bar,
    publish,
    repeats_option,
    seed_option,
)
from edlrr_cli.cli.options import REG

_SHAPES = "3x300x300,3x512x512,3x1024x1024,100x20800"
_REGS = "nuclear,laguerre-gamma"


@click.command(cls=Measured)
@click.option("--shapes", default=_SHAPES, show_default=True, help="Of the matrices, or batches of them.")
@click.option("--regs", default=_REGS, show_default=True, help="Penalties.")
@repeats_option(7)
@click.option("--memory/--no-memory", default=True, show_default=True, help="Measure peak memory too.")
@device_option
@seed_option
@output_options
def regularizer(
    *,
    shapes: str,
    regs: str,
    repeats: int,
    memory: bool,
    device: str,
    seed: int,
    output: Path,
    overwrite: bool,
) -> None:
    """Time value and gradient of the penalty beside autograd through an SVD."""
    names = _names(regs)
    check_output(output, overwrite)
    from edlrr_cli.bench import regularizer as benchmark

    sizes = benchmark.parse_shapes(shapes)
    settings: dict[str, Any] = {"repeats": repeats, "device": device, "seed": seed, "memory": memory}
    with progress_bar() as progress:
        rows = benchmark.run(sizes, names, **settings, progress=progress)
    inputs = {"shapes": shapes.split(","), "regs": names}
    publish(output, benchmark.NAME, {**benchmark.PARAMETERS, **inputs, **settings}, rows, device=device)


def _names(text: str) -> list[str]:
    """Parse a list of penalties."""
    names = text.split(",")
    for name in names:
        REG.convert(name, None, None)
    return names
