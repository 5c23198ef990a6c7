"""One input of a command: a `Job` reads it, computes, writes, and describes its result.

A command is a subclass of `Job`. Batches, worker processes, clusters, batched computation on a GPU, the
records and the HTML page follow from its methods.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar, cast

from edlrr_cli.media.files import check_target
from edlrr_cli.pipelines.failures import Record, failure_record
from edlrr_cli.pipelines.logs import log_subject

if TYPE_CHECKING:
    from typing_extensions import Self

    from edlrr_cli.pipelines.panel import Panel

InputsT = TypeVar("InputsT")
ResultT = TypeVar("ResultT")

_log = logging.getLogger(__name__)


class Advance(Protocol):
    """Receives the progress of a computation: steps done, their total, and a short text."""

    def __call__(self, done: float, total: float | None = None, *, text: str = "", unit: str = "") -> None:
        """Update the progress; an empty unit keeps the one before."""


class Monitor:
    """Receives the notes and the progress of a job; this one ignores them."""

    def note(self, subject: object, text: str) -> None:
        """Receive a note on a file, for the user."""

    @contextmanager
    def progress(
        self, unit: str, *, total: float | None = None, done: float = 0, delay_s: float = 0
    ) -> Iterator[Advance | None]:
        """Yield a function that receives the progress, or None if it is not shown.

        Args:
            total: How many there are; None: not known yet.
            delay_s: Seconds before which there is nothing to show.
        """
        yield None


SILENT = Monitor()

T = TypeVar("T")


def counted(items: Iterable[T], advance: Advance | None, first: int) -> Iterator[T]:
    """Yield items, and report each as soon as the next is asked for.

    Args:
        advance: Receives the progress; None if it is not shown.
        first: Number of items that were done before.
    """
    for done, item in enumerate(items, start=first + 1):
        yield item
        if advance is not None:
            advance(done)


@dataclass(frozen=True, kw_only=True)
class Job(ABC, Generic[InputsT, ResultT]):
    """One input of a command and its whole processing; picklable, so that any process can run it."""

    input: Path
    output: Path
    overwrite: bool = False

    command: ClassVar[str]
    """The command's name, in the heading of its page."""
    unit: ClassVar[str] = "image"
    """What an input is, on the progress bar."""
    unlisted: ClassVar[tuple[str, ...]] = ()
    """Keys of the record that are printed, but too long for the page."""
    unprinted: ClassVar[tuple[str, ...]] = ()
    """Keys of the record that are neither printed nor listed on the page; `panel` may need them."""
    continue_with: ClassVar[str] = "--skip-existing"
    """The options that continue an interrupted batch."""

    @abstractmethod
    def read(self, monitor: Monitor) -> InputsT:
        """Check the outputs and read the files; every fault is found here, before the work.

        Raises:
            EdlrrError: A file is unfit, or an output could not be written.
        """

    @abstractmethod
    def compute(self, inputs: InputsT, monitor: Monitor) -> ResultT:
        """Compute the result of one input of any size."""

    @abstractmethod
    def write(self, inputs: InputsT, result: ResultT, monitor: Monitor) -> Record:
        """Write the outputs, and return the record: ``status``, ``input``, ``output`` and more."""

    def group(self, inputs: InputsT) -> Hashable:
        """Return a key, equal for inputs that can be computed as a batch; None for single computation."""
        return None

    def compute_each(self, inputs: Sequence[InputsT]) -> Sequence[ResultT]:
        """Compute several inputs of one group, of jobs that differ in their files alone, as a batch."""
        raise NotImplementedError

    @classmethod
    def groups(cls) -> bool:
        """Whether several inputs can be computed as a batch."""
        return cls.compute_each is not Job.compute_each

    def on_cpu(self) -> Self | None:
        """Return the same job on the CPU, for a GPU whose memory is too small; None if there is none."""
        return None

    def is_done(self) -> bool:
        """Whether the output exists and is complete."""
        return self.output.exists()

    def check(self) -> None:
        """Refuse an output that exists.

        Raises:
            OutputError: It exists without ``overwrite``, or cannot be written.
        """
        check_target(self.output, self.input, overwrite=self.overwrite)

    def repeatable(self) -> Self:
        """Return the same job, able to run again over the files of an attempt that died."""
        return replace(self, overwrite=True)

    @staticmethod
    def lines(record: Record) -> Iterator[tuple[str, str]]:
        """Yield the report of a single input: labels and texts."""
        yield "output", str(record["output"])

    @staticmethod
    def line(record: Record) -> str:
        """Return the report of one input of a batch, beside the names of its files; may be empty."""
        return ""

    @classmethod
    def panel(cls, record: Record, side_px: int) -> Panel:
        """Return the panel of a record, with images of at most ``side_px`` pixels a side."""
        from edlrr_cli.pipelines.panel import Panel

        return Panel(tuple, list(cls.lines(record)))

    def run(
        self, monitor: Monitor = SILENT, inputs: InputsT | None = None, result: ResultT | None = None
    ) -> Record:
        """Read, compute and write, on the CPU if the memory of the GPU is too small, and return the record.

        Args:
            inputs: What was read; None: not yet.
            result: What was computed; None: not yet.

        Raises:
            EdlrrError: A file, a setting or the computation.
            KeyboardInterrupt: Ctrl-C; its text says what is kept, if anything.
        """
        if inputs is None:
            inputs = self.read(monitor)
        fallback = None
        if result is None:
            try:
                result = self.compute(inputs, monitor)
            except RuntimeError as error:
                fallback = self.on_cpu()
                if fallback is None or not _is_full_gpu(error):
                    raise
        if fallback is not None:  # outside of the handler, whose exception holds memory of the GPU
            _free_gpu()
            result = fallback.compute(inputs, monitor)
        return self.write(inputs, cast("ResultT", result), monitor)


