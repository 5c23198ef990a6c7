"""Validation of settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from numbers import Integral, Real
from typing import Any, TypeVar, get_args, get_type_hints

from edlrr_cli.errors import UsageError
from edlrr_cli.lrr.names import nearest

Owner = TypeVar("Owner")

# Declared type -> accepted types, including NumPy's scalars, and their name in messages.
_ACCEPTED: dict[type, tuple[tuple[type, ...], str]] = {
    str: ((str,), "a string"),
    int: ((Integral,), "a whole number"),
    float: ((Real,), "a number"),
    bool: ((bool,), "True or False"),
}


NOISE_LEVEL = '"auto" or within [0, 1] (1 is white)'
"""Domain of the standard deviation of noise, for messages."""


def require(condition: bool, name: str, expected: str, value: object, remedy: str = "") -> None:
    """Reject a value outside its domain.

    Raises:
        UsageError: The condition does not hold.
    """
    if not condition:
        raise UsageError(f"{name} must be {expected}, got {value}", remedy)


def settings_of(owner: type[Owner], values: Mapping[str, Any]) -> Owner:
    """Return the settings of a dataclass that are among values by name; the others keep their defaults.

    Raises:
        UsageError: A value is outside its domain.
    """
    return owner(**{field.name: values[field.name] for field in fields(owner) if field.name in values})  # type: ignore[arg-type]


def require_same(run: object, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse to continue a run with other settings than it was begun with.

    Args:
        run: What holds its state, for the message.

    Raises:
        UsageError: The first setting that differs.
    """
    for name, value in now.items():
        if before.get(name) != value:
            raise UsageError(
                f"{run} was made with {name} = {before.get(name)}, not {value}",
                "give the same settings, or --overwrite to start again",
            )


def require_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Reject a value that is not among the choices.

    Raises:
        UsageError: The value is unknown; the message suggests the nearest choice.
    """
    if value not in choices:
        raise UsageError(f"unknown {name} {value!r}", nearest(value, choices))


def require_types(settings: Any) -> None:
    """Reject settings whose type differs from the declaration in their dataclass.

    Raises:
        UsageError: A type differs; the message names the setting and the type.
    """
    hints = get_type_hints(type(settings))
    for field in fields(settings):
        value, kinds = getattr(settings, field.name), get_args(hints[field.name]) or (hints[field.name],)
        if value is None and type(None) in kinds:
            continue
        accepted, expected = _ACCEPTED[kinds[0]]
        is_fit = isinstance(value, accepted) and isinstance(value, bool) == (kinds[0] is bool)
        require(is_fit, field.name, expected, repr(value))


def require_noise_level(name: str, value: float | None) -> None:
    """Reject a standard deviation outside [0, 1]; None requests an estimate.

    Raises:
        UsageError: The value is outside; the message names the scale.
    """
    require(
        value is None or 0 <= value <= 1,
        name,
        NOISE_LEVEL,
        value,
        "divide a level on 0..255 by 255",
    )
