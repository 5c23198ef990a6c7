"""A record of Table 1 as a self-contained HTML document: tables, plots, thumbnails, failures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from edlrr_cli.bench.markdown import NONE, Write, in_mebibytes, two_best
from edlrr_cli.bench.paper_table1 import CITATION
from edlrr_cli.bench.record import Record, Row
from edlrr_cli.bench.report import made_with
from edlrr_cli.bench.table1_means import GROUPS, Means, average, in_seconds
from edlrr_cli.bench.table1_plot import svg
from edlrr_cli.errors import InputError
from edlrr_cli.pages.render import data_uri, template

_TEMPLATE = "table1_page.html.j2"
_OVERALL = "mean"


@dataclass(frozen=True)
class Measure:
    """One view of the main table.

    Attributes:
        ranked: Whether the best values are marked; greater is better.
    """

    key: str
    name: str
    caption: str
    text: Write = "{:.2f}".format
    ranked: bool = True


@dataclass(frozen=True)
class Cell:
    """A number, its sort key, and the annotations around it; rank 1 is the best, 0 is unranked."""

    text: str
    value: float | None = None
    rank: int = 0
    spread: str = ""
    below: str = ""
    printed: str = ""


@dataclass(frozen=True)
class Line:
    """The row of a method; ``printed`` is the name of the corresponding column of the paper."""

    method: str
    title: str
    cells: list[Cell]
    printed: str = ""


@dataclass(frozen=True)
class Table:
    """A table for the template, with lines by group and heading; ``first`` is the initial sort order."""

    caption: str
    columns: list[str]
    groups: list[tuple[str, str, list[Line]]]
    first: str = "descending"


@dataclass(frozen=True)
class Thumbnail:
    """An embedded image with its title, quality, rank and alternative text."""

    source: str
    title: str
    quality: str
    rank: int
    alt: str


_decibels = "{:.2f}".format
_WHOLE = "PSNR in dB over the whole image"

MEASURES = (
    Measure("psnr", "PSNR, known pixels put back", f"{_WHOLE}, the known pixels put back"),
    Measure("psnr_raw", "PSNR, as the method returns it", f"{_WHOLE}, as the method returns it"),
    Measure("psnr_missing", "PSNR, missing pixels only", "PSNR in dB over the missing pixels only"),
    Measure("ssim", "SSIM", "SSIM, the known pixels put back", "{:.4f}".format),
    Measure(
        "seconds", "Seconds", "Seconds per image, without the choice of parameters", in_seconds, ranked=False
    ),
    Measure(
        "peak_bytes",
        "Peak memory",
        "Peak memory in MiB, above the level before the call",
        in_mebibytes,
        ranked=False,
    ),
)


def page(record: Record, thumbnails: Path | None) -> str:
    """Return the HTML document.

    Args:
        thumbnails: Folder of ``{corruption}-{seed}-{image}-{method}.jpg``, with ``_`` for ``:`` in the
            method, which is ``_clean`` or ``_damaged`` for the original and the damaged image. Missing
            files are left out; None for no thumbnails.

    Raises:
        InputError: The record is of another benchmark or incomplete, or a thumbnail cannot be read.
    """
    if record["benchmark"] != "table1":
        raise InputError(f"a record of {record['benchmark']!r}", "make a page of one of table1")
    try:
        context = _context(record, thumbnails)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(f"the table1 record lacks its numbers ({error!r})", "make it again") from error
    return template("bench", _TEMPLATE).render(context)


def _context(record: Record, thumbnails: Path | None) -> dict[str, Any]:
    means = Means(record["rows"])
    cases = [row for row in record["rows"] if row["kind"] == "case"]
    parameters = record["parameters"]
    return {
        "record": record,
        "made_with": made_with(record),
        "citation": CITATION,
        "means": means,
        "num_images": len(parameters["images"]),
        "num_seeds": len(parameters["seeds"]),
        "crop_px": parameters.get("crop_px"),
        "measures": [(measure, _measure_table(means, measure, cases)) for measure in MEASURES],
        "plots": list(_plots(means)),
        "image_tables": [_image_table(means, corruption, cases) for corruption in means.corruptions],
        "galleries": [] if thumbnails is None else list(_galleries(means, parameters, cases, thumbnails)),
        "failures": [case for case in cases if "error" in case],
        "parameters": {
            key: _plain(value) for key, value in parameters.items() if key != "settings" and value is not None
        },
        "settings": {key: _plain(value) for key, value in parameters.get("settings", {}).items()},
    }


def _plain(value: Any) -> str:
    """Format a parameter for readers."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(entry)}" for key, entry in value.items()) or NONE
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return value if isinstance(value, str) else json.dumps(value)


