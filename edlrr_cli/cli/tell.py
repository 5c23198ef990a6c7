"""How a command tells of its work: strict JSON in one line, or short aligned lines; bars, or none."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import click

_LABEL_WIDTH = 16


@dataclass
class Channel:
    """Where reports go, for the run of one command: the ``obj`` of click's context.

    Attributes:
        err: To stderr, since stdout is for a picture.
    """

    err: bool = False


def reports_to_stderr() -> None:
    """Keep stdout free of reports, that of an error included, until the end of the command."""
    _channel().err = True


def _channel() -> Channel:
    return click.get_current_context().find_object(Channel) or Channel()


def tell(record: dict[str, Any], lines: Iterable[tuple[str, str]], *, as_json: bool, quiet: bool) -> None:
    """Print what is known about a run, on stdout unless that is for a picture.

    Args:
        record: All of it, by name.
        lines: The same for people, as (label, text).
        as_json: Print the record and not the lines.
        quiet: Print no lines.
    """
    err = _channel().err
    if as_json:
        click.echo(as_json_text(record), err=err)
    elif not quiet:
        click.echo("\n".join(f"{label:<{_LABEL_WIDTH}}{text}" for label, text in lines), err=err)


def as_json_text(record: dict[str, Any]) -> str:
    """Return strict JSON in one line; what is not finite becomes null, and a path its name."""
    finite = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in record.items()
    }
    return json.dumps(finite, allow_nan=False, default=os.fspath)


def log_notes(subject: object, notes: Iterable[str]) -> None:
    """Print on stderr what the user should know about one input, a line each."""
    for note in notes:
        echo(f"{subject}: {note}", err=True)


def draws_progress(*, quiet: bool) -> bool:
    """Whether a bar may be drawn: on a terminal, if it can go back in its line."""
    return not quiet and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def echo(text: str, *, err: bool = False) -> None:
    """Print a line above the bar, if there is one."""
    if "tqdm" in sys.modules:
        from tqdm import tqdm

        with tqdm.external_write_mode(file=sys.stderr if err else sys.stdout):
            click.echo(text, err=err)
    else:
        click.echo(text, err=err)
