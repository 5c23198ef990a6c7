"""Parameters of a baseline: from ``NAME=VALUE`` or TOML to the types that its solver declares."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import get_args

from edlrr_cli.baselines.registry import Params, param_types
from edlrr_cli.errors import UsageError

KINDS = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "a table",
}
"""What the type of a setting is called."""


def parse_assignments(words: Iterable[str]) -> dict[str, str]:
    """Split each ``NAME=VALUE``; of equal names the last one counts.

    Raises:
        UsageError: A word is not of that form.

    Example:
        >>> parse_assignments(["rtol=1e-3", "growth=1.1"])
        {'rtol': '1e-3', 'growth': '1.1'}
    """
    given = {}
    for word in words:
        name, _, value = word.partition("=")
        if not (name and value):
            raise UsageError(f"--param {word!r}: expected NAME=VALUE", "such as rtol=1e-3")
        given[name] = value
    return given


def as_word(value: object) -> str:
    """Return a parameter as ``--param`` takes it.

    Example:
        >>> as_word(None), as_word(True), as_word(1e-5)
        ('none', 'true', '1e-05')
    """
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def typed_params(method: str, given: Mapping[str, object]) -> Params:
    """Give each parameter the type that the method's solver declares; imports torch if any is given.

    Args:
        given: By name, a text or a value of TOML. Unknown names stay for the registry to refuse.

    Raises:
        UsageError: A value is not of that type.
    """
    types = param_types(method) if given else {}
    return {
        name: _typed(method, name, value, types[name]) if name in types else value
        for name, value in given.items()
    }


def _typed(method: str, name: str, value: object, hint: object) -> object:
    kinds = get_args(hint) or (hint,)
    optional = type(None) in kinds
    if optional and value == "none":
        return None
    (kind,) = (kind for kind in kinds if kind is not type(None))
    accepted, parse = _PARSERS[kind]
    try:
        if type(value) in accepted:
            return parse(value)
    except ValueError:
        pass
    expected = KINDS[kind] + (" or none" if optional else "")
    raise UsageError(f"method {method}: {name} must be {expected}, got {value!r}")


def _whole(value: object) -> int:
    return int(str(value))


def _finite(value: object) -> float:
    number = float(str(value))
    if not math.isfinite(number):
        raise ValueError(value)
    return number


def _truth(value: object) -> bool:
    return ("false", "true").index(str(value).lower()) == 1


# Of each type: what may stand for a value of it, and how that is read.
_PARSERS: dict[type, tuple[tuple[type, ...], Callable[[object], object]]] = {
    str: ((str,), str),
    int: ((str, int), _whole),
    float: ((str, int, float), _finite),
    bool: ((str, bool), _truth),
}
