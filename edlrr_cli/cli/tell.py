"""How a command tells of its work on stdout: strict JSON in one line, or short aligned lines."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

import click

_LABEL_WIDTH = 16


def tell(record: dict[str, Any], lines: Iterable[tuple[str, str]], *, as_json: bool, quiet: bool) -> None:
    """Print what is known about a run.

    Args:
        record: All of it, by name.
        lines: The same for people, as (label, text).
        as_json: Print the record and not the lines.
        quiet: Print no lines.
    """
    if as_json:
        click.echo(as_json_text(record))
    elif not quiet:
        click.echo("\n".join(f"{label:<{_LABEL_WIDTH}}{text}" for label, text in lines))


def as_json_text(record: dict[str, Any]) -> str:
    """Return strict JSON in one line; what is not finite becomes null."""
    finite = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in record.items()
    }
    return json.dumps(finite, allow_nan=False)
