"""Standard streams that a command can rely on, whether the caller closed, filled or left them."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

from edlrr_cli.errors import OutputError
from edlrr_cli.media.streams import STANDARD_OUTPUT

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_STDIN, _STDOUT, _STDERR = range(3)


def secure_standard_streams() -> None:
    """Open what is missing of the file descriptors 0 to 2, and make writing fail in one way; call it first.

    Otherwise the next file that is opened takes the number of a closed descriptor, and what libraries write
    to stderr goes into the user's file. A closed stream is the null device from then on. What cannot be
    written to stderr is dropped: no work fails for want of a log. Writing to stdout raises `OutputError`
    once, or `BrokenPipeError` if its reader is gone, and whatever is left goes to the null device.
    """
    for descriptor in (_STDIN, _STDOUT, _STDERR):
        _open_if_closed(descriptor)
    if sys.stdin is None:
        sys.stdin = open(_STDIN, closefd=False)  # noqa: SIM115  # of the process, not of a block
    sys.stdout = _over(_Stdout(_STDOUT, "wb", closefd=False), sys.stdout)
    sys.stderr = _over(_Stderr(_STDERR, "wb", closefd=False), sys.stderr, line_buffering=True)


class _Stdout(io.FileIO):
    """The product: what is lost of it is an error."""

    def write(self, content: ReadableBuffer, /) -> int:
        try:
            return super().write(content)
        except BrokenPipeError:
            _discard(_STDOUT)
            raise
        except OSError as error:
            _discard(_STDOUT)
            raise OutputError(f"{STANDARD_OUTPUT} cannot be written ({error})", "check the disk") from error


class _Stderr(io.FileIO):
    """The log: what is lost of it is not missed."""

    def write(self, content: ReadableBuffer, /) -> int:
        try:
            return super().write(content)
        except OSError:
            _discard(_STDERR)
            return memoryview(content).nbytes


def _over(raw: io.FileIO, stream: TextIO | None, *, line_buffering: bool = False) -> TextIO:
    """Return a text stream like another one over a file of its own; a stream of another kind as it is."""
    if stream is None:
        return io.TextIOWrapper(io.BufferedWriter(raw), errors="backslashreplace", line_buffering=True)
    binary = getattr(stream, "buffer", None)
    if not isinstance(getattr(binary, "raw", binary), io.FileIO):  # a console of Windows
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=line_buffering or raw.isatty(),
    )


def _open_if_closed(descriptor: int) -> None:
    try:
        os.fstat(descriptor)
    except OSError:
        _discard(descriptor)


def _discard(descriptor: int) -> None:
    """Make a descriptor the null device, for child processes too."""
    null = os.open(os.devnull, os.O_RDWR)
    if null != descriptor:
        os.dup2(null, descriptor)
        os.close(null)
    os.set_inheritable(descriptor, True)
