"""Executors run tasks in this process, or in other processes, where a crash ends one task only."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.process import BaseProcess
from typing import TypeVar

from edlrr_cli.media.standard_streams import secure_standard_streams
from edlrr_cli.pipelines.logs import configure_logging, current_level

T = TypeVar("T")
R = TypeVar("R")

# Read by the numerical libraries when they load, hence before the process starts.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Executor(ABC):
    """Runs a call on every task."""

    @abstractmethod
    def run(self, call: Callable[[T], R], tasks: Sequence[T]) -> Iterable[tuple[T, R | Exception]]:
        """Yield each task and what the call returned or raised, in the order of completion.

        Args:
            call: A function of a module, so that another process can import it.
            tasks: Its arguments, one each; picklable.
        """


class SerialExecutor(Executor):
    """Runs tasks in this process, one after the other; exceptions of the call are raised."""

    def run(self, call: Callable[[T], R], tasks: Sequence[T]) -> Iterable[tuple[T, R | Exception]]:
        """See `Executor.run`."""
        return zip(tasks, map(call, tasks), strict=True)


@dataclass(frozen=True)
class ProcessExecutor(Executor):
    """Runs tasks in processes; `BrokenProcessPool` is the outcome of a task that killed its process."""

    jobs: int
    threads: int

    def run(self, call: Callable[[T], R], tasks: Sequence[T]) -> Iterator[tuple[T, R | Exception]]:
        """See `Executor.run`."""
        left = list(reversed(tasks))
        while left:
            broken: list[T] = []
            for task, outcome in _until_broken(call, left, self.jobs, self.threads):
                if isinstance(outcome, BrokenProcessPool):
                    broken.append(task)
                else:
                    yield task, outcome
            for task in broken:  # one of them killed its process: run one by one, only that task fails
                yield from _until_broken(call, [task], 1, self.threads)


def _until_broken(
    call: Callable[[T], R], left: list[T], jobs: int, threads: int
) -> Iterator[tuple[T, R | Exception]]:
    """Take tasks from the end of the list until it is empty or a process dies."""
    running: dict[Future[R], T] = {}
    broken = False
    with _executor(jobs, threads) as executor:
        while running or (left and not broken):
            while left and len(running) < jobs and not broken:
                task = left.pop()
                running[executor.submit(call, task)] = task
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                error = future.exception()
                broken = broken or isinstance(error, BrokenProcessPool)
                yield running.pop(future), error if isinstance(error, Exception) else future.result()


@contextmanager
def _executor(jobs: int, threads: int) -> Iterator[ProcessPoolExecutor]:
    """Start processes with their number of threads; none outlives the block, however it ends."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    executor = ProcessPoolExecutor(
        jobs, mp_context=get_context("spawn"), initializer=_settle, initargs=(current_level(),)
    )
    try:
        yield executor
        executor.shutdown()
    except BaseException:
        for process in active_children():
            process.terminate()
        executor.shutdown(wait=False, cancel_futures=True)
        raise
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _settle(log_level: str) -> None:
    """Leave Ctrl-C to the parent process, log as it does, and end with it, however it ends."""
    secure_standard_streams()
    configure_logging(log_level)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _leave(*_: object) -> None:
    """End by an exception, so that temporary files are removed; errors of broken queues are not printed."""
    sys.stderr = io.StringIO()
    sys.exit(128 + signal.SIGTERM)


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
