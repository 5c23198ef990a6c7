"""Standard input and output, where a file is named otherwise."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import BinaryIO

from edlrr_cli.errors import InputError

STANDARD_INPUT = Path("standard input")
STANDARD_OUTPUT = Path("standard output")
"""Stand for the streams in place of a file's path. Ask with ``is``: a file may have that name."""

_MAX_BYTES = 1 << 30  # more than any picture that is not refused for its size takes without compression
_CHUNK_BYTES = 1 << 20


def open_input(path: Path) -> BinaryIO:
    """Open a file to read it, or a copy of all of standard input, which can be read once.

    Raises:
        InputError: Standard input is empty or endless.
        OSError: The file cannot be opened.
    """
    return _standard_input() if path is STANDARD_INPUT else path.open("rb")


def _standard_input() -> BinaryIO:
    content = io.BytesIO()
    while chunk := sys.stdin.buffer.read(_CHUNK_BYTES):
        content.write(chunk)
        if content.tell() > _MAX_BYTES:
            raise InputError(f"{STANDARD_INPUT} has more than {_MAX_BYTES >> 20} MiB", "name a file")
    if not content.tell():
        raise InputError(f"{STANDARD_INPUT} is empty (0 bytes)", "pipe a picture into it")
    content.seek(0)
    return content


def write_standard_output(content: bytes) -> None:
    """Write bytes to standard output, and nothing more later.

    Raises:
        OutputError: Writing failed, such as by a full disk.
        BrokenPipeError: Nobody reads any longer; click ends the command quietly then.
    """
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()
