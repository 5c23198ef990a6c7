"""Logging to stderr: one plain handler, in this process or in a worker's."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LEVELS = ("debug", "info", "warning", "error")

_logger = logging.getLogger("edlrr_cli")


def _print(line: str) -> None:
    print(line, file=sys.stderr)


class _Handler(logging.Handler):
    subject = ""
    write: Callable[[str], object] = staticmethod(_print)

    def emit(self, record: logging.LogRecord) -> None:
        self.write(f"edlrr: {record.levelname.lower()}: {self.subject}{record.getMessage()}")


_handler = _Handler()
_nobody = logging.NullHandler()


def configure_logging(level: str, *, write: Callable[[str], object] | None = None) -> None:
    """Log this package's messages from a level on, and none of what other libraries log.

    Args:
        write: Receives each line; None keeps the current one, at first a print to stderr.
    """
    logging.getLogger().addHandler(_nobody)
    _logger.handlers = [_handler]
    _logger.setLevel(level.upper())
    if write is not None:
        _handler.write = write


def current_level() -> str:
    """Return the effective level, to configure another process alike."""
    return logging.getLevelName(_logger.getEffectiveLevel()).lower()


@contextmanager
def log_subject(subject: object) -> Iterator[None]:
    """Begin every log line of this process, in any thread, with the input that it concerns."""
    _handler.subject = f"{subject}: "
    try:
        yield
    finally:
        _handler.subject = ""
