"""``edlrr bench throughput``: batches and large pictures."""

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
    size_option,
)

_LARGE_PX = (3000, 4000)


@click.command(cls=Measured)
@click.option("--num-images", type=POSITIVE, default=16, show_default=True, help="In a batch.")
@size_option
@click.option(
    "--large-px",
    type=(click.IntRange(min=64), click.IntRange(min=64)),
    default=_LARGE_PX,
    show_default=True,
    help="Height and width of the large picture.",
)
@device_option
@output_options
def throughput(
    *, num_images: int, size_px: int, large_px: tuple[int, int], device: str, output: Path, overwrite: bool
) -> None:
    """Time batches beside single commands, and large pictures, with their memory."""
    check_output(output, overwrite)
    from edlrr_cli.bench import throughput as benchmark

    settings: dict[str, Any] = {
        "num_images": num_images,
        "size_px": size_px,
        "large_px": large_px,
        "device": device,
    }
    with progress_bar() as progress:
        rows = benchmark.run(**settings, progress=progress)
    publish(output, benchmark.NAME, {**benchmark.PARAMETERS, **settings}, rows, device=device)
