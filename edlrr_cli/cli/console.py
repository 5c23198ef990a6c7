"""Output of a command: strict JSON or short aligned lines; notes and progress bars on stderr."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import RLock
from typing import Any

import click
from tqdm import tqdm

from edlrr_cli.pipelines.job import Advance, Monitor

_LABEL_WIDTH = 16

# One process draws the bars; the lock that tqdm would make is of processes, and fixes how they start.
tqdm.set_lock(RLock())


@dataclass
class Channel:
    """The stream of reports during one command: the ``obj`` of click's context.

    Attributes:
        err: To stderr, since stdout is for an image.
    """

    err: bool = False


def reports_to_stderr() -> None:
    """Keep stdout free of reports, including those of errors, until the end of the command."""
    _channel().err = True


def _channel() -> Channel:
    return click.get_current_context().find_object(Channel) or Channel()


def print_record(
    record: dict[str, Any], lines: Iterable[tuple[str, str]], *, as_json: bool, quiet: bool
) -> None:
    """Print the record of a run, on stdout unless an image is written there."""
    err = _channel().err
    if as_json:
        click.echo(as_json_text(record), err=err)
    elif not quiet:
        click.echo("\n".join(f"{label:<{_LABEL_WIDTH}}{text}" for label, text in lines), err=err)


def as_json_text(record: dict[str, Any]) -> str:
    """Return strict JSON in one line; numbers that are not finite become null, and paths their names."""
    finite = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in record.items()
    }
    return json.dumps(finite, allow_nan=False, default=os.fspath)


def echo(text: str, *, err: bool = False) -> None:
    """Print a line above the progress bar, if there is one."""
    with tqdm.external_write_mode(file=sys.stderr if err else sys.stdout):
        click.echo(text, err=err)


def shows_progress() -> bool:
    """Whether stderr is a terminal that can overwrite its line, as a progress bar does."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


class ConsoleMonitor(Monitor):
    """Prints notes on stderr, and draws progress bars where they can be seen."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet

    def note(self, subject: object, text: str) -> None:
        """See `Monitor.note`."""
        if not self._quiet:
            echo(f"{subject}: {text}", err=True)

    @contextmanager
    def progress(
        self, unit: str, *, total: float | None = None, done: float = 0, delay_s: float = 0
    ) -> Iterator[Advance | None]:
        """See `Monitor.progress`."""
        if self._quiet or not shows_progress():
            yield None
            return
        with tqdm(
            file=sys.stderr,
            unit=unit,
            total=total,
            initial=done,
            delay=delay_s,
            leave=False,
            dynamic_ncols=True,
        ) as bar:

            def advance(done: float, total: float | None = None, *, text: str = "", unit: str = "") -> None:
                if done < bar.n:  # it starts again, as with each run of a tuning
                    bar.reset()
                bar.total = total or bar.total
                bar.unit = unit or bar.unit
                bar.update(done - bar.n)
                if text:
                    bar.set_postfix_str(text)

            yield advance
