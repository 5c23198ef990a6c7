"""What the benchmarks' commands share: options, progress, and the record at the end."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
from tqdm import tqdm

from edlrr_cli.bench.record import Row, encode, make_record
from edlrr_cli.cli.console import shows_progress
from edlrr_cli.cli.options import FILE, common_options
from edlrr_cli.errors import EdlrrError
from edlrr_cli.media.files import write_atomic

_Command = TypeVar("_Command", bound=Callable[..., Any])

_ARGUMENTS = "edlrr_cli.cli.bench.arguments"
_SIDE = click.IntRange(min=32)
POSITIVE = click.IntRange(min=1)
# Without a terminal, a line of progress is written at most this often.
_LINE_EVERY_S = 30.0


class Measured(click.Command):
    """A command that remembers its arguments, for its record."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the arguments as they were typed."""
        ctx.meta[_ARGUMENTS] = tuple(args)
        return super().parse_args(ctx, args)


def output_options(command: _Command) -> _Command:
    """Give a benchmark its output and ``--debug``."""
    overwrite = click.option("--overwrite", is_flag=True, help="Replace an existing output.")
    output = click.option("-o", "--output", type=FILE, required=True, help="The numbers, as JSON.")
    return output(overwrite(common_options(command)))


def repeats_option(default: int) -> Callable[[_Command], _Command]:
    """Give a benchmark its number of rounds."""
    text = "Rounds, after one to warm up."
    return click.option("--repeats", type=POSITIVE, default=default, show_default=True, help=text)


def words(context: click.Context, option: click.Parameter, text: str | None) -> list[str] | None:
    """Parse a list of names."""
    return None if text is None else text.split(",")


device_option = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
seed_option = click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Seed of all that is drawn at random.",
)
size_option = click.option(
    "--size-px", type=_SIDE, default=300, show_default=True, help="Sides of the photograph."
)


@contextmanager
def progress_bar() -> Iterator[Callable[[str], None]]:
    """Yield what shows the progress; nothing unless stderr is a terminal."""
    if not shows_progress():
        yield lambda text: None
        return
    with tqdm(file=sys.stderr, leave=False, bar_format="{n_fmt} {elapsed} {desc}") as bar:

        def advance(text: str) -> None:
            bar.set_description_str(text, refresh=False)
            bar.update()

        yield advance


def counted(rows: Iterable[Row], total: int, title: str) -> Iterator[Row]:
    """Yield rows as they come, with a bar and the time left; a line from time to time without a terminal.

    Args:
        title: What is shown of a row: a format of its columns.
    """
    with tqdm(total=total, unit="case", dynamic_ncols=True, disable=not shows_progress()) as bar:
        started = shown = time.monotonic()
        for done, row in enumerate(rows, start=1):
            bar.set_postfix_str(title.format(**row), refresh=False)
            bar.update()
            now = time.monotonic()
            if bar.disable and now - shown > _LINE_EVERY_S:
                left = tqdm.format_interval((now - started) * (total - done) / done)
                click.echo(f"{done} of {total}, {left} left: {title.format(**row)}", err=True)
                shown = now
            yield row


def print_missing(methods: Sequence[str]) -> None:
    """Print which rows are left out since their library is not installed."""
    if methods:
        click.echo(f"left out: {', '.join(methods)}; pip install 'edlrr[opencv]'", err=True)


def require_complete(rows: Iterable[Row], output: Path) -> None:
    """End with exit code 1 if a case failed.

    Raises:
        EdlrrError: The number of the failed cases.
    """
    failed = sum("error" in row for row in rows)
    if failed:
        raise EdlrrError(f"{failed} cases failed", f"see {output}")


def command_line() -> str:
    """Return the command line of this benchmark as it was typed."""
    context = click.get_current_context()
    return shlex.join([*context.command_path.split(), *context.meta[_ARGUMENTS]])


def publish(
    output: Path, name: str, parameters: Mapping[str, Any], rows: Sequence[Row], *, device: str
) -> None:
    """Write the record, and print its name."""
    record = make_record(name, command=command_line(), device=device, parameters=parameters, rows=rows)
    write_atomic(output, encode(record))
    click.echo(f"{output}: {len(rows)} rows")
