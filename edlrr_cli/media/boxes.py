"""Boxes that mark a hole: rectangles in pixels or percent, for a range of times."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from edlrr_cli.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NUMBER = r"(\d+(?:\.\d+)?)(%?)"
_BOX = re.compile(",".join([_NUMBER] * 4))
_TIME = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class Length:
    """A length in pixels, or in percent of a side."""

    value: Fraction
    is_percent: bool

    def pixels(self, side_px: int) -> int:
        """Return the length in whole pixels of a side of an image."""
        return round(self.value * side_px / 100 if self.is_percent else self.value)


@dataclass(frozen=True)
class Box:
    """A rectangle of missing pixels.

    Attributes:
        text: The box as it was written.
        start: Seconds from the first frame from which on it covers the frames.
        stop: Seconds at which it ends; None for the end of the clip.
    """

    text: str
    left: Length
    top: Length
    width: Length
    height: Length
    start: Fraction = Fraction(0)
    stop: Fraction | None = None

    @property
    def is_timed(self) -> bool:
        """Whether the box has a range of times."""
        return self.start > 0 or self.stop is not None

    def covers(self, time: Fraction) -> bool:
        """Whether the box covers a frame at a time in seconds."""
        return self.start <= time and (self.stop is None or time < self.stop)

    def window(self, size_px: tuple[int, int]) -> tuple[slice, slice]:
        """Return its rows and columns in an image of (height, width).

        Raises:
            UsageError: The box has no pixel, or is not inside the image.
        """
        height, width = size_px
        left, right = self.left.pixels(width), self.left.pixels(width) + self.width.pixels(width)
        top, bottom = self.top.pixels(height), self.top.pixels(height) + self.height.pixels(height)
        if right <= left or bottom <= top:
            raise UsageError(f"box {self.text} has no pixel in it", "enlarge it")
        if right > width or bottom > height:
            raise UsageError(
                f"box {self.text} reaches beyond the {width} x {height} pixels", "make it smaller"
            )
        return slice(top, bottom), slice(left, right)

    def hole(self, size_px: tuple[int, int]) -> NDArray[np.bool_]:
        """Return its pixels in an image of (height, width), True = missing.

        Raises:
            UsageError: See `window`.
        """
        import numpy as np

        missing = np.zeros(size_px, dtype=np.bool_)
        missing[self.window(size_px)] = True
        return missing


def parse_box(text: str) -> Box:
    """Parse ``x,y,w,h`` in pixels or percent, and ``x,y,w,h@START-STOP`` in seconds, MM:SS or HH:MM:SS.

    Raises:
        ValueError: The text has another form.

    Example:
        >>> box = parse_box("70%,90%,30%,10%@00:05-01:10.5")
        >>> box.start, box.stop, box.left.pixels(200)
        (Fraction(5, 1), Fraction(141, 2), 140)
    """
    rectangle, at, times = text.replace(" ", "").partition("@")
    found = _BOX.fullmatch(rectangle)
    if found is None:
        raise ValueError(f"{text!r} is not X,Y,WIDTH,HEIGHT in pixels or percent")
    numbers = found.groups()
    left, top, width, height = (Length(Fraction(numbers[i]), numbers[i + 1] == "%") for i in range(0, 8, 2))
    start, stop = _times(text, times) if at else (Fraction(0), None)
    return Box(text, left, top, width, height, start, stop)


def _times(text: str, times: str) -> tuple[Fraction, Fraction | None]:
    first, dash, last = times.partition("-")
    if not dash:
        raise ValueError(f"{text!r} has no range of times after @, such as @00:05-00:12")
    start, stop = _seconds(text, first), _seconds(text, last) if last else None
    if stop is not None and stop <= start:
        raise ValueError(f"{text!r} ends before it starts")
    return start, stop


def _seconds(text: str, time: str) -> Fraction:
    found = _TIME.fullmatch(time)
    if found is None:
        raise ValueError(f"{text!r}: {time!r} is not a time such as 00:05")
    hours, minutes, seconds = (Fraction(part or 0) for part in found.groups())
    return 3600 * hours + 60 * minutes + seconds


def union_of(boxes: Sequence[Box], size_px: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the pixels of any of the boxes in an image of (height, width), True = missing.

    Raises:
        UsageError: A box is not inside the image, or the boxes leave no pixel known.
    """
    import numpy as np

    missing = np.zeros(size_px, dtype=np.bool_)
    for box in boxes:
        missing |= box.hole(size_px)
    if missing.all():
        raise UsageError("the boxes leave no pixel known", "mark less")
    return missing
