"""Progress of parallel runs, reported in order as if they ran one after another."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError
from functools import partial
from threading import Event, Lock

from edlrr_cli.tasks.inpaint.problem import Callback, Progress


class Turns:
    """Forwards the progress of the first run, and then, from its start, that of the next.

    Args:
        num_runs: Number of runs.

    Attributes:
        stop: If set, the next report of a run raises `CancelledError` in it.
    """

    def __init__(self, num_runs: int) -> None:
        self.stop = Event()
        self._lock = Lock()
        self._turn = 0
        self._is_finished = [False] * num_runs
        self._waiting: list[list[Callable[[], None]]] = [[] for _ in range(num_runs)]

    def callback(self, run: int, then: Callback | None) -> Callback:
        """Return a callback for a run in any thread, which forwards its progress in its turn."""

        def report(progress: Progress) -> None:
            if self.stop.is_set():
                raise CancelledError
            if then is None:
                return
            with self._lock:
                if run == self._turn:
                    then(progress)
                else:
                    self._waiting[run].append(partial(then, progress))

        return report

    def finish(self, run: int) -> None:
        """Mark a run as done, and if it was its turn, forward the progress of the next."""
        with self._lock:
            self._is_finished[run] = True
            while self._turn < len(self._is_finished) and self._is_finished[self._turn]:
                self._turn += 1
                for report in self._waiting[self._turn] if self._turn < len(self._waiting) else ():
                    report()
