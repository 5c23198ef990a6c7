"""The layout of a small plot; the template draws it, so that it takes the colors of the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_WIDTH, _HEIGHT = 340, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 10, 42
_TICKS = 4
# Of values that span more than this factor, the logarithm is shown.
_LOG_FROM = 30.0


@dataclass(frozen=True)
class Tick:
    """A line across the plot: its position, and its number."""

    at: float
    text: str


@dataclass(frozen=True)
class Curve:
    """A line in a plot.

    Attributes:
        note: The text below; may be empty.
    """

    title: str
    x_label: str
    y_label: str
    line: str
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    note: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """Return (width, height) of the plot."""
        return _WIDTH, _HEIGHT

    @property
    def frame(self) -> tuple[int, int, int, int]:
        """Return (left, top, right, bottom) of the area of the line."""
        return _LEFT, _TOP, _WIDTH - _RIGHT, _HEIGHT - _BOTTOM


def draw_curve(
    points: Sequence[Sequence[float]], *, title: str, x_label: str, y_label: str, note: str = ""
) -> Curve:
    """Lay out a line.

    Args:
        points: (x, y), at least two, finite, x whole numbers.
    """
    xs, ys = zip(*points, strict=True)
    across = _Axis(xs, _LEFT, _WIDTH - _RIGHT, whole=True)
    up = _Axis(ys, _HEIGHT - _BOTTOM, _TOP, log=min(ys) > 0 and max(ys) > _LOG_FROM * min(ys))
    line = " ".join(f"{across.position(x):.1f},{up.position(y):.1f}" for x, y in zip(xs, ys, strict=True))
    y_label += ", logarithmic" if up.log else ""
    return Curve(title, x_label, y_label, line, across.ticks, up.ticks, note)


class _Axis:
    """Maps values to positions between two ends."""

    def __init__(
        self, values: Sequence[float], start: float, stop: float, *, whole: bool = False, log: bool = False
    ) -> None:
        from matplotlib.ticker import LogLocator, MaxNLocator  # only reports need it; it takes 0.2 s

        self._start, self._stop, self.log = start, stop, log
        low, high = min(values), max(values)
        if low == high:
            low, high = low - 0.5, high + 0.5
        locator = LogLocator(numticks=_TICKS) if log else MaxNLocator(_TICKS, integer=whole)
        found = locator.tick_values(low, high)
        self._low, self._high = low, high
        self.ticks = [Tick(round(self.position(at), 1), f"{at:g}") for at in found if low <= at <= high]

    def position(self, value: float) -> float:
        low, high, at = (math.log(each) if self.log else each for each in (self._low, self._high, value))
        return self._start + (self._stop - self._start) * (at - low) / (high - low)
