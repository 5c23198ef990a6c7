"""The exceptions of the package: one tree, each class with its exit code.

Imports nothing, so that every module can raise them. A message names the faulty file or argument, the
expected and the actual value; ``remedy`` is the one action that fixes it.
"""

from __future__ import annotations

EXIT_OK = 0
EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_INPUT = 3
EXIT_OUTPUT = 4
EXIT_DEVICE = 5
EXIT_NUMERICS = 6
EXIT_INTERRUPTED = 130


class EdlrrError(Exception):
    """An error that the user can understand; ends the command with ``exit_code`` and one line.

    Args:
        message: Description of the error, naming the file or argument.
        remedy: One phrase that describes the fix; may be empty.
    """

    exit_code = EXIT_FAILURE

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}; {self.remedy}" if self.remedy else self.message


class UsageError(EdlrrError, ValueError):
    """An invalid option, setting or argument (exit code 2)."""

    exit_code = EXIT_USAGE


class InputError(EdlrrError):
    """An input file that is missing, unreadable or unsuitable (exit code 3)."""

    exit_code = EXIT_INPUT


class OutputError(EdlrrError):
    """An output that exists already or cannot be written (exit code 4)."""

    exit_code = EXIT_OUTPUT


class DeviceError(EdlrrError):
    """A requested device that is not available (exit code 5)."""

    exit_code = EXIT_DEVICE


class NumericsError(EdlrrError, ArithmeticError):
    """NaN, Inf or a series outside its range (exit code 6)."""

    exit_code = EXIT_NUMERICS
