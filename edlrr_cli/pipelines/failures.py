"""Report of an exception to the user: one line, an exit code, and a record."""

from __future__ import annotations

import errno
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edlrr_cli import __version__
from edlrr_cli.errors import EXIT_FAILURE, EXIT_INPUT, EdlrrError

Record = dict[str, Any]
"""What is known about one run, by name: plain values and paths, ready for JSON."""


@dataclass(frozen=True)
class Failure:
    """The report of an error.

    Attributes:
        remedy: What to do about it; may be empty.
    """

    message: str
    remedy: str
    exit_code: int
    label: str = "error"

    def line(self) -> str:
        """Return the report in one line."""
        text = f"{self.message}; {self.remedy}" if self.remedy else self.message
        return " ".join(f"edlrr: {self.label}: {text}".split())


def failure_of(error: Exception) -> Failure:
    """Return how an exception is reported."""
    if isinstance(error, EdlrrError):
        return Failure(error.message, error.remedy, error.exit_code)
    if isinstance(error, BrokenProcessPool):  # the system ends a process that takes too much memory
        return Failure("its process was ended from outside", "free memory, or use fewer --jobs", EXIT_FAILURE)
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:  # of an input; outputs are checked
        return Failure(f"{error.filename}: no file has so long a name", "check the name", EXIT_INPUT)
    if _is_out_of_memory(error):
        return Failure("out of memory", "scale the input down, or try --device cpu", EXIT_FAILURE)
    message = f"{type(error).__name__}: {error}"
    return Failure(message, "run again with --debug and report it", EXIT_FAILURE, label="internal error")


def _is_out_of_memory(error: Exception) -> bool:
    """Recognize the out-of-memory errors of Python, NumPy and torch, without importing torch."""
    named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return named or "DefaultCPUAllocator: can't allocate memory" in str(error)


def failure_record(path: Path, error: Exception) -> Record:
    """Return the record of an input that failed."""
    failure = failure_of(error)
    named = failure.message if str(path) in failure.message else f"{path}: {failure.message}"
    return {
        "status": "error",
        "input": str(path),
        "error": named,
        "remedy": failure.remedy,
        "exit_code": failure.exit_code,
        "version": __version__,
    }
