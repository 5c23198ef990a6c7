"""``edlrr bench optimization``: a whole inpainting, timed."""

from __future__ import annotations

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
    size_option,
)
from edlrr_cli.cli.options import REG


@click.command(cls=Measured)
@click.option("--reg", type=REG, default="laguerre-gamma", show_default=True, help="The penalty.")
@click.option("--steps", type=POSITIVE, default=100, show_default=True, help="Adam steps.")
@size_option
@repeats_option(3)
@device_option
@output_options
def optimization(
    *, reg: str, steps: int, size_px: int, repeats: int, device: str, output: Path, overwrite: bool
) -> None:
    """Time a whole inpainting beside the same with an SVD in every step."""
    check_output(output, overwrite)
    from edlrr_cli.bench import optimization as benchmark

    settings: dict[str, Any] = {"reg": reg, "steps": steps, "size_px": size_px}
    settings |= {"repeats": repeats, "device": device}
    with progress_bar() as progress:
        rows = benchmark.run(**settings, progress=progress)
    publish(output, benchmark.NAME, {**benchmark.PARAMETERS, **settings}, rows, device=device)
