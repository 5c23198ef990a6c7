"""Parameters of the baselines: types of the values."""

from __future__ import annotations

import pytest

from edlrr_cli.errors import UsageError
from edlrr_cli.pipelines.inpaint import params


@pytest.fixture
def declared(monkeypatch):
    hints = {"a": int, "b": float, "c": bool, "d": str, "e": int | None}
    monkeypatch.setattr(params, "param_types", lambda name: hints)


@pytest.mark.parametrize(
    ("given", "typed"),
    [
        ({"a": "3"}, 3),
        ({"a": 3}, 3),
        ({"b": "1e-3"}, 1e-3),
        ({"b": 2}, 2.0),
        ({"c": "true"}, True),
        ({"c": False}, False),
        ({"d": "none"}, "none"),
        ({"e": "none"}, None),
        ({"e": "4"}, 4),
        ({"unknown": 1.5}, 1.5),  # the registry refuses it, with the nearest name
    ],
)
def test_parameters_get_their_types(declared, given, typed):
    (result,) = params.typed_params("m", given).values()
    assert result == typed
    assert type(result) is type(typed)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"a": "3.5"}, "method m: a must be a whole number, got '3.5'"),
        ({"a": True}, "method m: a must be a whole number, got True"),
        ({"a": "none"}, "method m: a must be a whole number, got 'none'"),
        ({"b": "nan"}, "method m: b must be a number, got 'nan'"),
        ({"b": 10**400}, "method m: b must be a number, got 1000"),
        ({"b": []}, r"method m: b must be a number, got \[\]"),
        ({"c": "1"}, "method m: c must be true or false, got '1'"),
        ({"d": 1}, "method m: d must be a text, got 1"),
        ({"e": "x"}, "method m: e must be a whole number or none, got 'x'"),
    ],
)
def test_parameters_of_a_wrong_type_are_refused(declared, given, message):
    with pytest.raises(UsageError, match=message):
        params.typed_params("m", given)
