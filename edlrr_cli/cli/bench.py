"""``edlrr bench``: measure, write the numbers as JSON, turn them into tables."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from edlrr_cli.cli.groups import HelpfulGroup
from edlrr_cli.cli.options import FILE, REG, common_options
from edlrr_cli.errors import EdlrrError, InputError, UsageError

_Command = TypeVar("_Command", bound=Callable[..., Any])

_ARGUMENTS = "edlrr_cli.cli.bench.arguments"
_SHAPES = "3x300x300,3x512x512,3x1024x1024,100x20800"
_REGS = "nuclear,laguerre-gamma"
_POSITIVE = click.IntRange(min=1)
_SIDE = click.IntRange(min=32)


class Measured(click.Command):
    """A command that remembers its arguments, for its record."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the arguments as they were typed."""
        ctx.meta[_ARGUMENTS] = tuple(args)
        return super().parse_args(ctx, args)


@click.group(cls=HelpfulGroup, short_help="Measure speed, accuracy and quality.")
def bench() -> None:
    """Measure, and publish the numbers: each benchmark writes one JSON file.

    \b
    edlrr bench accuracy -o accuracy.json
    edlrr bench report accuracy.json --into README.md
    """


def _output_options(command: _Command) -> _Command:
    """Give a benchmark its output and ``--debug``."""
    overwrite = click.option("--overwrite", is_flag=True, help="Replace an existing output.")
    output = click.option("-o", "--output", type=FILE, required=True, help="The numbers, as JSON.")
    return output(overwrite(common_options(command)))


def _repeats(default: int) -> Callable[[_Command], _Command]:
    text = "Rounds, after one to warm up."
    return click.option("--repeats", type=_POSITIVE, default=default, show_default=True, help=text)


def _words(context: click.Context, option: click.Parameter, text: str | None) -> list[str] | None:
    """Parse a list of names."""
    return None if text is None else text.split(",")


_device = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
_seed = click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of all that is drawn at random."
)
_size = click.option("--size-px", type=_SIDE, default=300, show_default=True, help="Sides of the photograph.")


@bench.command(cls=Measured)
@click.option("--shapes", default=_SHAPES, show_default=True, help="Of the matrices, or batches of them.")
@click.option("--regs", default=_REGS, show_default=True, help="Penalties.")
@_repeats(7)
@click.option("--memory/--no-memory", default=True, show_default=True, help="Measure peak memory too.")
@_device
@_seed
@_output_options
def regularizer(
    *,
    shapes: str,
    regs: str,
    repeats: int,
    memory: bool,
    device: str,
    seed: int,
    output: Path,
    overwrite: bool,
) -> None:
    """Time value and gradient of the penalty beside autograd through an SVD."""
    names = _names(regs)
    _check(output, overwrite)
    from edlrr_cli.bench import regularizer as benchmark

    sizes = benchmark.parse_shapes(shapes)
    settings: dict[str, Any] = {"repeats": repeats, "device": device, "seed": seed, "memory": memory}
    with _progress() as progress:
        rows = benchmark.run(sizes, names, **settings, progress=progress)
    inputs = {"shapes": shapes.split(","), "regs": names}
    _publish(output, benchmark.NAME, {**benchmark.PARAMETERS, **inputs, **settings}, rows, device=device)


@bench.command(cls=Measured)
@click.option(
    "--side", type=_POSITIVE, default=300, show_default=True, help="Rows and columns of the matrix."
)
@click.option(
    "--repetitions",
    type=click.IntRange(min=2),
    default=2000,
    show_default=True,
    help="Estimates per variance.",
)
@_seed
@_output_options
def accuracy(*, side: int, repetitions: int, seed: int, output: Path, overwrite: bool) -> None:
    """Measure the errors of every penalty, and bias and variance of the estimator."""
    _check(output, overwrite)
    from edlrr_cli.bench import accuracy as benchmark

    settings = {"side": side, "repetitions": repetitions, "seed": seed}
    with _progress() as progress:
        rows = benchmark.run(**settings, progress=progress)
    _publish(output, benchmark.NAME, {**benchmark.PARAMETERS, **settings}, rows, device="cpu")


