"""Refusals that settings share."""

from __future__ import annotations

from edlrr_cli.errors import UsageError
from edlrr_cli.lrr.names import nearest


def require(condition: bool, name: str, expected: str, value: object) -> None:
    """Refuse a value outside its domain.

    Raises:
        UsageError: The condition does not hold.
    """
    if not condition:
        raise UsageError(f"{name} must be {expected}, got {value}")


def require_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuse a word that is not among the choices.

    Raises:
        UsageError: The message offers the nearest.
    """
    if value not in choices:
        raise UsageError(f"unknown {name} {value!r}", nearest(value, choices))
