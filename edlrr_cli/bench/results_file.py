"""The results file of Table 1: saved while the benchmark runs, and read again to resume a stopped run."""

from __future__ import annotations

import math
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from edlrr_cli.bench.record import Record, Row, encode, make_record, read_record
from edlrr_cli.bench.table1 import NAME, PARAMETERS, CaseKey, Plan, identity, means
from edlrr_cli.errors import OutputError
from edlrr_cli.media.files import write_atomic

_SAVE_EVERY_S = 10.0
_SAME = ("crop_px", "device")


class ResultsFile:
    """The rows of a plan and their file; as a context manager it saves all rows on exit, also after an error.

    Args:
        path: JSON file; its finished cases are reused if it exists.

    Raises:
        OutputError: The file exists and is not a stopped run of this plan.
    """

    def __init__(
        self, path: Path, plan: Plan, *, command: str, settings: dict[str, Any], anew: bool = False
    ) -> None:
        parameters = {**PARAMETERS, **plan.as_parameters(), **settings}
        self._path, self._plan = path, plan
        self._head = make_record(NAME, command=command, device=plan.device, parameters=parameters, rows=[])
        self._rows = {} if anew or not path.exists() else self._read()
        self._saved = -math.inf

    @property
    def rows(self) -> list[Row]:
        """Return the rows of the finished cases, in the order of the plan."""
        order = {identity(case.as_row()): index for index, case in enumerate(self._plan.cases())}
        return sorted(self._rows.values(), key=lambda row: order[identity(row)])

    @property
    def record(self) -> Record:
        """Return the current record."""
        rows = self.rows
        return {**self._head, "rows": [*rows, *means(self._plan, rows)]}

    def cases_left(self) -> list[CaseKey]:
        """Return the cases that are unfinished, failed, or without their thumbnail."""
        return [case for case in self._plan.cases() if not self._is_done(case)]

    def add(self, row: Row) -> None:
        """Add a row with the current commit; save if the last save is older than `_SAVE_EVERY_S`."""
        self._rows[identity(row)] = {**row, "commit": self._head["commit"]}
        if time.monotonic() - self._saved > _SAVE_EVERY_S:
            self._save()

    def _is_done(self, case: CaseKey) -> bool:
        row = self._rows.get(identity(case.as_row()))
        thumbnail = case.thumbnail(case.slug)
        return row is not None and "error" not in row and (thumbnail is None or thumbnail.is_file())

    def _read(self) -> dict[tuple[Any, ...], Row]:
        record = read_record(self._path)
        parameters = self._head["parameters"]
        if record["benchmark"] != NAME:
            raise OutputError(f"{self._path} is another benchmark", "name another file, or --overwrite it")
        before = record["parameters"]
        others = [name for name in _SAME if before.get(name) != parameters[name]]
        others += [
            file for file, digest in parameters["data"].items() if before["data"].get(file, digest) != digest
        ]
        others += [
            f"setting of {method}"
            for method, settings in parameters["settings"].items()
            if before["settings"].get(method, settings) != settings
        ]
        if others:
            raise OutputError(
                f"{self._path} was made with another {others[0]}", "name another file, or --overwrite it"
            )
        rows = {identity(row): row for row in record["rows"] if row["kind"] == "case"}
        planned = {identity(case.as_row()) for case in self._plan.cases()}
        if not rows.keys() <= planned:
            raise OutputError(
                f"{self._path} holds cases that are not asked for now", "ask for them too, or --overwrite it"
            )
        return rows

    def _save(self) -> None:
        write_atomic(self._path, encode(self.record))
        self._saved = time.monotonic()

    def __enter__(self) -> ResultsFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._rows:
            self._save()
