"""Windows of a video with one background model each, and the weights of a frame's windows."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Window:
    """The frames ``start`` to ``stop - 1`` of a video of ``num_frames``."""

    start: int
    stop: int
    num_frames: int

    def weight(self, frame: int) -> int:
        """Return the weight of this window for a frame: its distance from the window's borders.

        The ends of the video do not count as borders. So neighboring windows are cross-faded.

        Example:
            >>> [Window(0, 6, 9).weight(frame) for frame in range(9)]
            [6, 5, 4, 3, 2, 1, 0, 0, 0]
        """
        before = frame - self.start + 1 if self.start > 0 else self.num_frames
        behind = self.stop - frame if self.stop < self.num_frames else self.num_frames
        return max(min(before, behind, self.stop - self.start), 0)


def windows(num_frames: int, *, size: int, overlap: int) -> list[Window]:
    """Cover a video with evenly spaced windows of one size, which overlap by at least ``overlap`` frames.

    Example:
        >>> [(window.start, window.stop) for window in windows(10, size=6, overlap=3)]
        [(0, 6), (2, 8), (4, 10)]
    """
    if num_frames <= size:
        return [Window(0, num_frames, num_frames)]
    count = math.ceil((num_frames - overlap) / (size - overlap))
    starts = [round(index * (num_frames - size) / (count - 1)) for index in range(count)]
    return [Window(start, start + size, num_frames) for start in starts]


class Plan(Protocol):
    """The windows of a video, in the order of their starts."""

    def begun(self, index: int) -> list[Window]:
        """Return the windows that start before a frame and were not returned yet."""


class FixedPlan:
    """The windows of a video of known length; see `windows`.

    Args:
        start: Index of the first frame that is needed. The last window also serves frames beyond the end.
    """

    def __init__(self, num_frames: int, *, size: int, overlap: int, start: int = 0) -> None:
        planned = windows(num_frames, size=size, overlap=overlap)
        self._rest = [window for window in planned if window.stop > start] or planned[-1:]

    def begun(self, index: int) -> list[Window]:
        """See `Plan`."""
        found = [window for window in self._rest if window.start < index]
        self._rest = self._rest[len(found) :]
        return found


class OpenPlan:
    """The windows of a stream, each as soon as it is complete; they are those of `windows` if they fill it.

    Args:
        reach: Reads ahead to a number of frames, and returns how many there were, fewer at the end.
    """

    def __init__(self, reach: Callable[[int], int], *, size: int, overlap: int) -> None:
        self._reach, self._size, self._step = reach, size, size - overlap
        self._start, self._is_complete = 0, False

    def begun(self, index: int) -> list[Window]:
        """See `Plan`."""
        found = []
        while self._start < index and not self._is_complete:
            found.append(self._next())
            self._start += self._step
        return found

    def _next(self) -> Window:
        """Return the next window; the last one is moved back, so that it is as long as the others."""
        stop = self._start + self._size
        num_frames = self._reach(stop + 1)
        self._is_complete = num_frames <= stop
        if self._is_complete:
            return Window(max(num_frames - self._size, 0), num_frames, num_frames)
        return Window(self._start, stop, sys.maxsize)
