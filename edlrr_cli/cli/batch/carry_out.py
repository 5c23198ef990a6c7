"""What a command does with what it is given: one input, told in full, or many, a line each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edlrr_cli.cli.batch.inputs import Input
from edlrr_cli.cli.batch.options import Batch, Place
from edlrr_cli.cli.batch.outcome import Record
from edlrr_cli.cli.batch.run import Work, work_on
from edlrr_cli.cli.report.page import Kind, reporting
from edlrr_cli.cli.streams import check_streams, refuse_streams
from edlrr_cli.cli.tell import tell
from edlrr_cli.errors import EXIT_OK, UsageError


def carry_out(
    names: Sequence[Path],
    task_of: Callable[[Input, Path], Any],
    place: Place,
    batch: Batch,
    work: Work,
    kind: Kind,
    *,
    lines_of: Callable[[Record], Iterable[tuple[str, str]]],
    others: Sequence[Path | None] = (),
    of_one: Mapping[str, Path | None] | None = None,
    report: Path | None,
    overwrite: bool,
    device: str,
) -> int:
    """Work on all that names stand for, tell of it, and write the page if one is asked for.

    Args:
        names: Files, folders and patterns, or a stream.
        task_of: Returns what is done with an input, picklable, for the output it is given.
        place: Where results go.
        batch: How many are worked on.
        work: What is done.
        kind: How the page shows it.
        lines_of: What people read of the only input's record: labels and texts.
        others: Files that are read beside those named.
        of_one: Options that are of one input alone, by name; None where not said.
        report: The page.
        overwrite: Whether an existing page may be replaced.
        device: The work is done on.

    Returns:
        The exit code.

    Raises:
        EdlrrError: See `work_on`, `reporting` and the call of the work.
    """
    many, only = batch.includes(names, work.is_many), Input(names[0])
    inputs = (*names, *others)
    page = None if batch.dry_run else report
    if many:
        _refuse_in_batch((*inputs, place.output), of_one or {})
        with reporting(page, kind, *inputs, output=place.output, overwrite=overwrite, many=True) as add:
            return work_on(names, task_of, place, batch, replace(work, reported=add), device=device)
    output = place.of_one(only)
    check_streams(inputs, output)
    with reporting(page, kind, *inputs, output=output, overwrite=overwrite) as add:
        record = work.call(task_of(only, output))
        add(record)
    said = {name: value for name, value in record.items() if name not in work.untold}
    tell(said, lines_of(record), as_json=work.as_json, quiet=work.quiet)
    return EXIT_OK


def _refuse_in_batch(paths: Iterable[Path | None], of_one: Mapping[str, Path | None]) -> None:
    refuse_streams(paths)
    for option, path in of_one.items():
        if path is not None:
            raise UsageError(f"{option} is of one picture", "leave it out of a batch")
