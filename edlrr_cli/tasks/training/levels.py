"""A range of noise levels and its textual form."""

from __future__ import annotations

import re
from dataclasses import dataclass

from edlrr_cli.errors import UsageError


@dataclass(frozen=True)
class Levels:
    """Noise levels from ``least`` to ``largest``, standard deviations on 0..255.

    Raises:
        UsageError: The levels are not in order, not within 0..255, or all 0.

    Example:
        >>> Levels.parse("0-75"), str(Levels(25, 25))
        (Levels(least=0.0, largest=75.0), '25')
    """

    least: float
    largest: float

    def __post_init__(self) -> None:
        if not (0 <= self.least <= self.largest <= 255 and self.largest > 0):
            raise UsageError(f"noise levels {self} are not a range within 0..255", "use 25 or 0-75")

    @classmethod
    def parse(cls, text: str) -> Levels:
        """Parse ``25`` or ``0-75``.

        Raises:
            UsageError: The text is neither a number nor a range.
        """
        found = re.fullmatch(r"(\d*\.?\d+)(?:-(\d*\.?\d+))?", text)
        if found is None:
            raise UsageError(f"noise level {text!r} is neither a number nor a range", "use 25 or 0-75")
        least = float(found[1])
        return cls(least, least if found[2] is None else float(found[2]))

    @property
    def normalized(self) -> tuple[float, float]:
        """Return both levels on the [0, 1] scale."""
        return self.least / 255, self.largest / 255

    def __str__(self) -> str:
        """Return the text that `parse` accepts."""
        return f"{self.least:g}" if self.least == self.largest else f"{self.least:g}-{self.largest:g}"
