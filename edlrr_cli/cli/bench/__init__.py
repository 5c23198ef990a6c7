"""``edlrr bench``: measure, write the numbers as JSON, turn them into tables."""

from __future__ import annotations

import click

from edlrr_cli.cli.groups import LazyGroup

_TIMINGS = f"{__name__}.timings"
_COMMANDS = {
    "regularizer": _TIMINGS,
    "accuracy": _TIMINGS,
    "optimization": _TIMINGS,
    "table1": f"{__name__}.table1",
    "bgsep": f"{__name__}.bgsep",
    "clips": f"{__name__}.clips",
    "denoise": f"{__name__}.denoise",
    "photo": f"{__name__}.photo",
    "mask": f"{__name__}.mask",
    "command": _TIMINGS,
    "throughput": _TIMINGS,
    "gigapixel": _TIMINGS,
    "busy": _TIMINGS,
    "cost": _TIMINGS,
    "kernels": _TIMINGS,
    "report": f"{__name__}.report",
}


@click.group(cls=LazyGroup, commands_in=_COMMANDS, short_help="Measure speed, accuracy and quality.")
def bench() -> None:
    """Measure, and publish the numbers: each benchmark writes one JSON file.

    \b
    edlrr bench accuracy -o accuracy.json
    edlrr bench report accuracy.json --into docs/benchmarks.md
    """