def _measure_table(means: Means, measure: Measure, cases: Iterable[Row]) -> Table:
    columns = [*means.corruptions, None]
    ranks = {name: means.ranks(name, measure.key, measure.text) for name in columns if measure.ranked}
    tuning = _tuning_seconds(cases) if measure.key == "seconds" else {}

    def cell(method: str, column: str | None) -> Cell:
        value, number = means.value(method, column, measure.key), _printed(means, measure, method, column)
        printed = "" if number is None else measure.text(number)
        if value is None:
            return Cell(NONE, printed=printed)
        row = {} if column is None else means.cell(method, column)
        spread, failed = row.get(f"{measure.key}_sd"), row.get("num_failed", 0)
        choosing = tuning.get((method, column))
        below = f"† {failed} failed" if failed else "" if choosing is None else f"+ {in_seconds(choosing)}"
        rank = ranks.get(column, {}).get(method, 0)
        deviation = "" if spread is None else f"± {measure.text(spread)}"
        return Cell(measure.text(value), value, rank, deviation, below, printed)

    def line(method: str) -> Line:
        cells, paper = [cell(method, column) for column in columns], means.printed(method)
        name = paper.name if paper is not None and any(cell.printed for cell in cells) else ""
        return Line(method, means.title(method), cells, name)

    first = "descending" if measure.ranked else "ascending"
    return Table(measure.caption, [*means.corruptions, _OVERALL], _grouped(means, line), first)


def _printed(means: Means, measure: Measure, method: str, column: str | None) -> float | None:
    """Return the printed number: PSNR, shown with both measures, or the time over all corruptions."""
    paper = means.printed(method)
    if paper is None or measure.key not in ("psnr", "psnr_raw", "seconds"):
        return None
    if measure.key == "seconds":
        return paper.seconds if column is None else None
    return average(paper.psnr.get(name) for name in (means.corruptions if column is None else [column]))


def _tuning_seconds(cases: Iterable[Row]) -> dict[tuple[str, str | None], float]:
    """Return the mean time for choosing parameters by method and corruption, where it was measured."""
    found: dict[tuple[str, str | None], list[float]] = {}
    for case in cases:
        if case.get("tuning_seconds") is not None:
            found.setdefault((case["method"], case["corruption"]), []).append(case["tuning_seconds"])
    return {key: sum(values) / len(values) for key, values in found.items()}


def _grouped(means: Means, line: Callable[[str], Line]) -> list[tuple[str, str, list[Line]]]:
    return [(group, GROUPS[group], [line(name) for name in names]) for group, names in means.groups.items()]


def _plots(means: Means) -> Iterator[tuple[str, Markup]]:
    for index, corruption in enumerate(means.corruptions):
        drawing = svg(means, corruption, prefix=f"plot{index}")
        if drawing is not None:
            yield corruption, Markup(drawing)  # made by matplotlib, which escapes


def _image_table(means: Means, corruption: str, cases: Iterable[Row]) -> Table:
    """Return a table of the PSNR of every method on every image, averaged over the seeds."""
    found: dict[str, dict[str, list[float | None]]] = {}
    for case in cases:
        if case["corruption"] == corruption:
            found.setdefault(case["image"], {}).setdefault(case["method"], []).append(case.get("psnr"))
    values = {image: {name: average(each) for name, each in found[image].items()} for image in found}
    ranks = {image: _ranks(values[image]) for image in values}

    def cell(method: str, image: str) -> Cell:
        value = values[image].get(method)
        if value is None:
            return Cell("failed" if method in values[image] else NONE)
        return Cell(_decibels(value), value, ranks[image].get(method, 0))

    def line(method: str) -> Line:
        return Line(method, means.title(method), [cell(method, image) for image in found])

    return Table(corruption, list(found), _grouped(means, line))


def _ranks(quality: Mapping[str, float | None]) -> dict[str, int]:
    known = {method: value for method, value in quality.items() if value is not None}
    return two_best(known, _decibels)


def _galleries(
    means: Means, parameters: Mapping[str, Any], cases: Iterable[Row], folder: Path
) -> Iterator[tuple[str, list[tuple[str, list[Thumbnail]]]]]:
    """Yield each corruption with the thumbnails of its images, which are of the first seed."""
    seed = parameters["seeds"][0]
    quality: dict[tuple[str, str], dict[str, float | None]] = {}
    for case in cases:
        if case["seed"] == seed:
            quality.setdefault((case["corruption"], case["image"]), {})[case["method"]] = case.get("psnr")
    for corruption in means.corruptions:
        shown = [
            (
                image,
                list(
                    _thumbnails(means, quality.get((corruption, image), {}), folder, corruption, image, seed)
                ),
            )
            for image in parameters["picture_images"]
        ]
        if any(thumbnails for _, thumbnails in shown):
            yield corruption, [(image, thumbnails) for image, thumbnails in shown if thumbnails]


def _thumbnails(
    means: Means, quality: Mapping[str, float | None], folder: Path, corruption: str, image: str, seed: int
) -> Iterator[Thumbnail]:
    ranks = _ranks(quality)
    titles = {"_damaged": "damaged", "_clean": "clean", **{name: means.label(name) for name in means.methods}}
    for name, title in titles.items():
        source = _embedded(folder / f"{corruption}-{seed}-{image}-{name.replace(':', '_')}.jpg")
        if source is not None:
            value = quality.get(name)
            text = "" if value is None else f"{_decibels(value)} dB"
            alt = f"image {image}, {corruption}: {title}{text and ', PSNR '}{text}"
            yield Thumbnail(source, title, text, ranks.get(name, 0), alt)


def _embedded(path: Path) -> str | None:
    """Return a JPEG file as a data URI; None if it is missing."""
    try:
        return data_uri(path.read_bytes(), "image/jpeg")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})", "make it again") from error
