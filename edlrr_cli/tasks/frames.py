"""What tasks need of a video: its properties, and frames that can be read repeatedly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Levels = NDArray[np.unsignedinteger[Any]]


class Frame(Protocol):
    """A frame with pixels of shape (h, w, c), c = 1 or 3, uint8 or uint16."""

    @property
    def pixels(self) -> Levels:
        """Return the pixels."""


class Info(Protocol):
    """Properties of a video known before its frames are read; see `edlrr_cli.media.video.VideoInfo`."""

    @property
    def size_px(self) -> tuple[int, int]:
        """Return (h, w)."""

    @property
    def peak(self) -> int:
        """Return the largest possible value of a pixel."""

    @property
    def num_frames(self) -> int:
        """Return the number of frames, an estimate that may be slightly too large."""


class Source(Protocol):
    """A video that can be read more than once; see `edlrr_cli.media.video.Video`."""

    @property
    def info(self) -> Info:
        """Return the properties of the video."""

    def frames(self, *, start: int = 0, every: int = 1) -> Iterator[Frame]:
        """Yield the frames start, start + every, and so on."""
