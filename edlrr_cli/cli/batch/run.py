"""Run a call on every picture: the bad are reported, the rest goes on, and the end tells how many of each."""

from __future__ import annotations

import math
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import click

from edlrr_cli import __version__
from edlrr_cli.cli.app import Fault
from edlrr_cli.cli.batch.cluster import run_each_on
from edlrr_cli.cli.batch.inputs import Input, find_inputs, is_batch
from edlrr_cli.cli.batch.options import Batch, Place, jobs_for, make_folders, takes_several
from edlrr_cli.cli.batch.outcome import Job, Record, error_record, outcome_of
from edlrr_cli.cli.batch.together import AT_ONCE, Stages, work_together
from edlrr_cli.cli.batch.workers import run_each
from edlrr_cli.cli.tell import as_json_text, draws_progress, echo, log_notes
from edlrr_cli.cores import available_cores
from edlrr_cli.errors import EXIT_FAILURE, EXIT_OK, EdlrrError, InputError, OutputError, UsageError

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Work:
    """What a command does with pictures, or with other inputs.

    Attributes:
        call: A function of a module; writes the output and returns the record of it.
        line_of: Returns what people read of a record, beside the names of the files.
        as_json: Print one JSON object a picture on stdout.
        quiet: Print no lines; errors remain.
        check: Raises `OutputError` for an output, and its input, that would be refused; for work that may
            be repeated, and then replaces what is there.
        stages: The same as the call, in stages; for work on several inputs at once.
        find: Returns the inputs that names stand for.
        is_many: Whether names stand for any number of them.
        is_done: Whether an output is there as a whole.
        unit: What an input is, for the bar.
        go_on: What goes on where an interrupted batch stopped.
        reported: Takes each record, for a page.
        untold: Names of what is of the page alone, and not printed.
    """

    call: Callable[[Any], Record]
    line_of: Callable[[Record], str]
    as_json: bool
    quiet: bool
    check: Callable[[Path, Path], None]
    stages: Stages | None = None
    find: Callable[..., list[Input]] = find_inputs
    is_many: Callable[[Sequence[Path]], bool] = is_batch
    is_done: Callable[[Path], bool] = Path.exists
    unit: str = "picture"
    go_on: str = "--skip-existing"
    reported: Callable[[Record], None] = lambda record: None
    untold: tuple[str, ...] = ()


def work_on(
    names: Sequence[Path],
    task_of: Callable[[Input, Path], Any],
    place: Place,
    batch: Batch,
    work: Work,
    *,
    device: str,
) -> int:
    """Work on all pictures that names stand for.

    Args:
        names: Files, folders and patterns.
        task_of: Returns what is done with a picture, picklable, for the output it is given.
        place: Where results go.
        batch: How.
        work: What is done.
        device: It is done on.

    Returns:
        The exit code: 1 if any picture failed.

    Raises:
        InputError: Nothing is found.
        OutputError: A folder cannot be made; or, after the work, its records could not be printed.
        click.Abort: Ctrl-C; files that are finished stay.
    """
    jobs, failed = _planned(names, task_of, place, batch, work)
    started, counts = time.perf_counter(), Counter[str]()
    total = len(jobs) + len(failed)
    shown = draws_progress(quiet=work.quiet or batch.dry_run)
    unprinted: OutputError | None = None
    try:
        with _bar(total, work.unit, shown=shown) as advance:
            for record in chain(failed, _records(jobs, batch, work, device)):
                counts[record["status"]] += 1
                work.reported(record)
                try:
                    _tell(record, work)
                except OutputError as error:  # of stdout; the files are the product, so the work goes on
                    unprinted = error
                advance()
    except KeyboardInterrupt:
        done = f"{counts['ok']} of {total} done"
        raise click.Abort(f"{done}, nothing is left half-written; go on with {work.go_on}") from None
    if not work.quiet:
        click.echo(_summary(counts, time.perf_counter() - started), err=True)
    if unprinted is not None:
        raise unprinted
    return EXIT_FAILURE if counts["error"] else EXIT_OK


def _planned(
    names: Sequence[Path],
    task_of: Callable[[Input, Path], Any],
    place: Place,
    batch: Batch,
    work: Work,
) -> tuple[list[Job], list[Record]]:
    """Return what is to be done, and the pictures for which that cannot be said; make the folders."""
    jobs: dict[Path, Job] = {}
    failed: list[Record] = []
    found = work.find(names, recursive=batch.recursive)
    output_of = place.of_many if work.is_many(names) else place.of_one
    for of in batch.part_of(found):
        try:
            output = output_of(of)
            job = Job(of.path, output, task_of(of, output))
            first = jobs.setdefault(output.absolute(), job)
            if first is not job:
                raise UsageError(f"{of.path} and {first.input} would both be {output}", "rename one")
        except (InputError, UsageError) as error:
            failed.append(error_record(of.path, error))
    if not batch.dry_run:
        make_folders(jobs)
    return list(jobs.values()), failed


