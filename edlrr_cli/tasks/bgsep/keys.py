"""The key frames of a window: as they were read, converted only where and when they are looked at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

# Pixels looked at together, and frames looked at together: enough to keep a processor busy, few enough to
# bound the memory.
_CHUNK, _BATCH = 2**12, 8


@dataclass(frozen=True, eq=False)
class Keys:
    """Some frames of a window.

    Attributes:
        pixels: Shape (k, n), n = h * w * c, on 0..peak.
        peak: Largest value of a pixel.
        size_px: (h, w).
    """

    pixels: Tensor
    peak: int
    size_px: tuple[int, int]

    @property
    def num_channels(self) -> int:
        """Return c."""
        height, width = self.size_px
        return self.pixels.shape[1] // (height * width)

    def values(self, places: Tensor | slice) -> Tensor:
        """Return the values at some places of all frames, on [0, 1], float32."""
        return self.pixels[:, places].float() / self.peak

    def chunks(self) -> Iterator[slice]:
        """Yield the places, some whole pixels at a time."""
        step = _CHUNK * self.num_channels
        return (slice(start, start + step) for start in range(0, self.pixels.shape[1], step))

    def batches(self) -> Iterator[tuple[slice, Tensor]]:
        """Yield some frames at a time: their places, and all their values, shape (b, n), float32."""
        for start in range(0, len(self.pixels), _BATCH):
            places = slice(start, min(start + _BATCH, len(self.pixels)))
            yield places, self.pixels[places].float() / self.peak
