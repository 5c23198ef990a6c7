"""Floating-point pixels: the range that is mapped to [0, 1], and the exact way back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.errors import InputError

Floating = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Floats:
    """Colors as stored, and the range of them that is mapped to [0, 1].

    The range is [0, 1] itself if it contains all values, else it extends from the smallest to the largest.

    Attributes:
        values: Shape (h, w, c), finite; float16, float32 or float64.
        low: The value mapped to 0.
        high: The value mapped to 1; for a constant image max(1, abs(low)) above ``low``.
    """

    values: Floating
    low: float
    high: float

    @classmethod
    def from_values(cls, values: Floating) -> Floats:
        """Return the values with the range of all of them.

        Raises:
            InputError: The values are not finite, or their range overflows.
        """
        num_bad = values.size - int(np.isfinite(values).sum())
        if num_bad:
            raise InputError(
                f"{num_bad} of its float values are NaN or Inf",
                "replace them, and mark them in a mask",
            )
        return cls(values, *_range_of(values))

    def within(self, known: NDArray[np.bool_], visible: NDArray[np.bool_] | None = None) -> Floats:
        """Return the range of the known, visible pixels, with missing ones clipped to it.

        Args:
            known: Shape (h, w), True = known pixel.
            visible: Shape (h, w), False = transparent pixel; if known, it keeps its color even outside of
                the range. None: all pixels are visible.
        """
        seen = known if visible is None else known & visible
        low, high = _range_of(self.values[seen if seen.any() else known])
        clipped = np.where(known[..., None], self.values, self.values.clip(low, high))
        return replace(self, values=clipped, low=low, high=high)

    def normalized(self, values: Floating) -> NDArray[np.float64]:
        """Map values linearly so that the range becomes [0, 1]."""
        scaled: NDArray[np.float64] = (values.astype(np.float64) - self.low) / (self.high - self.low)
        return scaled

    def restored(self, pixels: Floating) -> Floating:
        """Return the values to store for pixels on [0, 1]: unchanged ones exact, others within the range."""
        computed = self.low + (self.high - self.low) * pixels.astype(np.float64).clip(0.0, 1.0)
        unchanged = pixels == self.normalized(self.values)
        return np.where(unchanged, self.values, computed.astype(self.values.dtype))


def _range_of(values: Floating) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    if low >= 0.0 and high <= 1.0:
        return 0.0, 1.0
    if not np.isfinite(high - low):
        raise InputError(f"its float values range from {low:g} to {high:g}", "scale them down first")
    return low, high if high > low else low + max(1.0, abs(low))
