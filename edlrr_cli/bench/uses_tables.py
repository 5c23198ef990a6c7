"""The tables of the records of ``docs/examples``: the low-rank term of weight matrices, and scans."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean, median, stdev
from typing import Any

from edlrr_cli.bench.markdown import NONE, in_milliseconds, table
from edlrr_cli.bench.record import Row

_REFERENCE = "autograd through the SVD"


def compress(rows: list[Row]) -> str:
    """Return the table of ``compress.py``: accuracy, ranks and time of every width and method."""
    lines = []
    for width, method, group, ratio in _by_method(rows, "width"):
        accuracies = [_spread([100 * row[key] for row in group], 1) for key in ("accuracy", "accuracy_cut")]
        ranks = " and ".join(
            f"{fmean(layer):.0f}" for layer in zip(*(row["ranks"] for row in group), strict=True)
        )
        kept = f"{100 * fmean(row['weights_kept'] for row in group):.0f} %"
        title = f"{width} x {width}, {method}"
        lines.append([title, *accuracies, ranks, kept, _milliseconds(group), ratio])
    header = ["hidden matrix, method", "accuracy, %", "after cutting, %", "cut to ranks", "weights kept"]
    return table([*header, "ms per step", "SVD / this"], lines) + _seeds(rows)


def multitask(rows: list[Row]) -> str:
    """Return the table of ``multitask.py``: error, rank and time of every weight matrix and method."""
    lines = []
    for case, method, group, ratio in _by_method(rows, "case"):
        shape = f"{group[0]['num_features']} x {group[0]['num_tasks']}"
        title = f"{'digits' if case == 'digits' else 'patches'}, {shape}, {method}"
        error = _spread([row["rmse"] for row in group], 4)
        values = [row["objective"] for row in group]
        objective = NONE if None in values else f"{fmean(values):.3f}"
        rank = f"{fmean(row['rank'] for row in group):.0f}"
        lines.append([title, error, rank, objective, _milliseconds(group), ratio])
    header = ["weight matrix, method", "test error (RMSE)", "effective rank", "objective", "ms per step"]
    return table([*header, "SVD / this"], lines) + _seeds(rows)


def scans(rows: list[Row]) -> str:
    """Return the table of ``scans.py``: the time of a slide by its size and the way it is restored."""
    lines = []
    for row in rows:
        height, width = row["size_px"]
        size = f"{width} x {height} ({width * height / 1e6:.1f} MP)"
        fraction = f"{100 * row['missing_fraction']:.2f} %"
        hours = 4000 * row["seconds"] / 3600
        lines.append([size, fraction, row["options"], f"{row['seconds']:.1f}", f"{hours:.0f}"])
    return table(
        ["slide", "missing", "options", "seconds of one core", "hours of one core, 4000 slides"], lines
    )


def _by_method(rows: Sequence[Row], key: str) -> Iterator[tuple[Any, str, list[Row], str]]:
    """Yield case, method, rows of its seeds, and how many times faster than the SVD it is."""
    for case in dict.fromkeys(row[key] for row in rows):
        of_case = [row for row in rows if row[key] == case]
        reference = [row["seconds"] for row in of_case if row["method"] == _REFERENCE]
        for method in dict.fromkeys(row["method"] for row in of_case):
            group = [row for row in of_case if row["method"] == method]
            times = [row["seconds"] for row in group]
            ratio = NONE
            if None not in times:
                ratio = f"{median(slow / fast for slow, fast in zip(reference, times, strict=True)):.1f}"
            yield case, method, group, ratio


def _spread(values: Sequence[float], digits: int) -> str:
    """Return the mean and, of several values, their standard deviation."""
    mean = f"{fmean(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ± {stdev(values):.{digits}f}"


def _milliseconds(group: Sequence[Row]) -> str:
    times = [row["seconds"] for row in group]
    return NONE if None in times else in_milliseconds(fmean(times))


def _seeds(rows: Sequence[Row]) -> str:
    count = len({row["seed"] for row in rows})
    return f"\n\nMeans over {count} seeds, with their standard deviation." if count > 1 else ""
