"""What is told on stderr while the program works: one plain handler, in this process or a worker's."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from edlrr_cli.cli.tell import echo

LEVELS = ("debug", "info", "warning", "error")

_logger = logging.getLogger("edlrr_cli")


class _OnStderr(logging.Handler):
    subject = ""

    def emit(self, record: logging.LogRecord) -> None:
        echo(f"edlrr: {record.levelname.lower()}: {self.subject}{record.getMessage()}", err=True)


_handler = _OnStderr()
_nobody = logging.NullHandler()


def log_from(level: str) -> None:
    """Tell of everything from a level on, and of nothing that libraries would log on stderr."""
    logging.getLogger().addHandler(_nobody)
    _logger.handlers = [_handler]
    _logger.setLevel(level.upper())


def current_level() -> str:
    """Return the level that is told from on, for another process."""
    return logging.getLevelName(_logger.getEffectiveLevel()).lower()


@contextmanager
def told_of(subject: object) -> Iterator[None]:
    """Name in every line of this process, whatever its thread, the one of many that it is about."""
    _handler.subject = f"{subject}: "
    try:
        yield
    finally:
        _handler.subject = ""


def level_said(context: click.Context, option: click.Parameter, said: Any) -> Any:
    """Follow ``--log-level``, or ``--quiet``, which is the level error; of several the last one counts."""
    if said:
        log_from("error" if said is True else said)
    return said
