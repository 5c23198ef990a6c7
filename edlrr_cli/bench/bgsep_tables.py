"""The tables of a record of ``edlrr bench bgsep``: a summary and the details."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import compress

from edlrr_cli.bench.markdown import NONE, Write, escape, in_mebibytes, ranked_column, table, text_of
from edlrr_cli.bench.record import Row
from edlrr_cli.bench.table1_means import average

_FAILED = "failed"

_DETECTION = {
    "recall": "recall",
    "specificity": "specificity",
    "false_positive_rate": "FPR",
    "false_negative_rate": "FNR",
    "percent_wrong": "PWC, %",
    "precision": "precision",
    "f_measure": "F",
}
_BACKGROUND = {
    "age": "AGE",
    "peps": "pEPs",
    "pceps": "pCEPs",
    "psnr": "PSNR, dB",
    "ms_ssim": "MS-SSIM",
    "cqm": "CQM, dB",
}
_LOWER_IS_BETTER = {"false_positive_rate", "false_negative_rate", "percent_wrong", "age", "peps", "pceps"}


def summary(rows: list[Row]) -> str:
    """Return a table of the F-measure of the masks by method and sequence, with the mean and the speed."""
    cases, means = _cases(rows), _means(rows)
    columns = {name: _column(cases[name], "f_measure") for name in cases}
    columns["mean"] = _column(means, "f_measure")
    columns["frames/s"] = [text_of(means[method].get("frames_per_second"), _in_frames) for method in means]
    return _lay_out("F-measure", list(means), columns)


def details(rows: list[Row]) -> str:
    """Return the tables of all other measures."""
    cases, means = _cases(rows), _means(rows)
    best = "F at the best threshold, chosen with the truth"
    parts = [
        _by_sequence(f"{best}, on the method's own difference", "f_best", cases, means),
        _by_sequence(f"{best}, on the plain gray difference", "f_plain_best", cases, means),
        _measures("Masks, mean over the sequences", means, _DETECTION),
        *(
            _measures(f"Background of {escape(name)}", _backgrounds(column), _BACKGROUND)
            for name, column in cases.items()
            if _backgrounds(column)
        ),
        _plain("Rank, the largest of the windows", "rank", cases, str),
        _plain("Frames per second, reading included", "frames_per_second", cases, _in_frames),
        _plain("Peak memory, MiB", "peak_bytes", cases, in_mebibytes),
        _streaming([row for row in rows if row["kind"] == "memory"]),
    ]
    return "\n\n".join(part for part in parts if part)


def left_out(rows: list[Row]) -> str:
    """Return a table of each sequence with the constants that are best on the others, and of their means."""
    chosen = [row for row in rows if row["kind"] == "left_out"]
    lines = [
        [
            escape(row["sequence"]),
            escape(row["method"]),
            *map("{:.3f}".format, (row["f_measure"], row["f_default"])),
        ]
        for row in chosen
    ]
    both = [f"{average(row[key] for row in chosen):.3f}" for key in ("f_measure", "f_default")]
    header = ["sequence", "best on the others", "F", "F of the default"]
    means = [[escape(name), f"{row['f_measure']:.3f}"] for name, row in _means(rows).items()]
    return f"{table(header, [*lines, ['mean', '', *both]])}\n\n{table(['constants', 'mean F'], means)}"


def _cases(rows: Sequence[Row]) -> dict[str, dict[str, Row]]:
    """Return the cases by sequence and method."""
    cases: dict[str, dict[str, Row]] = {}
    for row in rows:
        if row["kind"] == "case":
            cases.setdefault(row["sequence"], {})[row["method"]] = row
    return cases


def _means(rows: Sequence[Row]) -> dict[str, Row]:
    return {row["method"]: row for row in rows if row["kind"] == "mean"}


def _backgrounds(column: Mapping[str, Row]) -> dict[str, Row]:
    """Return the scores of the background by method; empty without a true background."""
    return {method: row["background"] for method, row in column.items() if row.get("background")}


def _by_sequence(
    title: str, key: str, cases: Mapping[str, Mapping[str, Row]], means: Mapping[str, Row]
) -> str:
    """Return a table of a measure by method and sequence, with the mean."""
    columns = {name: _column(column, key) for name, column in cases.items()}
    return _titled(title, list(means), {**columns, "mean": _column(means, key)})


def _measures(title: str, rows: Mapping[str, Row], names: Mapping[str, str]) -> str:
    """Return a table of several measures by method."""
    return _titled(title, list(rows), {text: _column(rows, key) for key, text in names.items()})


def _plain(title: str, key: str, cases: Mapping[str, Mapping[str, Row]], write: Write) -> str:
    """Return a table without ranks by method and sequence."""
    methods = list(next(iter(cases.values())))
    columns = {
        name: [text_of(column[method].get(key), write) for method in methods]
        for name, column in cases.items()
    }
    return _titled(title, methods, columns)


def _streaming(rows: Sequence[Row]) -> str:
    """Return a sentence on the peak memory for each length of the video."""
    if not rows:
        return ""
    name = escape(rows[0]["sequence"])
    peaks = (f"{text_of(row['peak_bytes'], in_mebibytes)} MiB for {row['num_frames']} frames" for row in rows)
    return f"Peak memory of the whole process that streams {name}: {', '.join(peaks)}."


def _titled(title: str, methods: Sequence[str], columns: Mapping[str, Sequence[str]]) -> str:
    """Return a table with a title, without the methods that have no values."""
    known = [not {*line} <= {NONE, _FAILED} for line in zip(*columns.values(), strict=True)]
    kept = {name: list(compress(column, known)) for name, column in columns.items()}
    return f"**{title}**\n\n{_lay_out('method', list(compress(methods, known)), kept)}" if any(known) else ""


def _lay_out(corner: str, methods: Sequence[str], columns: Mapping[str, Sequence[str]]) -> str:
    lines = zip(map(escape, methods), *columns.values(), strict=True)
    return table([corner, *map(escape, columns)], lines)


def _column(rows: Mapping[str, Row], key: str) -> list[str]:
    """Return the cells of a measure for all methods, with the two best marked."""
    values = {method: row.get(key) for method, row in rows.items()}
    cells = ranked_column(values, _write(key), lower=key in _LOWER_IS_BETTER)
    return [_FAILED if "error" in row else cells[method] for method, row in rows.items()]


def _write(key: str) -> Write:
    if key in ("peps", "pceps", "ms_ssim", "specificity", "false_positive_rate"):
        return "{:.4f}".format
    return ("{:.2f}" if key in ("age", "psnr", "cqm", "percent_wrong") else "{:.3f}").format


def _in_frames(rate: float) -> str:
    return f"{rate:.0f}" if rate >= 10 else f"{rate:.1f}"
