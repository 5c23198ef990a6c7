"""The results file of a benchmark: saved while it runs, and read again to resume a stopped run."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, TypeVar

from edlrr_cli.bench.record import Record, Row, encode, make_record, read_record
from edlrr_cli.bench.runner import Case
from edlrr_cli.errors import OutputError
from edlrr_cli.media.files import write_atomic

_SAVE_EVERY_S = 10.0
# Kinds of rows that are made from the others.
_DERIVED = ("mean", "left_out")

CaseT = TypeVar("CaseT", bound=Case)


@dataclass(frozen=True)
class Benchmark(Generic[CaseT]):
    """What a results file is about.

    Attributes:
        cases: All cases. The columns of `Case.as_row` identify their rows.
        same: Names of the parameters that must not change between runs.
        same_entries: Names of the parameters, each a mapping, whose entries must not change; others may be
            added. With the text that describes an entry in messages, a format.
        summary: Returns the rows that are made from those of the cases.
        has_files: Whether the files that belong to the row of a case exist.
    """

    name: str
    parameters: Mapping[str, Any]
    cases: Sequence[CaseT]
    same: Sequence[str]
    same_entries: Mapping[str, str] = field(default_factory=dict)
    summary: Callable[[Sequence[Row]], list[Row]] = lambda rows: []
    has_files: Callable[[CaseT], bool] = lambda case: True


class ResultsFile(Generic[CaseT]):
    """The rows of a benchmark and their file; a context manager that saves them on exit, after errors too.

    Args:
        path: JSON file; its finished cases are reused if it exists.

    Raises:
        OutputError: The file exists and is not a stopped run of this benchmark.
    """

    def __init__(
        self, path: Path, benchmark: Benchmark[CaseT], *, command: str, device: str, anew: bool = False
    ) -> None:
        self._path, self._benchmark = path, benchmark
        self._head = make_record(
            benchmark.name, command=command, device=device, parameters=benchmark.parameters, rows=[]
        )
        identities = [case.as_row() for case in benchmark.cases]
        self._columns = {row["kind"]: tuple(row) for row in identities}
        self._order = {self._key(row): index for index, row in enumerate(identities)}
        self._rows = {} if anew or not path.exists() else self._read()
        self._saved = -math.inf

    @property
    def rows(self) -> list[Row]:
        """Return the rows of the finished cases, in the order of the cases."""
        return sorted(self._rows.values(), key=lambda row: self._order[self._key(row)])

    @property
    def record(self) -> Record:
        """Return the current record."""
        rows = self.rows
        return {**self._head, "rows": [*rows, *self._benchmark.summary(rows)]}

    def cases_left(self) -> list[CaseT]:
        """Return the cases that are unfinished, failed, or without their files."""
        return [case for case in self._benchmark.cases if not self._is_done(case)]

    def add(self, row: Row) -> None:
        """Add a row with the current commit; save if the last save is older than `_SAVE_EVERY_S`."""
        self._rows[self._key(row)] = {**row, "commit": self._head["commit"]}
        if time.monotonic() - self._saved > _SAVE_EVERY_S:
            self._save()

    def _key(self, row: Row) -> tuple[Any, ...]:
        return tuple(row[name] for name in self._columns[row["kind"]])

    def _is_done(self, case: CaseT) -> bool:
        row = self._rows.get(self._key(case.as_row()))
        return row is not None and "error" not in row and self._benchmark.has_files(case)

    def _read(self) -> dict[tuple[Any, ...], Row]:
        record, benchmark = read_record(self._path), self._benchmark
        if record["benchmark"] != benchmark.name:
            raise OutputError(f"{self._path} is another benchmark", "name another file, or --overwrite it")
        others = list(self._changed(record["parameters"]))
        if others:
            raise OutputError(
                f"{self._path} was made with another {others[0]}", "name another file, or --overwrite it"
            )
        rows = [row for row in record["rows"] if row["kind"] not in _DERIVED]
        if not all(row["kind"] in self._columns and self._key(row) in self._order for row in rows):
            raise OutputError(
                f"{self._path} holds cases that are not asked for now", "ask for them too, or --overwrite it"
            )
        return {self._key(row): row for row in rows}

    def _changed(self, before: Mapping[str, Any]) -> list[str]:
        """Return what differs in the parameters of another run."""
        now = json.loads(encode(self._head))["parameters"]
        changed = [name for name in self._benchmark.same if before.get(name) != now[name]]
        for name, text in self._benchmark.same_entries.items():
            entries = before.get(name, {})
            changed += [
                text.format(key) for key, value in now[name].items() if entries.get(key, value) != value
            ]
        return changed

    def _save(self) -> None:
        write_atomic(self._path, encode(self.record))
        self._saved = time.monotonic()

    def __enter__(self) -> ResultsFile[CaseT]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._rows:
            self._save()