AnyJob = Job[Any, Any]


def _is_full_gpu(error: RuntimeError) -> bool:
    from edlrr_cli.tasks.memory import is_out_of_gpu_memory

    return is_out_of_gpu_memory(error)


def _free_gpu() -> None:
    """Leave the memory of the GPU to other processes."""
    import torch

    torch.cuda.empty_cache()
    _log.warning("the memory of the GPU is too small for this, which is computed on the CPU instead")


def attempt(job: AnyJob, inputs: object = None, result: object = None) -> Record:
    """Return the record of a job, or of its failure; the arguments are those of `Job.run`."""
    try:
        with log_subject(job.input):
            return job.run(SILENT, inputs, result)
    except Exception as error:
        return failure_record(job.input, error)


def attempt_group(jobs: Sequence[AnyJob]) -> list[Record]:
    """Return the record of each job, or of its failure; jobs of one group are computed as a batch.

    Args:
        jobs: All inputs of a group are held in memory.
    """
    records: dict[int, Record] = {}
    inputs: dict[int, object] = {}
    groups: dict[Hashable, list[int]] = {}
    for index, job in enumerate(jobs):
        try:
            with log_subject(job.input):
                read = job.read(SILENT)
                key = job.group(read)
        except Exception as error:
            records[index] = failure_record(job.input, error)
            continue
        if key is None:
            records[index] = attempt(job, read)
        else:
            inputs[index] = read
            groups.setdefault(key, []).append(index)
    for members in groups.values():
        results: Sequence[object] = [None] * len(members)
        if len(members) > 1:
            try:
                with log_subject(f"{len(members)} images"):
                    results = jobs[members[0]].compute_each([inputs[index] for index in members])
            except Exception as error:  # one of them failed, and it is not known which
                _log.info("one of %d images failed, each is computed by itself: %s", len(members), error)
        for index, result in zip(members, results, strict=True):
            records[index] = attempt(jobs[index], inputs.pop(index), result)
    return [records[index] for index in range(len(jobs))]