@bench.command(cls=Measured)
@click.option("--reg", type=REG, default="laguerre-gamma", show_default=True, help="The penalty.")
@click.option("--steps", type=_POSITIVE, default=100, show_default=True, help="Adam steps.")
@_size
@_repeats(3)
@_device
@_output_options
def optimization(
    *, reg: str, steps: int, size_px: int, repeats: int, device: str, output: Path, overwrite: bool
) -> None:
    """Time a whole inpainting beside the same with an SVD in every step."""
    _check(output, overwrite)
    from edlrr_cli.bench import optimization as benchmark

    settings: dict[str, Any] = {"reg": reg, "steps": steps, "size_px": size_px}
    settings |= {"repeats": repeats, "device": device}
    with _progress() as progress:
        rows = benchmark.run(**settings, progress=progress)
    _publish(output, benchmark.NAME, {**benchmark.PARAMETERS, **settings}, rows, device=device)


@bench.command(cls=Measured)
@click.option("--data", type=FILE, help="Folder of pictures, or of images/ and masks/ as in Table 1.")
@click.option("--methods", callback=_words, help="Rows of the table. [default: all]")
@click.option(
    "--corruptions",
    callback=_words,
    help="Kinds of damage. [default: drop20,drop30,drop40,drop50,block,text]",
)
@click.option("--images", callback=_words, help="Names of pictures, without their suffix. [default: all]")
@click.option("--seeds", type=_POSITIVE, default=1, show_default=True, help="Draws of the dropped pixels.")
@click.option("--quick", is_flag=True, help="Two small crops, three damages, no tuning.")
@click.option("--jobs", type=_POSITIVE, default=1, show_default=True, help="Cases side by side.")
@click.option("--html", type=FILE, help="Also write a report, one self-contained page.")
@click.option(
    "--pictures", callback=_words, help="Names of the pictures shown in the report. [default: the first two]"
)
@_device
@_output_options
def table1(
    *,
    data: Path | None,
    methods: list[str] | None,
    corruptions: list[str] | None,
    images: list[str] | None,
    seeds: int,
    quick: bool,
    jobs: int,
    html: Path | None,
    pictures: list[str] | None,
    device: str,
    output: Path,
    overwrite: bool,
) -> None:
    """Restore pictures from six kinds of damage by every method of the paper's Table 1.

    \b
    edlrr bench table1 --quick --jobs 2 -o quick.json --html quick.html
    edlrr bench table1 --data table1 --seeds 3 --jobs 2 -o table1.json
    edlrr bench table1 --data photos --methods laguerre-gamma,irnn,irnn:tuned --corruptions text -o a.json

    A row is a penalty (NAME: the defaults, NAME:paper: the paper's setting) or a method of 'edlrr show
    methods' (NAME: as published, NAME:tuned: parameters chosen on hidden known pixels, NAME:PARAM=VALUE).
    The same command goes on where it was stopped and runs only what is new; --overwrite starts anew. A
    case that fails is told in the file and by exit code 1; the others go on.
    """
    for target in (output, html):
        if target is not None:
            _check(target, overwrite=True)
    from edlrr_cli.bench import ledger
    from edlrr_cli.bench import table1 as benchmark

    folder = None if html is None else html.with_name(f"{html.stem}_pictures")
    plan = benchmark.make_plan(
        data,
        methods=methods,
        corruptions=corruptions,
        images=images,
        picture_images=pictures,
        quick=quick,
        num_seeds=seeds,
        device=device,
        pictures=folder,
    )
    if methods is None:
        _tell_missing()
    settings = {"jobs": jobs, "threads_per_job": benchmark.threads_per_job(jobs)}
    book = ledger.Ledger(output, plan, command=_command_line(), settings=settings, anew=overwrite)
    left = book.cases_left()
    with book, _countdown(len(left)) as count:
        for row in benchmark.run(left, jobs=jobs, threads=settings["threads_per_job"]):
            book.add(row)
            count(row)
    click.echo(f"{output}: {len(book.rows)} cases")
    if html is not None:
        _write_page(html, book.record, folder)
    failed = sum("error" in row for row in book.rows)
    if failed:
        raise EdlrrError(f"{failed} cases failed", f"{output} tells why")


