"""Run the jobs of a command, and print their records: a single one in full, a batch in one line each."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import click

from edlrr_cli.cli.console import ConsoleMonitor, as_json_text, echo, print_record
from edlrr_cli.cli.streams import check_streams, refuse_streams
from edlrr_cli.errors import EXIT_FAILURE, EXIT_OK, OutputError, UsageError
from edlrr_cli.media.streams import keeping_streams
from edlrr_cli.pipelines.batch import BatchOptions, MakeJob, Plan, plan_batch, run_batch
from edlrr_cli.pipelines.destination import Destination
from edlrr_cli.pipelines.failures import Failure, Record
from edlrr_cli.pipelines.inputs import Input, Selection
from edlrr_cli.pipelines.job import AnyJob

_STATES = {"ok": "done", "planned": "planned", "skipped": "skipped", "error": "failed"}


@dataclass(frozen=True)
class RunOptions:
    """The options that all commands over jobs share; see `edlrr_cli.cli.job_options`.

    Attributes:
        suffix: Between the stem and the extension of the results' names; None for the usual one.
    """

    batch: BatchOptions
    suffix: str | None
    as_json: bool
    overwrite: bool
    quiet: bool
    report: Path | None


def run_jobs(
    job_type: type[AnyJob],
    make_job: MakeJob,
    selection: Selection,
    destination: Destination,
    options: RunOptions,
    *,
    device: str = "cpu",
    also_read: Iterable[Path | None] = (),
    single_only: Mapping[str, Path | None] | None = None,
) -> int:
    """Run the jobs of all inputs, print their records, and write the page if one is requested.

    Args:
        single_only: Options that are refused in a batch, by name; None where not given.

    Returns:
        The exit code: 1 if any input of a batch failed.

    Raises:
        EdlrrError: Of the only input; or nothing is found, or an output or the page cannot be written.
        KeyboardInterrupt: Ctrl-C; its text says what is kept.
    """
    named = (*selection.names, *also_read)
    if options.batch.is_batch(selection):
        _refuse_in_batch((*named, destination.output), single_only or {})
        with _page(options, job_type, named, destination.output, many=True) as add_to_page:
            plan = plan_batch(make_job, selection, destination, options.batch)
            return _run_batch(job_type, plan, options, device, add_to_page)
    source = Input(selection.names[0])
    output = destination.single(source)
    check_streams(named, output)
    with keeping_streams(), _page(options, job_type, named, output) as add_to_page:
        record = make_job(source, output).run(ConsoleMonitor(quiet=options.quiet))
        add_to_page(record)
    printed = _printed(job_type, record)
    print_record(printed, job_type.lines(record), as_json=options.as_json, quiet=options.quiet)
    return EXIT_OK


def _page(
    options: RunOptions,
    job_type: type[AnyJob],
    named: Sequence[Path | None],
    output: Path | None,
    *,
    many: bool = False,
) -> AbstractContextManager[Callable[[Record], None]]:
    from edlrr_cli.pipelines.report.page import page_of

    path = None if options.batch.dry_run else options.report
    return page_of(path, job_type, *named, output=output, overwrite=options.overwrite, many=many)


def _run_batch(
    job_type: type[AnyJob],
    plan: Plan,
    options: RunOptions,
    device: str,
    add_to_page: Callable[[Record], None],
) -> int:
    """Run the remaining jobs of a batch, and print all its records."""
    printer = _BatchPrinter(job_type, options)
    total = len(plan.jobs) + len(plan.records)
    shown = ConsoleMonitor(quiet=options.quiet or options.batch.dry_run)
    try:
        with shown.progress(job_type.unit, total=total) as advance:
            outcomes = run_batch(plan.jobs, options.batch, device=device, notify=printer.notify)
            for done, record in enumerate(chain(plan.records, outcomes), start=1):
                add_to_page(record)
                printer.print(record)
                if advance is not None:
                    advance(done)
    except KeyboardInterrupt:
        finished = f"{printer.counts['ok']} of {total} done"
        text = f"{finished}, nothing is left half-written; go on with {job_type.continue_with}"
        raise KeyboardInterrupt(text) from None
    return printer.finish()


def _refuse_in_batch(paths: Iterable[Path | None], single_only: Mapping[str, Path | None]) -> None:
    refuse_streams(paths)
    for option, path in single_only.items():
        if path is not None:
            raise UsageError(f"{option} is for one image", "leave it out of a batch")


def _printed(job_type: type[AnyJob], record: Record) -> Record:
    return {name: value for name, value in record.items() if name not in job_type.unprinted}


class _BatchPrinter:
    """Prints the record of each input of a batch when it is finished, and a summary at the end."""

    def __init__(self, job_type: type[AnyJob], options: RunOptions) -> None:
        self._job_type, self._options = job_type, options
        self._monitor = ConsoleMonitor(quiet=options.quiet)
        self._started = time.perf_counter()
        self._unprinted: OutputError | None = None
        self.counts = Counter[str]()

    def print(self, record: Record) -> None:
        self.counts[record["status"]] += 1
        try:
            self._print(record)
        except OutputError as error:  # of stdout; the files are the product, so the work goes on
            self._unprinted = error

    def _print(self, record: Record) -> None:
        failed = record["status"] == "error"
        if failed:
            echo(Failure(record["error"], record["remedy"], record["exit_code"]).line(), err=True)
        if self._options.as_json:
            echo(as_json_text(_printed(self._job_type, record)))
        elif not self._options.quiet and not failed:
            text = self._job_type.line(record) if record["status"] == "ok" else ""
            echo(f"{record['status']:<9}{record['input']} -> {record['output']}{text and '  ' + text}")
        for note in record.get("notes", ()):
            self._monitor.note(record["input"], note)

    def notify(self, text: str) -> None:
        """Print the reason why the batch waits."""
        if not self._options.quiet:
            echo(f"edlrr: {text}", err=True)

    def finish(self) -> int:
        """Print the summary and return the exit code.

        Raises:
            OutputError: Records could not be printed.
        """
        if not self._options.quiet:
            parts = [f"{self.counts[key]} {word}" for key, word in _STATES.items() if self.counts[key]]
            seconds = time.perf_counter() - self._started
            click.echo(f"{', '.join(parts)}, {seconds:.1f} s", err=True)
        if self._unprinted is not None:
            raise self._unprinted
        return EXIT_FAILURE if self.counts["error"] else EXIT_OK
