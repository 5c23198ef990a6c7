"""``edlrr bench command``: whole commands, timed."""

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
    size_option,
)


@click.command(cls=Measured)
@size_option
@repeats_option(5)
@device_option
@output_options
def command(*, size_px: int, repeats: int, device: str, output: Path, overwrite: bool) -> None:
    """Time whole commands, start of the interpreter included."""
    check_output(output, overwrite)
    from edlrr_cli.bench import command as benchmark

    settings: dict[str, Any] = {"size_px": size_px, "repeats": repeats, "device": device}
    with progress_bar() as progress:
        rows = benchmark.run(**settings, progress=progress)
    publish(output, benchmark.NAME, {**benchmark.PARAMETERS, **settings}, rows, device=device)