def _records(jobs: Sequence[Job], batch: Batch, work: Work, device: str) -> Iterator[Record]:
    """Yield the record of each picture as it comes."""
    left = []
    for job in jobs:
        said = {"input": str(job.input), "output": str(job.output), "version": __version__}
        if batch.skip_existing and work.is_done(job.output):
            yield {"status": "skipped", **said}
        elif batch.dry_run:
            yield {"status": "planned", **said}
        elif batch.may_repeat and (refusal := _refusal(job, work)) is not None:
            yield refusal
        else:
            left.append(job)
    if not left:
        return
    for job, outcome in _outcomes(left, batch, work, device):
        yield error_record(job.input, _died(outcome)) if isinstance(outcome, Exception) else outcome


def _outcomes(
    jobs: Sequence[Job], batch: Batch, work: Work, device: str
) -> Iterator[tuple[Job, Record | Exception]]:
    """Yield the record of each job, or what ended it, as it comes."""
    call = partial(_called, work.call)
    if batch.cluster is not None:
        return run_each_on(batch.cluster, call, jobs, say=partial(_note, quiet=work.quiet))
    num_processes = min(batch.jobs or jobs_for(device), len(jobs))
    if work.stages is not None and takes_several(device):
        return _outcomes_of_groups(jobs, call, work.stages, num_processes)
    return _outcomes_in_processes(call, jobs, num_processes)


def _outcomes_of_groups(
    jobs: Sequence[Job], call: Callable[[Job], Record], stages: Stages, num_processes: int
) -> Iterator[tuple[Job, Record | Exception]]:
    """Compute several inputs at once; while one process computes, another reads and writes."""
    size = min(math.ceil(len(jobs) / num_processes), AT_ONCE)
    groups = [jobs[first : first + size] for first in range(0, len(jobs), size)]
    for group, outcome in _outcomes_in_processes(partial(work_together, stages), groups, num_processes):
        if isinstance(outcome, Exception):  # their process died: each answers for itself
            yield from run_each(call, group, jobs=1, threads=available_cores())
        else:
            yield from zip(group, outcome, strict=True)


def _outcomes_in_processes(
    call: Callable[[T], R], tasks: Sequence[T], num_processes: int
) -> Iterator[tuple[T, R | Exception]]:
    """Yield what a call makes of each task, in this process if it is to be one."""
    if num_processes == 1:
        return ((task, call(task)) for task in tasks)
    threads = max(available_cores() // num_processes, 1)
    return run_each(call, tasks, jobs=num_processes, threads=threads)


def _refusal(job: Job, work: Work) -> Record | None:
    """Return the record of a job whose output must not be replaced."""
    try:
        work.check(job.output, job.input)
    except OutputError as error:
        return error_record(job.input, error)
    return None


def _called(call: Callable[[Any], Record], job: Job) -> Record:
    return outcome_of(job, call, job.task)


def _died(error: Exception) -> Exception:
    """Say what the end of a process means; the system ends one that takes too much memory."""
    if isinstance(error, BrokenProcessPool):
        return EdlrrError("its process was ended from outside", "free memory, or take fewer --jobs")
    return error


def _tell(record: Record, work: Work) -> None:
    if record["status"] == "error":
        fault = Fault(record["error"], record["remedy"], record["exit_code"])
        echo(fault.line(), err=True)
    if work.as_json:
        echo(as_json_text({name: value for name, value in record.items() if name not in work.untold}))
    elif not work.quiet and record["status"] != "error":
        told = work.line_of(record) if record["status"] == "ok" else ""
        echo(f"{record['status']:<9}{record['input']} -> {record['output']}{told and '  ' + told}")
    if not work.quiet:
        log_notes(record["input"], record.get("notes", ()))


def _note(text: str, *, quiet: bool) -> None:
    if not quiet:
        echo(f"edlrr: {text}", err=True)


def _summary(counts: Counter[str], seconds: float) -> str:
    words = {"ok": "done", "planned": "planned", "skipped": "skipped", "error": "failed"}
    parts = [f"{counts[status]} {word}" for status, word in words.items() if counts[status]]
    return f"{', '.join(parts)}, {seconds:.1f} s"


@contextmanager
def _bar(total: int, unit: str, *, shown: bool) -> Iterator[Callable[[], object]]:
    """Yield what advances a bar on stderr, or nothing."""
    if not shown:
        yield lambda: None
        return
    from tqdm import tqdm

    with tqdm(total=total, file=sys.stderr, unit=unit, leave=False, dynamic_ncols=True) as bar:
        yield bar.update
