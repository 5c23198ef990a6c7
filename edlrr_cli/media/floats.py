"""Floating-point pixels: what range of them is computed with as [0, 1], and how they come back bit by bit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.errors import InputError

Floating = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Floats:
    """Colours as stored, and the range of them that counts as [0, 1].

    The range is [0, 1] itself if it holds all values, else it goes from the smallest to the largest.

    Attributes:
        values: Shape (h, w, c), finite; float16, float32 or float64.
        low: The value that counts as 0.
        high: The value that counts as 1; that of a constant picture is 1 above ``low``.
    """

    values: Floating
    low: float
    high: float

    @classmethod
    def of(cls, values: Floating) -> Floats:
        """Take the range of all values.

        Raises:
            InputError: They are not finite, or too far apart to compute with.
        """
        num_bad = values.size - int(np.isfinite(values).sum())
        if num_bad:
            raise InputError(
                f"{num_bad} of its float values are NaN or Inf", "put numbers there, and mark them in a mask"
            )
        return cls(values, *_range_of(values))

    def within(self, known: NDArray[np.bool_], visible: NDArray[np.bool_] | None = None) -> Floats:
        """Take the range of known, visible pixels, and cut missing ones to it: a hole may hold any number.

        Args:
            known: Shape (h, w), True = known pixel.
            visible: Shape (h, w), False = transparent pixel; if known, it keeps its color, in the range or
                not. None: all pixels are visible.
        """
        seen = known if visible is None else known & visible
        low, high = _range_of(self.values[seen if seen.any() else known])
        cut = np.where(known[..., None], self.values, self.values.clip(low, high))
        return replace(self, values=cut, low=low, high=high)

    def to_unit(self, values: Floating) -> NDArray[np.float64]:
        """Map values so that the range becomes [0, 1]."""
        unit: NDArray[np.float64] = (values.astype(np.float64) - self.low) / (self.high - self.low)
        return unit

    def restored(self, pixels: Floating) -> Floating:
        """Return what is stored for pixels on [0, 1]: unchanged as it was, anything else within the range."""
        computed = self.low + (self.high - self.low) * pixels.astype(np.float64).clip(0.0, 1.0)
        unchanged = pixels == self.to_unit(self.values)
        return np.where(unchanged, self.values, computed.astype(self.values.dtype))


def _range_of(values: Floating) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    if low >= 0.0 and high <= 1.0:
        return 0.0, 1.0
    if not np.isfinite(high - low):
        raise InputError(f"its float values go from {low:g} to {high:g}", "scale them down first")
    return low, high if high > low else low + max(1.0, abs(low))
