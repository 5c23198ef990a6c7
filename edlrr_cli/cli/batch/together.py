"""Inputs that are computed at once: read one after another, grouped by their shape, written one by one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import click

from edlrr_cli.cli.batch.outcome import Job, Record, outcome_of
from edlrr_cli.cli.logs import told_of

_log = logging.getLogger(__name__)

AT_ONCE = 32
"""Inputs that are read before the first is computed, at most."""


@dataclass(frozen=True)
class Stages:
    """What a command does with an input, in stages, of which the middle one can be shared.

    Each is a function of a module, so that another process can import it.

    Attributes:
        read: Returns what the files of a task hold, and finds their faults.
        shape_of: Returns what inputs have alike that can be computed at once; None for one by itself.
        compute_each: Returns what becomes of each of several such, pairs of task and input.
        compute: Returns what becomes of one, of any size.
        write: Writes the outputs, and returns the record.
    """

    read: Callable[[Any], Any]
    shape_of: Callable[[Any, Any], Hashable]
    compute_each: Callable[[Sequence[tuple[Any, Any]]], Sequence[Any]]
    compute: Callable[[Any, Any], Any]
    write: Callable[[Any, Any, Any], Record]

    def run(self, task: Any) -> Record:
        """Return the record of one task."""
        return self.finish(task, self.read(task))

    def finish(self, task: Any, inputs: Any) -> Record:
        """Return the record of one task whose files are read."""
        return self.write(task, inputs, self.compute(task, inputs))


def work_together(stages: Stages, jobs: Sequence[Job]) -> list[Record]:
    """Work on jobs, at once on those whose inputs are alike; one that fails fails alone.

    Args:
        stages: What is done.
        jobs: At most `AT_ONCE`; all inputs that are alike are held in memory.

    Returns:
        The record of each, or of its fault.
    """
    records: dict[int, Record] = {}
    alike: dict[Hashable, list[tuple[int, Any]]] = {}
    for index, job in enumerate(jobs):
        record = outcome_of(job, _begun, stages, index, job, alike)
        if record:
            records[index] = record
    for group in alike.values():
        records.update(_of_group(stages, jobs, group))
    return [records[index] for index in range(len(jobs))]


def _begun(stages: Stages, index: int, job: Job, alike: dict[Hashable, list[tuple[int, Any]]]) -> Record:
    """Read a job's files and put them to those that are alike; return the record of one by itself, or {}."""
    inputs = stages.read(job.task)
    shape = stages.shape_of(job.task, inputs)
    if shape is None:
        return stages.finish(job.task, inputs)
    alike.setdefault(shape, []).append((index, inputs))
    return {}


def _of_group(
    stages: Stages, jobs: Sequence[Job], group: Sequence[tuple[int, Any]]
) -> Iterator[tuple[int, Record]]:
    results = _computed(stages, [(jobs[index].task, inputs) for index, inputs in group])
    for (index, inputs), result in zip(group, results, strict=True):
        job = jobs[index]
        if result is None:
            yield index, outcome_of(job, stages.finish, job.task, inputs)
        else:
            yield index, outcome_of(job, stages.write, job.task, inputs, result)


def _computed(stages: Stages, pairs: Sequence[tuple[Any, Any]]) -> Sequence[Any]:
    """Return what becomes of each, or None for each if one of them fails, and which is not known."""
    if len(pairs) == 1:
        return [None]
    try:
        with told_of(f"{len(pairs)} pictures"):
            return stages.compute_each(pairs)
    except click.Abort as interruption:
        raise KeyboardInterrupt from interruption
    except Exception as error:
        _log.info("one of %d pictures failed, each is computed by itself: %s", len(pairs), error)
        return [None] * len(pairs)
