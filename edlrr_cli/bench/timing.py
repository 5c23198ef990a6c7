"""Interleaved timing: the methods alternate, so that the noise of the machine affects all equally."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Call = Callable[[], object]


@dataclass(frozen=True)
class Timing:
    """Times of one method.

    Attributes:
        seconds: Seconds of each round.
    """

    seconds: tuple[float, ...]

    def as_row(self) -> dict[str, float]:
        """Return median, min and max by name."""
        return {
            "seconds": statistics.median(self.seconds),
            "seconds_min": min(self.seconds),
            "seconds_max": max(self.seconds),
        }

    def minus(self, other: Timing) -> Timing:
        """Return the difference to the times of another method, round by round."""
        return Timing(tuple(mine - theirs for mine, theirs in zip(self.seconds, other.seconds, strict=True)))

    def times_faster_than(self, other: Timing) -> float:
        """Return the median over the rounds of other / self: more than 1 where this one is faster.

        Example:
            >>> Timing((1.0, 2.0, 1.0)).times_faster_than(Timing((2.0, 4.0, 3.0)))
            2.0
        """
        pairs = zip(other.seconds, self.seconds, strict=True)
        return statistics.median(theirs / mine for theirs, mine in pairs)


def time_side_by_side(
    methods: Mapping[str, Call],
    *,
    repeats: int,
    synchronize: Callable[[], None] = lambda: None,
    progress: Callable[[str], None] = lambda text: None,
) -> dict[str, Timing]:
    """Time several methods in alternation.

    After a warm-up round, every method runs once in each of ``repeats`` rounds; the order rotates, so
    that no method always runs after the same other.

    Args:
        methods: Name -> call.
        synchronize: Waits until the device has finished all work.

    Returns:
        Name -> timing, in the order of ``methods``.
    """
    names = list(methods)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(repeats + 1):
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            progress(name)
            elapsed = _time(methods[name], synchronize)
            if turn > 0:
                seconds[name].append(elapsed)
    return {name: Timing(tuple(values)) for name, values in seconds.items()}


def _time(call: Call, synchronize: Callable[[], None]) -> float:
    synchronize()
    start = time.perf_counter()
    call()
    synchronize()
    return time.perf_counter() - start
