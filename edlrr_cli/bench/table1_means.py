"""The means of a Table 1 record as a table: groups of methods, columns of corruptions, and ranks."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable

from edlrr_cli.bench import paper_table1
from edlrr_cli.bench.markdown import two_best
from edlrr_cli.bench.record import Row

#: The groups of methods in the order of the table, each with its heading.
GROUPS = {
    "ours, auto": "Ours, mixed (--prior auto, the default)",
    "ours, nonlocal": "Ours, groups of similar patches (--prior nonlocal)",
    "ours, local": "Ours, local windows (--prior local)",
    "ours": "Ours, global low-rank completion (--prior global)",
    "ours, paper's setting": "Ours, the paper's setting",
    "compared": "Baselines, published settings",
    "compared, tuned": "Baselines, free parameters chosen on held-out known pixels",
    "compared, other settings": "Baselines, other settings",
    "control": "Controls",
}
TUNED = "compared, tuned"
_SETTINGS = {
    "ours, auto": " (mixed)",
    "ours, nonlocal": " (nonlocal)",
    "ours, local": " (local)",
    "ours, paper's setting": " (paper)",
}


class Means:
    """The rows of kind "mean", by method and corruption.

    Args:
        rows: Rows of a record of ``edlrr bench table1``.

    Raises:
        KeyError: A row is incomplete, or has an unknown group.

    Attributes:
        groups: Names of methods by group, without empty groups.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        means = [row for row in rows if row["kind"] == "mean"]
        self._cells = {(row["method"], row["corruption"]): row for row in means}
        self._methods = {row["method"]: row for row in means}
        self.corruptions: list[str] = list(dict.fromkeys(row["corruption"] for row in means))
        found: dict[str, list[str]] = {group: [] for group in GROUPS}
        for name, row in self._methods.items():
            found[row["group"]].append(name)
        self.groups = {group: names for group, names in found.items() if names}

    @property
    def methods(self) -> list[str]:
        """Return the names of all methods in the order of the table."""
        return [name for names in self.groups.values() for name in names]

    def group(self, method: str) -> str:
        """Return the group of a method."""
        return str(self._methods[method]["group"])

    def title(self, method: str) -> str:
        """Return the title of a method below the heading of its group."""
        return str(self._methods[method]["title"])

    def label(self, method: str) -> str:
        """Return the title of a method including its setting, for use without a heading."""
        return self.title(method) + _SETTINGS.get(self.group(method), "")

    def cell(self, method: str, corruption: str) -> Row:
        """Return a mean row; empty if the method did not run there."""
        return self._cells.get((method, corruption), {})

    def complete(self, method: str, corruption: str) -> bool:
        """Whether a mean covers all cases: none failed, and none is still to be run."""
        cell = self.cell(method, corruption)
        most = max(self.cell(name, corruption).get("num_images", 0) for name in self.methods)
        return not cell.get("num_failed") and cell.get("num_images", 0) == most

    def value(self, method: str, corruption: str | None, key: str) -> float | None:
        """Return a mean; if the corruption is None, over all corruptions with equal weights."""
        if corruption is not None:
            number: float | None = self.cell(method, corruption).get(key)
            return number
        return average(self.value(method, name, key) for name in self.corruptions)

    def printed(self, method: str) -> paper_table1.Column | None:
        """Return the column of the paper's table that corresponds to a method; None if there is none."""
        name = self._methods[method]["printed"]
        return None if name is None else paper_table1.COLUMNS[name]

    def ranks(self, corruption: str | None, key: str, text: Callable[[float], str]) -> dict[str, int]:
        """Return 1 for the best methods and 2 for the second best; incomplete means are not ranked.

        Args:
            corruption: The column; None for the mean over all.
            key: The measure; greater is better.
            text: Formats a value; equal texts have equal ranks.
        """
        columns = self.corruptions if corruption is None else [corruption]
        complete = [name for name in self.methods if all(self.complete(name, column) for column in columns)]
        values = {name: self.value(name, corruption, key) for name in complete}
        return two_best({name: value for name, value in values.items() if value is not None}, text)


def average(values: Iterable[float | None]) -> float | None:
    """Return the mean; None if a value is missing."""
    numbers = list(values)
    known = [number for number in numbers if number is not None]
    return statistics.fmean(known) if known and len(known) == len(numbers) else None


def in_seconds(value: float) -> str:
    """Format a duration in seconds.

    Example:
        >>> [in_seconds(value) for value in (0.001, 1.234, 12.34, 1234.5)]
        ['< 0.01', '1.23', '12.3', '1234']
    """
    if value < 0.01:
        return "< 0.01"
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{digits}f}"
