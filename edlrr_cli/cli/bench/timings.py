"""The benchmarks on made-up inputs: ``edlrr bench accuracy``, ``regularizer`` and others."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from edlrr_cli.cli.bench.common import (
    POSITIVE,
    Measured,
    device_option,
    output_options,
    progress_bar,
    publish,
    repeats_option,
    seed_option,
    size_option,
    words,
)
from edlrr_cli.cli.options import REG
from edlrr_cli.media.files import check_target

_Function = Callable[..., None]

_SHAPES = "3x300x300,3x512x512,3x1024x1024,100x20800"
_REGS = "nuclear,laguerre-gamma"
_LARGE_PX, _GIGAPIXEL_PX = (3000, 4000), (15000, 20000)


def _benchmark(*options: Callable[[_Function], _Function]) -> Callable[[_Function], click.Command]:
    """Make a command of the benchmark with a function's name and text; the options are its settings."""

    def decorate(described: _Function) -> click.Command:
        name = described.__name__

        def measure(*, output: Path, overwrite: bool, **settings: Any) -> None:
            check_target(output, overwrite=overwrite)
            benchmark = import_module(f"edlrr_cli.bench.{name}")
            with progress_bar() as progress:
                rows = benchmark.run(**settings, progress=progress)
            parameters = {**benchmark.PARAMETERS, **settings}
            publish(output, benchmark.NAME, parameters, rows, device=settings.get("device", "cpu"))

        callback: _Function = output_options(measure)
        for option in reversed(options):
            callback = option(callback)
        return click.command(name, cls=Measured, help=described.__doc__)(callback)

    return decorate


@_benchmark(
    click.option(
        "--side", type=POSITIVE, default=300, show_default=True, help="Rows and columns of the matrix."
    ),
    click.option(
        "--repetitions",
        type=click.IntRange(min=2),
        default=2000,
        show_default=True,
        help="Estimates per variance.",
    ),
    seed_option,
)
def accuracy() -> None:
    """Measure the errors of every penalty, and bias and variance of the estimator."""


@_benchmark(
    click.option("--num-evaluations", type=POSITIVE, default=10, show_default=True, help="In each process."),
    repeats_option(3),
)
def busy() -> None:
    """Time the penalty in several processes at once, beside an SVD, with one thread and with the default."""


@_benchmark(repeats_option(1))
def cost() -> None:
    """Measure the CPU time against the area of the image and against the missing pixels."""


@_benchmark(repeats_option(5))
def kernels() -> None:
    """Time the compiled kernels beside torch and the peak of the processor."""


@_benchmark(size_option, repeats_option(5), device_option)
def command() -> None:
    """Time whole commands, start of the interpreter included."""


@_benchmark(
    click.option("--reg", type=REG, default="laguerre-gamma", show_default=True, help="The penalty."),
    click.option("--steps", type=POSITIVE, default=100, show_default=True, help="Adam steps."),
    size_option,
    repeats_option(3),
    device_option,
)
def optimization() -> None:
    """Time a whole inpainting beside the same with an SVD in every step."""


@_benchmark(
    click.option("--num-images", type=POSITIVE, default=16, show_default=True, help="Images of a batch."),
    size_option,
    click.option(
        "--large-px",
        type=(click.IntRange(min=64), click.IntRange(min=64)),
        default=_LARGE_PX,
        show_default=True,
        help="Height and width of the large image.",
    ),
    device_option,
)
def throughput() -> None:
    """Time batches beside single commands, and large images, with their memory."""


@_benchmark(
    click.option(
        "--large-px",
        type=(click.IntRange(min=64), click.IntRange(min=64)),
        default=_GIGAPIXEL_PX,
        show_default=True,
        help="Height and width of the scans.",
    ),
    click.option("--num-specks", type=POSITIVE, default=600, show_default=True, help="Specks of a scan."),
    device_option,
    seed_option,
)
def gigapixel() -> None:
    """Time the restoration of scans that do not fit into memory, with its memory."""


@_benchmark(
    click.option(
        "--shapes",
        callback=words,
        default=_SHAPES,
        show_default=True,
        help="Shapes of the matrices, or batches of them.",
    ),
    click.option("--regs", callback=words, default=_REGS, show_default=True, help="Penalties."),
    repeats_option(7),
    click.option("--memory/--no-memory", default=True, show_default=True, help="Measure peak memory too."),
    device_option,
    seed_option,
)
def regularizer() -> None:
    """Time value and gradient of the penalty beside autograd through an SVD."""
