"""Windows of a video with one background model each, and the weights of a frame's windows."""

from __future__ import annotations

import math
from dataclasses import dataclass


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
