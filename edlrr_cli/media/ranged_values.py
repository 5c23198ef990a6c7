"""Samples without a fixed white: the range that is mapped to [0, 1], and the exact way back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.errors import InputError

Floating = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class RangedValues:
    """Colors as stored: floats, or integers other than those of 8 and 16 bits without a sign.

    The range of floats is [0, 1] itself if it contains all values. All others extend from the smallest to
    the largest value. NaN, Inf and values that stand for missing data have no part in it.

    Attributes:
        values: Shape (h, w, c); float16, float32, float64, or integers.
        low: The value mapped to 0.
        high: The value mapped to 1; for a constant image max(1, abs(low)) above ``low``.
    """

    values: NDArray[Any]
    low: float
    high: float

    @classmethod
    def from_values(cls, values: NDArray[Any], undefined: NDArray[np.bool_] | None = None) -> RangedValues:
        """Return the values with the range of all defined pixels.

        Args:
            undefined: Shape (h, w), True = pixel without a value; None: none are.

        Raises:
            InputError: No pixel is defined, or the range overflows.
        """
        defined = values if undefined is None else values[~undefined]
        if not defined.size:
            raise InputError("no pixel has a value (NaN, Inf or missing data)", "give another image")
        return cls(values, *_range_of(defined))

    @property
    def are_floats(self) -> bool:
        """Whether the values are floats, not integers."""
        return self.values.dtype.kind == "f"

    @property
    def kind(self) -> str:
        """Return the kind of the values, for messages."""
        return "floats" if self.are_floats else f"{self.values.dtype.name} values"

    def within(self, known: NDArray[np.bool_], visible: NDArray[np.bool_] | None = None) -> RangedValues:
        """Return the range of the known, visible pixels, with missing ones clipped to it.

        Args:
            known: Shape (h, w), True = known pixel.
            visible: Shape (h, w), False = transparent or undefined pixel; if known, it keeps its color even
                outside of the range. None: all pixels are visible.
        """
        seen = known if visible is None else known & visible
        chosen = self.values[seen if seen.any() else known]
        low, high = _range_of(chosen)
        low_value, high_value = chosen.min(), chosen.max()
        clipped = np.where(np.isfinite(self.values), self.values.clip(low_value, high_value), low_value)
        clipped = np.where(known[..., None], self.values, clipped)
        return replace(self, values=clipped, low=low, high=high)

    def normalized(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Map values linearly so that the range becomes [0, 1]; NaN and Inf become 0."""
        scaled = (values.astype(np.float64) - self.low) / (self.high - self.low)
        return np.where(np.isfinite(scaled), scaled, 0.0)

    def restored(self, pixels: Floating) -> NDArray[Any]:
        """Return the values to store for pixels on [0, 1]: unchanged ones exact, others within the range."""
        computed = self.low + (self.high - self.low) * pixels.astype(np.float64).clip(0.0, 1.0)
        unchanged = pixels == self.normalized(self.values)
        return np.where(unchanged, self.values, self._stored(computed))

    def _stored(self, computed: NDArray[np.float64]) -> NDArray[Any]:
        dtype = self.values.dtype
        if self.are_floats:
            return computed.astype(dtype)
        # The largest integers of 64 bits are no floats, and rounding up would overflow.
        limits = np.iinfo(dtype)
        return np.rint(computed).clip(limits.min, np.nextafter(float(limits.max), 0)).astype(dtype)


def _range_of(values: NDArray[Any]) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind == "f" and low >= 0.0 and high <= 1.0:
        return 0.0, 1.0
    if not np.isfinite(high - low):
        raise InputError(f"its float values range from {low:g} to {high:g}", "scale them down first")
    return low, high if high > low else low + max(1.0, abs(low))
