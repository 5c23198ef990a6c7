"""Markdown tables of benchmark records, and their insertion into a document between markers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby

from edlrr_cli.bench import bgsep_tables, denoise_tables, mask_tables, photo_tables, uses_tables
from edlrr_cli.bench.markdown import (
    NONE,
    escape,
    in_mebibytes,
    in_milliseconds,
    ranked,
    table,
    table_of,
    text_of,
)
from edlrr_cli.bench.paper_table1 import Column
from edlrr_cli.bench.record import Record, Row
from edlrr_cli.bench.table1_means import GROUPS, Means, in_seconds
from edlrr_cli.errors import InputError

_INCOMPLETE = "†"


def blocks(record: Record) -> dict[str, str]:
    """Return the tables of a record in Markdown, each with its command and machine.

    Returns:
        Tables by the suffix of the file name in their markers: empty for the main table, and
        ``:details`` for the further tables of some benchmarks.

    Raises:
        InputError: The benchmark is unknown, or the record is incomplete.
    """
    name = record["benchmark"]
    if name not in _TABLES:
        raise InputError(f"unknown benchmark {name!r}", f"expected one of {', '.join(_TABLES)}")
    parts = {"": _TABLES[name]}
    if name in _DETAILS:
        parts[":details"] = _DETAILS[name]
    try:
        return {part: f"{write(record['rows'])}\n\n{_source(record)}" for part, write in parts.items()}
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(f"the {name} record lacks its numbers ({error!r})", "make it again") from error


def _source(record: Record) -> str:
    return f"Made by `{record['command']}` ({made_with(record)})."


def made_with(record: Record) -> str:
    """Return version, commit, software and hardware of a record in one line."""
    where = record["machine"]
    software = f"torch {where['torch']}, Python {where['python']}"
    threads = f"{where['num_threads']} thread{'' if where['num_threads'] == 1 else 's'}"
    hardware = f"{where['processor']}, {threads}, device {where['device']}"
    version = f"edlrr {record['version']}"
    if record["commit"]:
        revision, plus, dirty = record["commit"].partition("+")
        version += f" at {revision[:10]}{plus}{dirty}"
    return f"{version}; {software}; {hardware}"


def insert(document: str, name: str, text: str) -> str:
    """Replace the text between ``<!-- bench:NAME -->`` and ``<!-- /bench:NAME -->``.

    Raises:
        InputError: The markers are missing, repeated or in the wrong order.

    Example:
        >>> insert("<!-- bench:a -->old<!-- /bench:a -->", "a", "new")
        '<!-- bench:a -->\\nnew\\n<!-- /bench:a -->'
    """
    start, end = f"<!-- bench:{name} -->", f"<!-- /bench:{name} -->"
    for marker in (start, end):
        if document.count(marker) != 1:
            raise InputError(
                f"expected the marker {marker} once, found {document.count(marker)}", "put it in"
            )
    before, _, rest = document.partition(start)
    if end not in rest:
        raise InputError(f"the marker {end} comes before {start}", "exchange them")
    return f"{before}{start}\n{text}\n{end}{rest.partition(end)[2]}"


def insert_all(document: str, name: str, tables: Mapping[str, str]) -> str:
    """Insert the tables of a record for which a document has markers.

    Raises:
        InputError: The document has no markers for the record; see also `insert`.
    """
    wanted = [part for part in tables if f"<!-- bench:{name}{part} -->" in document]
    for part in wanted or [""]:
        document = insert(document, f"{name}{part}", tables[part])
    return document


def _regularizer(rows: list[Row]) -> str:
    by_method = {(tuple(row["shape"]), row["reg"], row["method"]): row for row in rows}
    lines = []
    for shape, reg in dict.fromkeys(key[:2] for key in by_method):
        pair = [by_method[shape, reg, method] for method in ("auto", "autograd svdvals")]
        times = [in_milliseconds(row["seconds"]) for row in pair]
        memory = " / ".join(text_of(row["peak_bytes"], in_mebibytes) for row in pair)
        errors = " / ".join(text_of(row["gradient_error"], _error) for row in pair)
        title = f"{' x '.join(map(str, shape))}, {reg}"
        lines.append([title, *times, f"{pair[0]['ratio']:.2f}", memory, errors])
    pairs = ["peak memory, MiB, ours / SVD", "gradient error, ours / SVD"]
    return table(["shape, penalty", "ours, ms", "autograd SVD, ms", "SVD / ours", *pairs], lines)


def _accuracy(rows: list[Row]) -> str:
    cases: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row["part"] == "penalty":
            cases.setdefault((row["dtype"], row["backend"]), []).append(row)
    lines = []
    for (dtype, backend), group in cases.items():
        line = [f"{dtype}, {backend} ({len(group)} penalties)"]
        for measure in ("gradient_error", "value_error"):
            worst = max(group, key=lambda row: float(row[measure]))
            line += [_error(worst[measure]), worst["reg"] if worst[measure] else NONE]
        lines.append(line)
    header = ["precision, route", "worst gradient error", "penalty", "worst value error", "penalty"]
    return f"{table(header, lines)}\n\n{_variance(rows)}"


def _variance(rows: list[Row]) -> str:
    cases = [row for row in rows if row["part"] == "variance"]
    ratios = [row["measured"] / row["theory"] for row in cases]
    counts = [row["num_probes"] for row in cases]
    span = f"N = {min(counts)} to {max(counts)}"
    return (
        f"Variance of the stochastic estimator, measured / theory (2 Σ h² / N): {min(ratios):.2f} to "
        f"{max(ratios):.2f} for {span} probes, {cases[0]['repetitions']} estimates each."
    )


def _optimization(rows: list[Row]) -> str:
    return table_of(
        rows,
        {
            "method": "{method}",
            "seconds": "{seconds:.2f}",
            "times faster": "{ratio:.2f}",
            "final objective R": "{objective:.4f}",
            "difference": lambda row: f"{100 * row['objective_difference']:+.2f} %",
            "PSNR, dB": "{psnr:.2f}",
        },
    )


def _table1(rows: list[Row]) -> str:
    means = Means(rows)
    lines = [line for group in means.groups for line in _group(means, group)]
    cases = [row for row in rows if row["kind"] == "case"]
    images = len({row["image"] for row in cases})
    text = table([f"mean PSNR over {images} images, dB", *means.corruptions, "seconds"], lines)
    failed = sum("error" in row for row in cases)
    note = f"{_INCOMPLETE} Not of all images, and not ranked; {failed} cases failed."
    return f"{text}\n\n{note}" if _INCOMPLETE in text else text


def _group(means: Means, group: str) -> Iterator[list[str]]:
    """Yield a heading and the methods of a group; printed columns follow the methods that they belong to."""
    yield [f"**{GROUPS[group]}**", *[""] * (len(means.corruptions) + 1)]
    for paper, methods in groupby(means.groups[group], key=means.printed):
        yield from (_method(means, method) for method in methods)
        if paper is not None:
            yield [f"*paper prints {escape(paper.name)}*", *_printed(paper, means.corruptions)]


def _method(means: Means, method: str) -> list[str]:
    seconds = means.value(method, None, "seconds")
    cells = [_decibels(means, method, corruption) for corruption in means.corruptions]
    return [escape(means.title(method)), *cells, text_of(seconds, in_seconds)]


def _decibels(means: Means, method: str, corruption: str) -> str:
    """Return a mean as text: the best bold, the second best underlined, with the spread over the seeds."""
    value, spread = (means.value(method, corruption, key) for key in ("psnr", "psnr_sd"))
    if value is None:
        return NONE
    text = f"{value:.2f}"
    rank = means.ranks(corruption, "psnr", "{:.2f}".format).get(method)
    marked = ranked(text, rank)
    note = "" if means.complete(method, corruption) else f" {_INCOMPLETE}"
    return f"{marked}{note}" if spread is None else f"{marked} ± {spread:.2f}{note}"


def _printed(paper: Column, corruptions: Sequence[str]) -> Iterator[str]:
    yield from (text_of(paper.psnr.get(corruption), "*{:.2f}*") for corruption in corruptions)
    yield f"*{in_seconds(paper.seconds)}*"


def _command(rows: list[Row]) -> str:
    return table_of(
        rows,
        {
            "command": lambda row: re.sub("^(edlrr[^,]*)", r"`\1`", row["method"]),
            "seconds, median": "{seconds:.2f}",
            "min": "{seconds_min:.2f}",
            "max": "{seconds_max:.2f}",
            "PSNR, dB": lambda row: text_of(row["psnr"], "{:.2f}"),
        },
    )


def _throughput(rows: list[Row]) -> str:
    batches = table_of(
        [row for row in rows if row["kind"] == "batch"],
        {
            "images": "{case}",
            "seconds": "{seconds:.1f}",
            "a minute": "{images_per_minute:.1f}",
            "times faster": "{ratio:.2f}",
        },
    )
    large = table_of(
        [row for row in rows if row["kind"] == "large"],
        {
            "image": "{megapixels:.0f} megapixels, {case}",
            "missing": lambda row: f"{100 * row['missing_fraction']:.2g} %",
            "seconds": "{seconds:.0f}",
            "peak memory, GB": lambda row: f"{row['peak_bytes'] / 1e9:.1f}",
            "PSNR there, dB": "{psnr_missing:.2f}",
        },
    )
    return f"{batches}\n\n{large}"


def _cost(rows: list[Row]) -> str:
    return table_of(
        rows,
        {
            "varied": "{kind}",
            "pixels": "{num_pixels:,}",
            "missing": "{num_missing:,}",
            "CPU seconds": "{cpu_seconds:.1f}",
            "microseconds a missing pixel": lambda row: (
                f"{1e6 * row['cpu_seconds'] / row['num_missing']:.0f}"
            ),
        },
    )


def _kernels(rows: list[Row]) -> str:
    return table_of(
        rows,
        {
            "kernel": "{kernel}",
            "ms": lambda row: in_milliseconds(row["seconds"]),
            "torch, ms": lambda row: in_milliseconds(row["seconds_torch"]),
            "times faster": "{ratio:.1f}",
            "Gflop": lambda row: f"{row['operations'] / 1e9:.2f}",
            "Gflop/s": lambda row: f"{row['operations_per_second'] / 1e9:.0f}",
            "of the peak": lambda row: f"{100 * row['operations_per_second'] / row['peak_per_second']:.0f} %",
        },
    )


def _gigapixel(rows: list[Row]) -> str:
    return table_of(
        rows,
        {
            "scan": "{megapixels:.0f} megapixels, {case}, 16 bits",
            "specks": "{num_specks}",
            "tiles": "{num_tiles}",
            "tiles with holes": "{num_holed}",
            "tiles not copied": "{num_changed}",
            "seconds of the processor": "{cpu_seconds:.0f}",
            "peak memory, GB": lambda row: f"{row['peak_bytes'] / 1e9:.2f}",
            "file, GB": lambda row: f"{row['input_bytes'] / 1e9:.2f}",
            "PSNR there, dB": "{psnr_missing:.2f}",
        },
    )


def _busy(rows: list[Row]) -> str:
    return table_of(
        rows,
        {
            "value and gradient": "`{method}`",
            "processes": "{processes}",
            "threads": "{threads}",
            "ms, median": lambda row: in_milliseconds(row["seconds"]),
            "min": lambda row: in_milliseconds(row["seconds_min"]),
            "max": lambda row: in_milliseconds(row["seconds_max"]),
            "over 1 thread": "{ratio:.2f}",
        },
    )


def _error(value: float) -> str:
    return f"{value:.1e}" if value else "0"


def _clips(rows: list[Row]) -> str:
    """Return a table of the PSNR of the hole by clip, that of single images on the frames that they have."""
    cases: dict[tuple[str, str], dict[str, Row]] = {}
    for row in rows:
        cases.setdefault((row["sequence"], row["hole"]), {})[row["method"]] = row
    header = [
        "clip, hole",
        "clip",
        "delogo",
        "clip, scored frames",
        "frame by frame",
        "flicker",
        "CPU s/frame",
    ]
    lines = []
    for (sequence, hole), methods in cases.items():
        ours, delogo, frames = (methods.get(name, {}) for name in ("lrr", "delogo", "frames"))
        psnrs = [ours.get("psnr"), delogo.get("psnr"), ours.get("psnr_scored"), frames.get("psnr_scored")]
        cpu_s = ours["cpu_seconds"] / ours["num_frames"] if ours else None
        rest = [text_of(ours.get("flicker"), "{:.2f}"), text_of(cpu_s, "{:.2f}")]
        lines.append([f"{escape(sequence)}, {hole}", *(text_of(value, "{:.2f}") for value in psnrs), *rest])
    return table(header, lines)


_TABLES: dict[str, Callable[[list[Row]], str]] = {
    "regularizer": _regularizer,
    "accuracy": _accuracy,
    "optimization": _optimization,
    "table1": _table1,
    "bgsep": bgsep_tables.summary,
    "bgsep_left_out": bgsep_tables.left_out,
    "clips": _clips,
    "denoise": denoise_tables.summary,
    "photo": photo_tables.summary,
    "photo_white": photo_tables.summary,
    "mask": mask_tables.summary,
    "command": _command,
    "throughput": _throughput,
    "gigapixel": _gigapixel,
    "busy": _busy,
    "cost": _cost,
    "kernels": _kernels,
    "compress": uses_tables.compress,
    "multitask": uses_tables.multitask,
    "scans": uses_tables.scans,
}
_DETAILS: dict[str, Callable[[list[Row]], str]] = {
    "bgsep": bgsep_tables.details,
    "denoise": denoise_tables.details,
}
