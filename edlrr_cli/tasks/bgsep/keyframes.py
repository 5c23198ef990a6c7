"""Keyframes of a window, stored as integers and converted to float on access."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

# Pixels per chunk and frames per batch: enough to keep a processor busy, few enough to bound the memory.
_CHUNK, _BATCH = 2**12, 8


@dataclass(frozen=True, eq=False)
class Keyframes:
    """Keyframes of a window.

    Attributes:
        pixels: Shape (k, n), n = h * w * c, on 0..peak.
        peak: Largest possible value of a pixel.
        counted: Pixels that count, bool, shape (h, w); None for all.
    """

    pixels: Tensor
    peak: int
    size_px: tuple[int, int]
    counted: Tensor | None = None

    @property
    def num_channels(self) -> int:
        """Return c."""
        height, width = self.size_px
        return self.pixels.shape[1] // (height * width)

    def values(self, indices: Tensor | slice) -> Tensor:
        """Return the values at given indices in all frames, on [0, 1], float32."""
        return self.pixels[:, indices].float() / self.peak

    def chunks(self) -> Iterator[slice]:
        """Yield slices of the indices in chunks of whole pixels."""
        step = _CHUNK * self.num_channels
        return (slice(start, start + step) for start in range(0, self.pixels.shape[1], step))

    def batches(self) -> Iterator[tuple[slice, Tensor]]:
        """Yield batches of frames: the slice of their indices and their values, shape (b, n), float32."""
        for start in range(0, len(self.pixels), _BATCH):
            indices = slice(start, min(start + _BATCH, len(self.pixels)))
            yield indices, self.pixels[indices].float() / self.peak
