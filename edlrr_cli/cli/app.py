"""The ``edlrr`` group, and the one boundary where errors become a line and an exit code."""

from __future__ import annotations

import errno
import io
import json
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import click

from edlrr_cli import __version__
from edlrr_cli.cli.groups import LazyGroup
from edlrr_cli.cli.logs import log_from
from edlrr_cli.cli.tell import Channel
from edlrr_cli.cli.threads import settle_threads
from edlrr_cli.errors import EXIT_FAILURE, EXIT_INPUT, EXIT_INTERRUPTED, EXIT_OK, EdlrrError, OutputError

_COMMANDS = {
    "inpaint": "edlrr_cli.cli.inpaint.command",
    "bgsep": "edlrr_cli.cli.bgsep.command",
    "denoise": "edlrr_cli.cli.denoise.command",
    "train": "edlrr_cli.cli.train.command",
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
  5    the device asked for is not there
  6    NaN, Inf or a series outside its range
  130  interrupted
"""


@dataclass(frozen=True)
class Fault:
    """What the user is told about an error.

    Attributes:
        message: What is wrong.
        remedy: What mends it; may be empty.
        exit_code: Of the process.
        label: Before the message.
    """

    message: str
    remedy: str
    exit_code: int
    label: str = "error"

    def line(self) -> str:
        """Return all of it in one line."""
        text = f"{self.message}; {self.remedy}" if self.remedy else self.message
        return " ".join(f"edlrr: {self.label}: {text}".split())


def fault_of(error: Exception) -> Fault:
    """Say what an exception means to the user."""
    if isinstance(error, EdlrrError):
        return Fault(error.message, error.remedy, error.exit_code)
    if isinstance(error, click.Abort):
        left = str(error) or "nothing is left half-written"
        return Fault(left, "", EXIT_INTERRUPTED, label="interrupted")
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        remedy = f"see {context.command_path} --help" if context else ""
        return Fault(error.format_message().rstrip("."), remedy, error.exit_code)
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:  # of an input; outputs are checked
        return Fault(f"{error.filename}: no file has so long a name", "check the name", EXIT_INPUT)
    if _is_out_of_memory(error):
        return Fault("out of memory", "scale the input down, or try --device cpu", EXIT_FAILURE)
    message = f"{type(error).__name__}: {error}"
    return Fault(message, "run again with --debug and report it", EXIT_FAILURE, label="internal error")


def _is_out_of_memory(error: Exception) -> bool:
    """Recognise the out-of-memory errors of Python, NumPy and torch, without importing torch."""
    named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return named or "DefaultCPUAllocator: can't allocate memory" in str(error)


class App(LazyGroup):
    """The group with the boundary around it."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **settings: Any) -> Any:
        """Run a command line and exit; every error ends as one line on stderr.

        With ``--json`` among the arguments an error is also one JSON object on stdout, if that is not for a
        picture; with ``--debug`` its traceback comes first.
        """
        channel = Channel()
        settle_threads()
        log_from("warning")
        arguments = sys.argv[1:] if args is None else list(args)
        settings = {"prog_name": "edlrr", **settings, "standalone_mode": False}
        if isinstance(sys.stdout, io.TextIOWrapper):  # a file name need not suit the terminal
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            outcome = super().main(arguments, *rest, obj=channel, **settings)
        except Exception as error:
            sys.exit(_tell(error, arguments, channel))
        sys.exit(outcome if isinstance(outcome, int) else EXIT_OK)


def _tell(error: Exception, arguments: list[str], channel: Channel) -> int:
    fault = fault_of(error)
    if "--debug" in arguments:
        traceback.print_exception(error)
    click.echo(fault.line(), err=True)
    if "--json" in arguments:
        record: dict[str, Any] = {"status": "error", "error": fault.message, "remedy": fault.remedy}
        record |= {"exit_code": fault.exit_code, "version": __version__}
        with suppress(OSError, OutputError):  # the error itself says more than that it cannot be printed
            click.echo(json.dumps(record), err=channel.err)
    return fault.exit_code


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
    edlrr bgsep clip.mp4                         split it into background, foreground and masks
    edlrr denoise noisy.png                      remove its noise
    edlrr show regs                              list the penalties
    edlrr bench command -o command.json          measure it here
    edlrr COMMAND --help                         more examples and all options

    An option not given is taken from the environment, --quality of inpaint from EDLRR_INPAINT_QUALITY.
    """
