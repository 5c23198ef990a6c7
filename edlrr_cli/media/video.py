"""What a video is: its properties, known in advance, and frames that can be read repeatedly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from edlrr_cli.media.still_image import Levels
from edlrr_cli.media.tags.video import RGB_LOOK, Look

#: Frames per second of a source that states no rate.
DEFAULT_RATE = Fraction(25)


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame.

    Attributes:
        pixels: Shape (h, w, c) with c = 1 (gray) or 3 (RGB), uint8 or uint16, upright.
        time: Seconds since the first frame, exact.
    """

    pixels: Levels
    time: Fraction


@dataclass(frozen=True)
class VideoInfo:
    """Properties of a video, known before the frames are read.

    Attributes:
        size_px: (height, width) of the upright frames.
        num_channels: 1 (gray) or 3 (RGB).
        peak: Largest value of a pixel: 255, or 65535 for files with more than 8 bits.
        frame_rate: Frames per second; the mean if it varies.
        num_frames: Number of frames stated by the file, which may be slightly too large.
        notes: Losses on reading, one phrase each, for the user.
        bits: Bits per channel, as stored.
        look: Display properties of the frames.
        start: Seconds from the start of the file to the first frame; the sound may start earlier.
    """

    size_px: tuple[int, int]
    num_channels: int
    peak: int
    frame_rate: Fraction
    num_frames: int
    notes: tuple[str, ...]
    bits: int = 8
    look: Look = RGB_LOOK
    start: Fraction = Fraction(0)


class Video(Protocol):
    """A source of frames that can be read repeatedly."""

    @property
    def info(self) -> VideoInfo:
        """Return the properties that are known before the frames are read."""

    def frames(self, *, start: int = 0, every: int = 1) -> Iterator[Frame]:
        """Yield the frames in the order of their times.

        Args:
            start: Index of the first frame, from 0.
            every: Step from one index to the next.

        Raises:
            InputError: A frame cannot be decoded or has another size; frames are missing at the end.
        """


def describe_size(shape: tuple[int, ...]) -> str:
    """Return the size of frames of shape (h, w) or (h, w, c), for messages."""
    colors = "" if len(shape) < 3 else " gray" if shape[2] == 1 else " RGB"
    return f"{shape[1]} x {shape[0]} pixels{colors}"
