"""The ``edlrr`` group, and the one boundary where errors become one line and an exit code."""

from __future__ import annotations

import io
import json
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import click

from edlrr_cli import __version__
from edlrr_cli.cli.console import Channel, echo
from edlrr_cli.cli.groups import LazyGroup
from edlrr_cli.cli.threads import settle_threads
from edlrr_cli.errors import EXIT_INTERRUPTED, EXIT_OK, OutputError
from edlrr_cli.pipelines.failures import Failure, failure_of
from edlrr_cli.pipelines.logs import configure_logging

_COMMANDS = {
    "inpaint": "edlrr_cli.cli.inpaint",
    "bgsep": "edlrr_cli.cli.bgsep",
    "denoise": "edlrr_cli.cli.denoise",
    "mask": "edlrr_cli.cli.mask",
    "train": "edlrr_cli.cli.train",
    "show": "edlrr_cli.cli.show",
    "bench": "edlrr_cli.cli.bench",
    "config": "edlrr_cli.cli.config",
    "completion": "edlrr_cli.cli.completion",
    "doctor": "edlrr_cli.cli.doctor",
}

_EPILOG = """\b
Exit codes:
  0    done
  1    failed while running, out of memory included
  2    an option or a setting makes no sense
  3    an input file is missing, unreadable or unfit
  4    an output exists already or cannot be written
  5    the requested device is not available
  6    NaN, Inf or a series outside its range
  130  interrupted
"""


def reported(error: Exception) -> Failure:
    """Return the report of an exception of a command; see `failure_of` for those of a job."""
    if isinstance(error, click.Abort):
        return Failure(
            str(error.__cause__ or "") or "nothing is left half-written",
            "",
            EXIT_INTERRUPTED,
            label="interrupted",
        )
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        remedy = f"see {context.command_path} --help" if context else ""
        return Failure(error.format_message().rstrip("."), remedy, error.exit_code)
    return failure_of(error)


class App(LazyGroup):
    """The group, with the error boundary."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **settings: Any) -> Any:
        """Run a command line and exit; every error ends as one line on stderr.

        With ``--json`` among the arguments an error is also one JSON object on stdout, unless that is for an
        image; with ``--debug`` its traceback comes first.
        """
        channel = Channel()
        settle_threads()
        configure_logging("warning", write=partial(echo, err=True))
        arguments = sys.argv[1:] if args is None else list(args)
        settings = {"prog_name": "edlrr", **settings, "standalone_mode": False}
        if isinstance(sys.stdout, io.TextIOWrapper):  # a file name need not suit the terminal
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            outcome = super().main(arguments, *rest, obj=channel, **settings)
        except Exception as error:
            sys.exit(_report(error, arguments, channel))
        sys.exit(outcome if isinstance(outcome, int) else EXIT_OK)


def _report(error: Exception, arguments: list[str], channel: Channel) -> int:
    failure = reported(error)
    if "--debug" in arguments:
        traceback.print_exception(error)
    click.echo(failure.line(), err=True)
    if "--json" in arguments:
        record: dict[str, Any] = {"status": "error", "error": failure.message, "remedy": failure.remedy}
        record |= {"exit_code": failure.exit_code, "version": __version__}
        with suppress(OSError, OutputError):  # the error itself matters more than that it cannot be printed
            click.echo(json.dumps(record), err=channel.err)
    return failure.exit_code


@click.group(
    cls=App,
    commands_in=_COMMANDS,
    epilog=_EPILOG,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 110,
        "auto_envvar_prefix": "EDLRR",
    },
)
@click.version_option(__version__, prog_name="edlrr")
def edlrr() -> None:
    """Restore damaged and noisy images and split videos with a low-rank penalty that needs no SVD.

    \b
    edlrr inpaint photo.png --mask mask.png      fill what the mask marks
    edlrr mask scans --kind dust -o masks        find what to fill
    edlrr bgsep clip.mp4                         split it into background, foreground and masks
    edlrr denoise noisy.png                      remove its noise
    edlrr show regs                              list the penalties
    edlrr bench command -o command.json          measure it here
    edlrr COMMAND --help                         more examples and all options

    An option not given is taken from the environment, --quality of inpaint from EDLRR_INPAINT_QUALITY.
    """
