"""Separation of frames that come one after another, and once only, such as those of a camera."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from edlrr_cli.tasks.frames import Frame


@dataclass(frozen=True)
class FramesInfo:
    """Properties of frames without a file; see `edlrr_cli.tasks.frames.Info`.

    Attributes:
        num_frames: Number of frames; of a stream those that are known at first.
    """

    size_px: tuple[int, int]
    peak: int
    num_frames: int


class LiveSource:
    """A stream of frames, of which those are held that a reader still needs.

    Args:
        frames: The frames; the first two are read at once.
        peak: Largest possible value of a pixel.
    """

    def __init__(self, frames: Iterator[Frame], *, peak: int) -> None:
        self._frames = frames
        self._held: deque[Frame] = deque()
        self._num_dropped = 0
        self._needed: list[int] = []  # for each reader the index of the frame that it reads next
        num_frames = self.reach(2)
        size_px = self._held[0].pixels.shape[:2] if num_frames else (0, 0)
        self.info = FramesInfo((size_px[0], size_px[1]), peak, num_frames)

    def reach(self, count: int) -> int:
        """Read ahead until there were ``count`` frames, and return how many there were, fewer at the end."""
        while self._num_dropped + len(self._held) < count:
            frame = next(self._frames, None)
            if frame is None:
                break
            self._held.append(frame)
        return min(self._num_dropped + len(self._held), count)

    def frames(self, *, start: int = 0, every: int = 1) -> Iterator[Any]:
        """Yield the frames start, start + every, and so on, which must not have been dropped."""
        self._needed.append(start)
        return self._read(len(self._needed) - 1, every)

    def _read(self, reader: int, every: int) -> Iterator[Frame]:
        while self.reach(self._needed[reader] + 1) > (index := self._needed[reader]):
            frame = self._held[index - self._num_dropped]
            self._needed[reader] += every
            while self._held and self._num_dropped < min(self._needed):
                self._held.popleft()
                self._num_dropped += 1
            yield frame
