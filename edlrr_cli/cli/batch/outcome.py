"""What becomes of one input of a batch: the record of what was done, or of the fault."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from edlrr_cli import __version__
from edlrr_cli.cli.app import fault_of
from edlrr_cli.cli.logs import told_of

Record = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """One input of a batch: its file, its result's, and what the command makes of it, picklable."""

    input: Path
    output: Path
    task: Any


def outcome_of(job: Job, work: Callable[..., Record], *arguments: Any) -> Record:
    """Return the record of the work on a job, or of its failure.

    Args:
        job: Is named in what is told.
        work: What is done.
        *arguments: Of the work.

    Raises:
        KeyboardInterrupt: Ctrl-C, in whichever way the work tells of it.
    """
    try:
        with told_of(job.input):
            return work(*arguments)
    except click.Abort as interruption:  # it tells what is left of one; the batch tells it of all
        raise KeyboardInterrupt from interruption
    except Exception as error:
        return error_record(job.input, error)


def error_record(path: Path, error: Exception) -> Record:
    """Return what is told of an input that failed."""
    fault = fault_of(error)
    named = fault.message if str(path) in fault.message else f"{path}: {fault.message}"
    return {
        "status": "error",
        "input": str(path),
        "error": named,
        "remedy": fault.remedy,
        "exit_code": fault.exit_code,
        "version": __version__,
    }
