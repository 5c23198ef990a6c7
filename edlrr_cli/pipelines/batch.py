"""Batches of jobs: the plan of what is left to run, the executor, and the records."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path

from edlrr_cli import __version__
from edlrr_cli.cores import available_cores
from edlrr_cli.errors import InputError, OutputError, UsageError
from edlrr_cli.pipelines.cluster import DaskExecutor, require_dask
from edlrr_cli.pipelines.destination import Destination, make_folders
from edlrr_cli.pipelines.executors import Executor, ProcessExecutor, SerialExecutor
from edlrr_cli.pipelines.failures import Record, failure_record
from edlrr_cli.pipelines.inputs import Input, Selection
from edlrr_cli.pipelines.job import AnyJob, attempt, attempt_group

MakeJob = Callable[[Input, Path], AnyJob]
"""Returns the job for an input and its output."""

AT_ONCE = 32
"""Inputs that are read before the first is computed, at most."""


@dataclass(frozen=True)
class BatchOptions:
    """Selection of the inputs of a batch, and what computes them.

    Attributes:
        jobs: Number of processes; None for the number that suits the device.
        shard: Index of the part of all inputs, from 1, and the number of parts.
        cluster: Address of the Dask scheduler whose workers run the jobs; None for processes of this machine.

    Raises:
        UsageError: A cluster with a number of processes, or without the library for it.
    """

    recursive: bool = False
    skip_existing: bool = False
    dry_run: bool = False
    jobs: int | None = None
    shard: tuple[int, int] | None = None
    cluster: str | None = None

    def __post_init__(self) -> None:
        if self.cluster is None:
            return
        if self.jobs is not None:
            raise UsageError("--jobs are of this machine, and --cluster has workers", "leave one of them out")
        require_dask()

    def is_batch(self, selection: Selection) -> bool:
        """Whether a selection is run as a batch, with a line for each input."""
        special = self.skip_existing or self.dry_run or self.shard is not None or self.cluster is not None
        return selection.is_batch or special

    def shard_of(self, inputs: Sequence[Input]) -> Sequence[Input]:
        """Return the inputs of this shard; all shards together have all inputs."""
        first, count = self.shard or (1, 1)
        return inputs[first - 1 :: count]


@dataclass(frozen=True)
class Plan:
    """The plan of a batch.

    Attributes:
        records: The records of the inputs that failed already, are skipped, or are only planned.
    """

    jobs: Sequence[AnyJob]
    records: Sequence[Record]


def plan_batch(
    make_job: MakeJob, selection: Selection, destination: Destination, options: BatchOptions
) -> Plan:
    """Find the inputs, make their jobs and the output folders, and separate the jobs that are done already.

    Raises:
        InputError: Nothing is found.
        OutputError: A folder cannot be made.
    """
    jobs: dict[Path, AnyJob] = {}
    records: list[Record] = []
    locate = destination.batched if selection.is_batch else destination.single
    for source in options.shard_of(selection.find()):
        try:
            output = locate(source)
            job = make_job(source, output)
            first = jobs.setdefault(output.absolute(), job)
            if first is not job:
                raise UsageError(f"{source.path} and {first.input} would both be {output}", "rename one")
        except (InputError, UsageError) as error:
            records.append(failure_record(source.path, error))
    if not options.dry_run:
        make_folders(jobs)
    left = []
    for job in jobs.values():
        record = _known(job, options)
        if record is None:
            left.append(job if options.cluster is None else job.repeatable())
        else:
            records.append(record)
    return Plan(left, records)


def _known(job: AnyJob, options: BatchOptions) -> Record | None:
    """Return the record of a job that need not or must not run; None for others."""
    files = {"input": str(job.input), "output": str(job.output), "version": __version__}
    if options.skip_existing and job.is_done():
        return {"status": "skipped", **files}
    if options.dry_run:
        return {"status": "planned", **files}
    if options.cluster is not None:  # a job that may be started again replaces what is there
        try:
            job.check()
        except OutputError as error:
            return failure_record(job.input, error)
    return None


def run_batch(
    jobs: Sequence[AnyJob], options: BatchOptions, *, device: str, notify: Callable[[str], object]
) -> Iterable[Record]:
    """Run jobs, and return an iterator over their records in the order of completion; a failure ends one job.

    Args:
        jobs: The jobs; without any, the device is not resolved.

    Raises:
        DeviceError: There is no such device, or no scheduler.
    """
    if not jobs:
        return ()
    if options.cluster is not None:
        return starmap(_record, DaskExecutor(options.cluster, notify).run(attempt, jobs))
    num_processes = min(options.jobs or jobs_for(device), len(jobs))
    executor = _executor(num_processes)
    if jobs[0].groups() and takes_several(device):
        return starmap(_record, _grouped(jobs, executor, num_processes))
    return starmap(_record, executor.run(attempt, jobs))


def _record(job: AnyJob, outcome: Record | Exception) -> Record:
    return failure_record(job.input, outcome) if isinstance(outcome, Exception) else outcome


def _executor(num_processes: int) -> Executor:
    if num_processes == 1:
        return SerialExecutor()
    return ProcessExecutor(num_processes, max(available_cores() // num_processes, 1))


def _grouped(
    jobs: Sequence[AnyJob], executor: Executor, num_processes: int
) -> Iterator[tuple[AnyJob, Record | Exception]]:
    """Compute inputs in batches; while one process computes, another reads and writes."""
    size = min(math.ceil(len(jobs) / num_processes), AT_ONCE)
    chunks = [jobs[first : first + size] for first in range(0, len(jobs), size)]
    for chunk, records in executor.run(attempt_group, chunks):
        if isinstance(records, Exception):  # their process died: each job is run again in its own process
            yield from ProcessExecutor(1, available_cores()).run(attempt, chunk)
        else:
            yield from zip(chunk, records, strict=True)


def jobs_for(device: str) -> int:
    """Return how many processes suit a device: on a CPU one for each core, on a GPU two.

    On a GPU one computes while the other reads and writes.
    """
    return 2 if takes_several(device) else available_cores()


def takes_several(device: str) -> bool:
    """Whether a device is faster with several inputs at once."""
    from edlrr_cli.tasks.device import resolve_device

    return resolve_device(device).type == "cuda"
