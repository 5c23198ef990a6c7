"""Markdown tables, with the best values marked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

NONE = "–"
"""The cell of a value that there is not."""

Write = Callable[[Any], str]


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table with the first column aligned to the left and the others to the right."""
    ruler = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, ruler, *rows))


def table_of(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str | Write]) -> str:
    """Return a table with a line for each row.

    Args:
        columns: Heading -> the cell: a format of the row's entries, or a function of the row.

    Example:
        >>> print(table_of([{"method": "tv", "seconds": 1.25}], {"method": "{method}", "s": "{seconds:.1f}"}))
        | method | s |
        | --- | ---: |
        | tv | 1.2 |
    """
    cells = list(columns.values())
    lines = ([cell.format(**row) if isinstance(cell, str) else cell(row) for cell in cells] for row in rows)
    return table(list(columns), lines)


def text_of(value: Any, write: Write | str) -> str:
    """Return a value as text, by a function or a format; `NONE` for None."""
    return NONE if value is None else write.format(value) if isinstance(write, str) else write(value)


def in_mebibytes(count: float) -> str:
    """Return a number of bytes in MiB."""
    return f"{count / 2**20:.0f}"


def in_milliseconds(seconds: float) -> str:
    """Return a number of seconds in milliseconds.

    Example:
        >>> in_milliseconds(0.00123), in_milliseconds(1.03)
        ('1.23', '1030')
    """
    milliseconds = 1e3 * seconds
    return f"{milliseconds:.2f}" if milliseconds < 10 else f"{milliseconds:.0f}"


def two_best(values: Mapping[str, float], text: Write) -> dict[str, int]:
    """Rank the two greatest values, 1 and 2; values with equal texts have equal ranks.

    Example:
        >>> two_best({"a": 1.04, "b": 3.0, "c": 2.0, "d": 3.01}, "{:.1f}".format)
        {'b': 1, 'c': 2, 'd': 1}
    """
    greatest = sorted(values, key=lambda name: values[name], reverse=True)
    shown = list(dict.fromkeys(text(values[name]) for name in greatest))[:2]
    return {name: shown.index(text(values[name])) + 1 for name in values if text(values[name]) in shown}


def ranked(text: str, rank: int | None) -> str:
    """Mark the best value in bold, and underline the second best.

    Example:
        >>> ranked("39.9", 1), ranked("39.8", 2), ranked("39.7", None)
        ('**39.9**', '<u>39.8</u>', '39.7')
    """
    return {1: f"**{text}**", 2: f"<u>{text}</u>"}.get(rank or 0, text)


def ranked_column(values: Mapping[str, float | None], text: Write, *, lower: bool = False) -> dict[str, str]:
    """Return the cells of a column by method, the two best marked; the least are best if ``lower``."""
    sign = -1 if lower else 1
    known = {method: sign * value for method, value in values.items() if value is not None}
    ranks = two_best(known, lambda value: text(sign * value))
    return {method: ranked(text_of(value, text), ranks.get(method)) for method, value in values.items()}


def escape(text: str) -> str:
    """Escape plain text for a Markdown cell."""
    return re.sub(r"([\\`*_|<>])", r"\\\1", text)
