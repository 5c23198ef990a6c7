"""The names of ``--reg``: plain strings, importable without torch, the single source of every list."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from edlrr_cli.errors import UsageError

#: Penalties with a Taylor and a Laguerre series: their ``X`` in ``taylor-X``, ``laguerre-X`` and ``exact-X``.
SERIES_PENALTIES = ("gamma", "laplace", "lnn", "log", "etp", "geman")
#: Piecewise penalties, which have no power series at 0, so ``exact-X`` only.
PIECEWISE_PENALTIES = ("scad", "mcp", "capped-l1")
EXPANSIONS = ("taylor", "laguerre", "exact")
BACKENDS = ("auto", "gram", "svd", "polar")

#: All names that ``--reg`` accepts; ``schatten-P`` represents any 0 < P <= 1, such as ``schatten-0.5``.
REG_NAMES = (
    "nuclear",
    "schatten-P",
    *(f"{expansion}-{penalty}" for expansion in EXPANSIONS for penalty in SERIES_PENALTIES),
    *(f"exact-{penalty}" for penalty in PIECEWISE_PENALTIES),
)


@dataclass(frozen=True)
class RegName:
    """A parsed ``--reg`` name.

    Attributes:
        penalty: ``"nuclear"``, ``"schatten"`` or one of the penalties above.
        expansion: ``"taylor"``, ``"laguerre"`` or ``"exact"``.
        p: The exponent of ``schatten-P``; None for every other name.
    """

    penalty: str
    expansion: str = "exact"
    p: float | None = None


def parse_reg(name: str) -> RegName:
    """Parse a ``--reg`` name.

    Args:
        name: One of ``REG_NAMES``; ``schatten-P`` with a number for P, 0 < P <= 1.

    Raises:
        UsageError: The name is unknown; the message suggests the nearest one.

    Example:
        >>> parse_reg("laguerre-gamma")
        RegName(penalty='gamma', expansion='laguerre', p=None)
        >>> parse_reg("schatten-0.5").p
        0.5
    """
    if name == "nuclear":
        return RegName("nuclear")
    if schatten := re.fullmatch(r"schatten-(\d*\.?\d+)", name):
        p = float(schatten[1])
        if not 0 < p <= 1:
            raise UsageError(f"reg {name!r}: the exponent must satisfy 0 < P <= 1", "try schatten-0.5")
        return RegName("schatten", p=p)
    if name in REG_NAMES and name != "schatten-P":
        expansion, _, penalty = name.partition("-")
        return RegName(penalty, expansion)
    raise UsageError(f"unknown reg {name!r}", nearest(name, REG_NAMES))


def nearest(word: str, choices: tuple[str, ...]) -> str:
    """Return the remedy for an unknown word: the nearest choice, or all choices."""
    close = difflib.get_close_matches(word, choices, n=1)
    return f"did you mean {close[0]!r}?" if close else f"choose from {', '.join(choices)}"
