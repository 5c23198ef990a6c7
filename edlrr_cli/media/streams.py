"""Standard input and output in place of files."""

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
"""Represent the streams as paths. Compare with ``is``: a file may have the same name."""

_MAX_BYTES = 1 << 30  # an uncompressed image within the limit of pixels is smaller
_CHUNK_BYTES = 1 << 20

_kept: ContextVar[dict[Path, bytes] | None] = ContextVar("_kept", default=None)


def is_stream(path: Path) -> bool:
    """Whether a path represents a standard stream."""
    return path is STANDARD_INPUT or path is STANDARD_OUTPUT


@contextmanager
def keeping_streams() -> Iterator[None]:
    """Keep the content of standard input and output, so that `open_input` can open them again."""
    token = _kept.set({})
    try:
        yield
    finally:
        _kept.reset(token)


def open_input(path: Path) -> BinaryIO:
    """Open a file for reading, or a copy of standard input.

    Standard input can be opened once. Within `keeping_streams` it can be opened repeatedly, and so can
    standard output after it was written.

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
        raise InputError(f"{STANDARD_INPUT} is empty (0 bytes)", "pipe an image into it")
    return content.getvalue()


def write_standard_output(content: bytes) -> None:
    """Write bytes to standard output and flush it.

    Raises:
        OSError: Writing failed, for example on a full disk.
        BrokenPipeError: The reader closed the pipe; click then ends the command quietly.
    """
    sys.stdout.buffer.write(_keep(STANDARD_OUTPUT, content))
    sys.stdout.buffer.flush()