@bench.command(cls=Measured)
@_size
@_repeats(5)
@_device
@_output_options
def command(*, size_px: int, repeats: int, device: str, output: Path, overwrite: bool) -> None:
    """Time whole commands, start of the interpreter included."""
    _check(output, overwrite)
    from edlrr_cli.bench import command as benchmark

    settings: dict[str, Any] = {"size_px": size_px, "repeats": repeats, "device": device}
    with _progress() as progress:
        rows = benchmark.run(**settings, progress=progress)
    _publish(output, benchmark.NAME, {**benchmark.PARAMETERS, **settings}, rows, device=device)


@bench.command()
@click.argument("files", type=FILE, nargs=-1, required=True)
@click.option("--into", type=FILE, help="Put each table between its markers in this document.")
@common_options
def report(*, files: tuple[Path, ...], into: Path | None) -> None:
    """Turn the JSON FILES of benchmarks into Markdown tables.

    A document given by --into must have the lines <!-- bench:NAME --> and <!-- /bench:NAME --> for each
    NAME.json; what stands between them is replaced.
    """
    from edlrr_cli.bench.record import read_record
    from edlrr_cli.bench.report import block, insert

    tables = [block(read_record(path)) for path in files]
    if into is None:
        click.echo("\n\n".join(tables))
        return
    from edlrr_cli.media.files import check_target, write_atomic

    names = [path.stem for path in files]
    if len(set(names)) < len(names):
        raise UsageError("two FILES have the same name, hence the same markers", "rename one")
    document = _read(into)
    for name, table in zip(names, tables, strict=True):
        document = insert(document, name, table)
    check_target(into, *files, overwrite=True)
    write_atomic(into, document.encode())
    click.echo(f"{into}: replaced {', '.join(names)}")


def _read(document: Path) -> str:
    try:
        return document.read_bytes().decode()
    except (OSError, ValueError) as error:
        raise InputError(f"{document} cannot be read ({error})", "name a Markdown file") from error


def _names(text: str) -> list[str]:
    """Parse a list of penalties."""
    names = text.split(",")
    for name in names:
        REG.convert(name, None, None)
    return names


def _check(output: Path, overwrite: bool) -> None:
    from edlrr_cli.media.files import check_target

    check_target(output, overwrite=overwrite)


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Yield what tells the user how far it is; nothing unless stderr is a terminal."""
    if not sys.stderr.isatty():
        yield lambda text: None
        return
    from tqdm import tqdm

    with tqdm(file=sys.stderr, leave=False, bar_format="{n_fmt} {elapsed} {desc}") as bar:

        def advance(text: str) -> None:
            bar.set_description_str(text, refresh=False)
            bar.update()

        yield advance


@contextmanager
def _countdown(total: int) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Yield what counts finished cases, with the time left; silent unless stderr is a terminal."""
    from tqdm import tqdm

    with tqdm(total=total, unit="case", dynamic_ncols=True, disable=not sys.stderr.isatty()) as bar:

        def count(row: dict[str, Any]) -> None:
            bar.set_postfix_str(f"{row['corruption']}, image {row['image']}: {row['method']}", refresh=False)
            bar.update()

        yield count


def _tell_missing() -> None:
    """Say which rows are left out since their library is not installed."""
    from edlrr_cli.baselines.registry import METHODS

    missing = [name for name, method in METHODS.items() if not method.installed]
    if missing:
        click.echo(f"left out: {', '.join(missing)}; pip install 'edlrr[opencv]'", err=True)


def _write_page(path: Path, record: dict[str, Any], pictures: Path | None) -> None:
    from edlrr_cli.bench.table1_page import page
    from edlrr_cli.media.files import write_atomic

    write_atomic(path, page(record, pictures).encode())
    click.echo(f"{path}: the report")


def _command_line() -> str:
    context = click.get_current_context()
    return shlex.join([*context.command_path.split(), *context.meta[_ARGUMENTS]])


def _publish(
    output: Path, name: str, parameters: Mapping[str, Any], rows: Sequence[dict[str, Any]], *, device: str
) -> None:
    from edlrr_cli.bench.record import encode, make_record
    from edlrr_cli.media.files import write_atomic

    record = make_record(name, command=_command_line(), device=device, parameters=parameters, rows=rows)
    write_atomic(output, encode(record))
    click.echo(f"{output}: {len(rows)} rows")
