"""Events: the times in which anything moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Event:
    """Frames in which anything moves, and short pauses between them.

    Attributes:
        first: Index of the first frame.
        last: Index of the last frame.
        start_s: Seconds from the first frame of the video to the first one of the event.
        stop_s: Seconds to the end of its last frame.
        largest_fraction: Largest fraction of the pixels that is foreground.
    """

    first: int
    last: int
    start_s: float
    stop_s: float
    largest_fraction: float


def find_events(
    fractions: Sequence[float], times_s: Sequence[float], *, end_s: float, gap_s: float, min_s: float
) -> list[Event]:
    """Return the events of a video.

    Args:
        fractions: Foreground fraction of each frame.
        times_s: Time of each frame, increasing.
        end_s: Time at which the last frame ends.
        gap_s: Events with a shorter pause between them are one.
        min_s: Events in which something moves for a shorter time are left out.

    Example:
        >>> find_events([0, 0.1, 0, 0.2, 0, 0], range(6), end_s=6, gap_s=2, min_s=1)
        [Event(first=1, last=3, start_s=1, stop_s=4, largest_fraction=0.2)]
    """
    edges = [*times_s, end_s]
    moving = [index for index, fraction in enumerate(fractions) if fraction > 0]
    runs: list[list[int]] = []
    for index in moving:
        after = runs[-1][-1] + 1 if runs else -1
        if runs and (index == after or edges[index] - edges[after] < gap_s):
            runs[-1].append(index)
        else:
            runs.append([index])
    durations = [stop - start for start, stop in pairwise(edges)]
    return [
        Event(
            first=run[0],
            last=run[-1],
            start_s=edges[run[0]],
            stop_s=edges[run[-1] + 1],
            largest_fraction=max(fractions[index] for index in run),
        )
        for run in runs
        if sum(durations[index] for index in run) >= min_s
    ]
