"""A record of Table 1 as one HTML document that needs nothing else: tables, plots, pictures, failures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from edlrr_cli.bench.paper_table1 import CITATION
from edlrr_cli.bench.record import Record, Row
from edlrr_cli.bench.report import made_with
from edlrr_cli.bench.table1_means import GROUPS, Means, average, in_seconds, two_best
from edlrr_cli.bench.table1_plot import svg
from edlrr_cli.errors import InputError
from edlrr_cli.pages.render import data_uri, template

_TEMPLATE = "table1_page.html.j2"
_OVERALL = "mean"
_NONE = "–"


@dataclass(frozen=True)
class Measure:
    """One view of the main table.

    Attributes:
        key: Of a mean row.
        name: On the switch.
        caption: Of the table.
        text: Writes a value.
        ranked: Whether the best are marked; the greater the better.
    """

    key: str
    name: str
    caption: str
    text: Callable[[float], str]
    ranked: bool = True


@dataclass(frozen=True)
class Cell:
    """A number, what it is sorted by, and the small print around it; rank 1 is best, 0 is none."""

    text: str
    value: float | None = None
    rank: int = 0
    spread: str = ""
    below: str = ""
    printed: str = ""


@dataclass(frozen=True)
class Line:
    """A method's row; ``printed`` names the column of the paper that it stands for."""

    method: str
    title: str
    cells: list[Cell]
    printed: str = ""


@dataclass(frozen=True)
class Table:
    """A table for the template, its lines by group with a heading; ``first``: how a click sorts."""

    caption: str
    columns: list[str]
    groups: list[tuple[str, str, list[Line]]]
    first: str = "descending"


@dataclass(frozen=True)
class Picture:
    """An embedded picture and what is said about it."""

    source: str
    title: str
    quality: str
    rank: int
    alt: str


def _decibels(value: float) -> str:
    return f"{value:.2f}"


MEASURES = (
    Measure(
        "psnr",
        "PSNR, known pixels put back",
        "PSNR in dB over the whole image, the known pixels put back",
        _decibels,
    ),
    Measure(
        "psnr_raw",
        "PSNR, as the method returns it",
        "PSNR in dB over the whole image, as the method returns it",
        _decibels,
    ),
    Measure(
        "psnr_missing", "PSNR, missing pixels only", "PSNR in dB over the missing pixels alone", _decibels
    ),
    Measure("ssim", "SSIM", "SSIM, the known pixels put back", "{:.4f}".format),
    Measure(
        "seconds",
        "Seconds",
        "Seconds per image, choosing of parameters apart",
        in_seconds,
        ranked=False,
    ),
    Measure(
        "peak_bytes",
        "Peak memory",
        "Peak memory in MiB, beyond that before the call",
        lambda value: f"{value / 2**20:.0f}",
        ranked=False,
    ),
)


def page(record: Record, pictures: Path | None) -> str:
    """Return the document.

    Args:
        record: Of ``edlrr bench table1``.
        pictures: Folder of ``{corruption}-{seed}-{image}-{method}.jpg``, ``:`` in the method as ``_``, and
            ``_clean`` and ``_damaged`` for the two that no method made. What is missing is left out;
            None shows none.

    Raises:
        InputError: The record is of another benchmark or lacks its numbers; a picture cannot be read.
    """
    if record["benchmark"] != "table1":
        raise InputError(f"a record of {record['benchmark']!r}", "make a page of one of table1")
    try:
        context = _context(record, pictures)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(f"the table1 record lacks its numbers ({error!r})", "make it again") from error
    return template("bench", _TEMPLATE).render(context)


def _context(record: Record, pictures: Path | None) -> dict[str, Any]:
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
        "galleries": [] if pictures is None else list(_galleries(means, parameters, cases, pictures)),
        "failures": [case for case in cases if "error" in case],
        "parameters": {
            key: _plain(value) for key, value in parameters.items() if key != "settings" and value is not None
        },
        "settings": {key: _plain(value) for key, value in parameters.get("settings", {}).items()},
    }


