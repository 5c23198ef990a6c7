"""``edlrr bench``: measure, write the numbers as JSON, turn them into tables."""

from __future__ import annotations

import click

from edlrr_cli.cli.groups import LazyGroup

_NAMES = (
    *("regularizer", "accuracy", "optimization", "table1", "bgsep", "denoise"),
    *("command", "throughput", "busy", "report"),
)


@click.group(
    cls=LazyGroup,
    commands_in={name: f"{__name__}.{name}" for name in _NAMES},
    short_help="Measure speed, accuracy and quality.",
)
def bench() -> None:
    """Measure, and publish the numbers: each benchmark writes one JSON file.

    \b
    edlrr bench accuracy -o accuracy.json
    edlrr bench report accuracy.json --into docs/benchmarks.md
    """
