"""Cases of a benchmark, each run in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

from edlrr_cli.bench.record import Row
from edlrr_cli.pipelines.executors import ProcessExecutor


class Case(Protocol):
    """One row to be measured; picklable."""

    def as_row(self) -> Row:
        """Return the columns that identify the case, ``kind`` "case" among them."""


C = TypeVar("C", bound=Case)


def run_cases(call: Callable[[C], Row], cases: Sequence[C], *, jobs: int, threads: int) -> Iterator[Row]:
    """Yield the row of each case as it finishes; the row of one that fails has an ``error`` instead.

    Args:
        call: A function of a module, which returns the measured columns.
        jobs: Number of concurrent processes.
        threads: Number of threads per process.
    """
    for case, outcome in ProcessExecutor(jobs, threads).run(call, cases):
        row = {"error": in_one_line(outcome)} if isinstance(outcome, Exception) else outcome
        yield {**case.as_row(), **row}


def in_one_line(error: Exception) -> str:
    """Return what went wrong, for the row of a case.

    Example:
        >>> in_one_line(ValueError("two\\nlines"))
        'ValueError: two lines'
    """
    return " ".join(f"{type(error).__name__}: {error}".split())
