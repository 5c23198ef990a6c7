"""The history of a computation, thinned to the points that a plot needs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from edlrr_cli.pipelines.failures import Record

if TYPE_CHECKING:
    from edlrr_cli.baselines.result import Progress as BaselineProgress
    from edlrr_cli.tasks.inpaint.baseline import BaselineResult
    from edlrr_cli.tasks.inpaint.problem import Progress, Result

    Callback = Callable[[Progress | BaselineProgress], None]

MAX_POINTS = 200
"""Total number of points of all stages."""

_DIGITS = 6


class History:
    """A callback that keeps the progress of the last run of each stage, which starts again with each tuning.

    The stages of a large image are not reported; the result has the course of the longest of its windows.

    Args:
        then: Receives the same; None: nobody does.
    """

    def __init__(self, then: Callback | None = None) -> None:
        self._then = then
        self._points: dict[str, list[tuple[int, float]]] = {}
        self._runs: dict[str, int] = {}
        self._num_windows = 0

    def __call__(self, progress: Progress | BaselineProgress) -> None:
        """Receive a step."""
        from edlrr_cli.tasks.inpaint.problem import WINDOWS

        if progress.stage == WINDOWS:
            self._num_windows = progress.num_steps
        else:
            self._note(progress.stage, progress.step, progress.loss)
        if self._then is not None:
            self._then(progress)

    def _note(self, stage: str, step: int, loss: float) -> None:
        points = self._points.setdefault(stage, [])
        if not points or step <= points[-1][0]:
            points.clear()
            self._runs[stage] = self._runs.get(stage, 0) + 1
        points.append((step, loss))

    def as_record(self, result: Result | BaselineResult) -> list[Record]:
        """Return the name of each stage, how often it ran, and (step, loss) of one run, thinned."""
        if self._num_windows:
            steps = [(step, loss) for step, loss, _ in getattr(result, "history", ())]
            return [_stage("global", self._num_windows, steps, MAX_POINTS)]
        most = MAX_POINTS // max(len(self._points), 1)
        return [_stage(name, self._runs[name], points, most) for name, points in self._points.items()]


def _stage(name: str, runs: int, points: list[tuple[int, float]], most: int) -> Record:
    return {"stage": name, "runs": runs, "points": _thinned(points, most)}


def _thinned(points: list[tuple[int, float]], most: int) -> list[list[float]]:
    """Return at most this many points, evenly spread, including the first and the last."""
    finite = [(step, loss) for step, loss in points if math.isfinite(loss)]
    count = min(len(finite), most)
    indices = [round(point * (len(finite) - 1) / max(count - 1, 1)) for point in range(count)]
    return [[finite[index][0], float(f"{finite[index][1]:.{_DIGITS}g}")] for index in indices]