def _plain(value: Any) -> str:
    """Write a parameter for people."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(entry)}" for key, entry in value.items()) or _NONE
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return value if isinstance(value, str) else json.dumps(value)


def _measure_table(means: Means, measure: Measure, cases: Iterable[Row]) -> Table:
    columns = [*means.corruptions, None]
    ranked = columns if measure.ranked else []
    ranks = {column: means.ranks(column, measure.key, measure.text) for column in ranked}
    tuning = _tuning_seconds(cases) if measure.key == "seconds" else {}

    def line(method: str) -> Line:
        cells = [
            _mean_cell(
                means,
                measure,
                method,
                column,
                rank=ranks.get(column, {}).get(method, 0),
                choosing=tuning.get((method, column)),
            )
            for column in columns
        ]
        paper = means.printed(method)
        name = paper.name if paper is not None and any(cell.printed for cell in cells) else ""
        return Line(method, means.title(method), cells, name)

    names = [_OVERALL if column is None else column for column in columns]
    first = "descending" if measure.ranked else "ascending"
    return Table(measure.caption, names, _grouped(means, line), first)


def _mean_cell(
    means: Means, measure: Measure, method: str, column: str | None, *, rank: int, choosing: float | None
) -> Cell:
    """Return a mean over one corruption, or over all, with its small print."""
    printed = _printed(means, measure, method, column)
    of_paper = "" if printed is None else measure.text(printed)
    value = means.value(method, column, measure.key)
    if value is None:
        return Cell(_NONE, printed=of_paper)
    row = {} if column is None else means.cell(method, column)
    spread, failed = row.get(f"{measure.key}_sd"), row.get("num_failed", 0)
    below = f"† {failed} failed" if failed else "" if choosing is None else f"+ {in_seconds(choosing)}"
    return Cell(
        measure.text(value),
        value,
        rank,
        "" if spread is None else f"± {measure.text(spread)}",
        below,
        of_paper,
    )


def _printed(means: Means, measure: Measure, method: str, column: str | None) -> float | None:
    """Return what the paper prints: PSNR, which may be read either way, and the time over all."""
    paper = means.printed(method)
    if paper is None or measure.key not in ("psnr", "psnr_raw", "seconds"):
        return None
    if measure.key == "seconds":
        return paper.seconds if column is None else None
    return average(paper.psnr.get(name) for name in (means.corruptions if column is None else [column]))


def _tuning_seconds(cases: Iterable[Row]) -> dict[tuple[str, str | None], float]:
    """Return the mean time for choosing parameters, by method and corruption, where it was taken."""
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
    """Return the PSNR of every method on every image, mean over the seeds."""
    found: dict[tuple[str, str], list[float | None]] = {}
    for case in cases:
        if case["corruption"] == corruption:
            found.setdefault((case["method"], case["image"]), []).append(case.get("psnr"))
    images = list(dict.fromkeys(image for _, image in found))
    values = {key: average(numbers) for key, numbers in found.items()}
    ranks = {
        image: two_best(
            {
                method: value
                for (method, where), value in values.items()
                if where == image and value is not None
            },
            _decibels,
        )
        for image in images
    }

    def cell(method: str, image: str) -> Cell:
        value = values.get((method, image))
        if value is None:
            return Cell("failed" if (method, image) in found else _NONE)
        return Cell(_decibels(value), value, ranks[image].get(method, 0))

    def line(method: str) -> Line:
        return Line(method, means.title(method), [cell(method, image) for image in images])

    return Table(corruption, images, _grouped(means, line))


def _galleries(
    means: Means, parameters: Mapping[str, Any], cases: Iterable[Row], folder: Path
) -> Iterator[tuple[str, list[tuple[str, list[Picture]]]]]:
    """Yield corruptions with their images that have pictures: the first seed's."""
    seed = parameters["seeds"][0]
    quality = {
        (case["corruption"], case["image"], case["method"]): case["psnr"]
        for case in cases
        if case["seed"] == seed and "error" not in case
    }
    for corruption in means.corruptions:
        images = []
        for image in parameters["picture_images"]:
            of_image = {name: quality.get((corruption, image, name)) for name in means.methods}
            shown = list(_pictures(means, of_image, folder, corruption, seed, image))
            if shown:
                images.append((image, shown))
        if images:
            yield corruption, images


def _pictures(
    means: Means, quality: Mapping[str, float | None], folder: Path, corruption: str, seed: int, image: str
) -> Iterator[Picture]:
    ranks = two_best({name: value for name, value in quality.items() if value is not None}, _decibels)
    named: list[tuple[str, str, str | None]] = [("_damaged", "damaged", None), ("_clean", "clean", None)]
    named += [(name.replace(":", "_"), means.label(name), name) for name in means.methods]
    for slug, title, method in named:
        source = _embedded(folder / f"{corruption}-{seed}-{image}-{slug}.jpg")
        if source is None:
            continue
        value = None if method is None else quality[method]
        text = "" if value is None else f"{_decibels(value)} dB"
        alt = f"image {image}, {corruption}: {title}{text and ', PSNR '}{text}"
        yield Picture(source, title, text, ranks.get(method or "", 0), alt)


def _embedded(path: Path) -> str | None:
    """Return a JPEG file as a data URI; None if there is none."""
    try:
        return data_uri(path.read_bytes(), "image/jpeg")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})", "make it again") from error
