"""``edlrr bench report``: from records to tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edlrr_cli.bench.record import read_record
from edlrr_cli.bench.report import blocks, insert_all
from edlrr_cli.cli.options import FILE, common_options
from edlrr_cli.errors import InputError, OutputError, UsageError
from edlrr_cli.media.files import check_target, write_atomic


@click.command()
@click.argument("files", type=FILE, nargs=-1, required=True)
@click.option("--into", type=FILE, help="Put each table between its markers in this document.")
@click.option(
    "--plot",
    type=FILE,
    help="Draw table1's FILES, PSNR against seconds, or that of cost, as a .svg; no table then.",
)
@common_options
def report(*, files: tuple[Path, ...], into: Path | None, plot: Path | None) -> None:
    """Turn the JSON FILES of benchmarks into Markdown tables.

    A document given by --into must have the lines <!-- bench:NAME --> and <!-- /bench:NAME --> for each
    NAME.json; what stands between them is replaced. Details of a benchmark go between
    <!-- bench:NAME:details --> and <!-- /bench:NAME:details -->, and the document needs one of the two.
    """
    records = [read_record(path) for path in files]
    if plot is not None:
        _draw(plot, records)
        return
    tables = [blocks(record) for record in records]
    if into is None:
        click.echo("\n\n".join(text for parts in tables for text in parts.values()))
        return
    names = [path.stem for path in files]
    if len(set(names)) < len(names):
        raise UsageError("two FILES have the same name, hence the same markers", "rename one")
    document = _read(into)
    for name, parts in zip(names, tables, strict=True):
        document = insert_all(document, name, parts)
    check_target(into, *files, overwrite=True)
    write_atomic(into, document.encode())
    click.echo(f"{into}: replaced {', '.join(names)}")


def _draw(path: Path, records: list[dict[str, Any]]) -> None:
    """Draw records; see `edlrr_cli.bench.plots.plot`."""
    from edlrr_cli.bench.plots import plot

    if path.suffix.lower() != ".svg":
        raise OutputError(f"plot {path}: expected the extension .svg, got {path.suffix!r}", "name it .svg")
    check_target(path, overwrite=True)
    svg, contents = plot(records)
    write_atomic(path, svg.encode())
    click.echo(f"{path}: {contents}")


def _read(document: Path) -> str:
    try:
        return document.read_bytes().decode()
    except (OSError, ValueError) as error:
        raise InputError(f"{document} cannot be read ({error})", "name a Markdown file") from error
