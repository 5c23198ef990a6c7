"""``-`` for standard input and output: the type of its options, and the checks of its limits."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from edlrr_cli.cli.console import reports_to_stderr
from edlrr_cli.errors import InputError, OutputError, UsageError
from edlrr_cli.media.streams import STANDARD_INPUT, STANDARD_OUTPUT, is_stream


class _FileOrStream(click.Path):
    def __init__(self, stream: Path) -> None:
        super().__init__(path_type=Path)
        self._stream = stream

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return self._stream if value == "-" else super().convert(value, param, ctx)


STREAM_IN, STREAM_OUT = _FileOrStream(STANDARD_INPUT), _FileOrStream(STANDARD_OUTPUT)
"""A file name, or ``-`` for the stream."""


def refuse_streams(paths: Iterable[Path | None]) -> None:
    """Refuse streams in a batch.

    Raises:
        UsageError: One of the paths is a stream.
    """
    if any(path is not None and is_stream(path) for path in paths):
        raise UsageError("- is for one image", "name files or folders in a batch")


def check_streams(read: Iterable[Path | None], written: Path) -> None:
    """Refuse what streams cannot do, and reserve standard output for the image if it is written there.

    Raises:
        UsageError: Standard input stands for two files.
        InputError: Nothing is piped into standard input.
        OutputError: Standard output is a terminal.
    """
    num_read = sum(path is STANDARD_INPUT for path in read)
    if num_read > 1:
        raise UsageError("- stands for two inputs, and standard input is read once", "name a file for one")
    if num_read and sys.stdin.isatty():
        raise InputError("nothing is piped into standard input", "pipe an image into it, or name a file")
    if written is STANDARD_OUTPUT:
        if sys.__stdout__ is None:  # it was closed when Python started, and is the null device by now
            raise OutputError("standard output is closed", "redirect it: > FILE, or name a file with -o")
        if sys.stdout.isatty():
            raise OutputError("an image is not for a terminal", "redirect it: > FILE, or name it with -o")
        reports_to_stderr()
