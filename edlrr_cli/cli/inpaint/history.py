"""The course of a computation, as short as a drawing needs it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edlrr_cli.baselines.result import Progress as ComparedProgress
    from edlrr_cli.tasks.inpaint import Progress

    Callback = Callable[[Progress | ComparedProgress], None]

MAX_POINTS = 200
"""Of all stages together."""

_DIGITS = 6


class History:
    """Keeps what a callback is told of the last run of each stage.

    A stage begins anew with each window of a large picture, and with each setting of a tuning.

    Args:
        then: Told the same; None for nobody.
    """

    def __init__(self, then: Callback | None = None) -> None:
        self._then = then
        self._points: dict[str, list[tuple[int, float]]] = {}
        self._runs: dict[str, int] = {}

    def __call__(self, progress: Progress | ComparedProgress) -> None:
        """Take what is told."""
        points = self._points.setdefault(progress.stage, [])
        if not points or progress.step <= points[-1][0]:
            points.clear()
            self._runs[progress.stage] = self._runs.get(progress.stage, 0) + 1
        points.append((progress.step, progress.loss))
        if self._then is not None:
            self._then(progress)

    def as_record(self) -> list[dict[str, Any]]:
        """Return of each stage its name, how often it ran, and (step, loss) of the last time, thinned."""
        most = MAX_POINTS // max(len(self._points), 1)
        return [
            {"stage": stage, "runs": self._runs[stage], "points": _thinned(points, most)}
            for stage, points in self._points.items()
        ]


def _thinned(points: list[tuple[int, float]], most: int) -> list[list[float]]:
    """Return at most so many points, evenly spread, the first and the last among them."""
    finite = [(step, loss) for step, loss in points if math.isfinite(loss)]
    count = min(len(finite), most)
    places = [round(index * (len(finite) - 1) / max(count - 1, 1)) for index in range(count)]
    return [[finite[place][0], float(f"{finite[place][1]:.{_DIGITS}g}")] for place in places]
