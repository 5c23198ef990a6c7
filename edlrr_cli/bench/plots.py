"""Plots of records, as SVG."""

from __future__ import annotations

from collections.abc import Sequence

from edlrr_cli.bench import cost, table1_plot
from edlrr_cli.bench.record import Record
from edlrr_cli.bench.table1_means import Means


def plot(records: Sequence[Record]) -> tuple[str, str]:
    """Draw the record of cost, or the methods of all records of table1; of one in several, the last.

    Returns:
        The document, and what is drawn in it, as a text.

    Raises:
        UsageError: There is nothing to draw.
    """
    if [record["benchmark"] for record in records] == [cost.NAME]:
        rows = records[0]["rows"]
        return cost.plot(rows), f"{len(rows)} measurements"
    rows = [row for record in records for row in record["rows"] if row["kind"] == "mean"]
    means = Means({(row["method"], row["corruption"]): row for row in rows}.values())
    return table1_plot.document(means), f"{len(means.methods)} methods"
