"""Standard input and output, where a file is named otherwise."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import BinaryIO

from edlrr_cli.errors import InputError

STANDARD_INPUT = Path("standard input")
STANDARD_OUTPUT = Path("standard output")
"""Stand for the streams in place of a file's path. Ask with ``is``: a file may have that name."""

_MAX_BYTES = 1 << 30  # more than any picture that is not refused for its size takes without compression
_CHUNK_BYTES = 1 << 20


_kept: ContextVar[dict[Path, bytes] | None] = ContextVar("_kept", default=None)


def is_stream(path: Path) -> bool:
    """Whether a path stands for a standard stream."""
    return path is STANDARD_INPUT or path is STANDARD_OUTPUT


@contextmanager
def keeping_streams() -> Iterator[None]:
    """Keep what is read from standard input and written to standard output, for `open_input`."""
    token = _kept.set({})
    try:
        yield
    finally:
        _kept.reset(token)


def open_input(path: Path) -> BinaryIO:
    """Open a file to read it, or a copy of all of standard input.

    Standard input can be opened once. Within `keeping_streams` it can be opened again, and standard output
    after it is written.

    Raises:
        InputError: Standard input is empty or endless.
        OSError: The file cannot be opened.
    """
    if not is_stream(path):
        return path.open("rb")
    kept = _kept.get() or {}
    return io.BytesIO(kept[path] if path in kept else _keep(path, _read_standard_input()))


def _keep(path: Path, content: bytes) -> bytes:
    kept = _kept.get()
    if kept is not None:
        kept[path] = content
    return content


def _read_standard_input() -> bytes:
    content = io.BytesIO()
    while chunk := sys.stdin.buffer.read(_CHUNK_BYTES):
        content.write(chunk)
        if content.tell() > _MAX_BYTES:
            raise InputError(f"{STANDARD_INPUT} has more than {_MAX_BYTES >> 20} MiB", "name a file")
    if not content.tell():
        raise InputError(f"{STANDARD_INPUT} is empty (0 bytes)", "pipe a picture into it")
    return content.getvalue()


def write_standard_output(content: bytes) -> None:
    """Write bytes to standard output, and nothing more later.

    Raises:
        OutputError: Writing failed, such as by a full disk.
        BrokenPipeError: Nobody reads any longer; click ends the command quietly then.
    """
    sys.stdout.buffer.write(_keep(STANDARD_OUTPUT, content))
    sys.stdout.buffer.flush()
