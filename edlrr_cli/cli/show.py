"""``edlrr show``: the penalties, the methods and the reference of all commands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from edlrr_cli.baselines.registry import METHODS, default_params
from edlrr_cli.cli.groups import HelpfulGroup
from edlrr_cli.cli.options import FILE, INPAINT_REG, common_options
from edlrr_cli.cli.reference import reference
from edlrr_cli.errors import UsageError
from edlrr_cli.lrr.names import REG_NAMES, parse_reg
from edlrr_cli.pipelines.inpaint.params import as_word
from edlrr_cli.pipelines.inpaint.settings import OURS
from edlrr_cli.tasks.inpaint.config import AUTO, LOW_RANK_PRIORS, Config

_METHOD_ROW = "{:<17}{:<26}{:<24}{}"


@click.group(cls=HelpfulGroup)
def show() -> None:
    """Show the penalties behind --reg, the methods behind --method, and all commands."""


@show.command()
@click.pass_context
def commands(context: click.Context, /) -> None:
    """Print the reference of all commands, in Markdown."""
    click.echo(reference(context.find_root().command))


@show.command()
def regs() -> None:
    """List every penalty with its formula and its default gamma."""
    click.echo(f"{'name':<19}{'gamma':<7}formula")
    for name, gamma, formula in _penalties():
        click.echo(f"{name:<19}{gamma:<7}{formula}")


def _penalties() -> Iterator[tuple[str, str, str]]:
    """Yield name, default gamma and formula; the formula is the first line of the docstring."""
    from edlrr_cli.lrr.penalties import make_penalty

    for name in REG_NAMES:
        penalty = make_penalty(parse_reg(name.replace("-P", "-0.5")))
        gamma = getattr(penalty, "gamma", None)
        formula = (type(penalty).__doc__ or "").partition("\n")[0]
        yield name, "-" if gamma is None else f"{gamma:g}", formula


@show.command()
def methods() -> None:
    """List every method with its source and its parameters, as published.

    Where --tune chooses a parameter, its candidates follow in brackets.
    """
    rows = [
        (name, method.title, method.source, _parameters(default_params(name), method.grid))
        for name, method in METHODS.items()
    ]
    click.echo(_METHOD_ROW.format("name", "title", "source", "parameters"))
    click.echo(_METHOD_ROW.format(OURS, "low-rank penalty", "Li et al. 2025", "see edlrr inpaint --help"))
    for row in rows:
        click.echo(_METHOD_ROW.format(*row).rstrip())


def _parameters(params: Mapping[str, Any], grid: Mapping[str, tuple[Any, ...]]) -> str:
    shown = []
    for name, value in params.items():
        candidates = f" [{', '.join(map(as_word, grid[name]))}]" if name in grid else ""
        shown.append(f"{name}={as_word(value)}{candidates}")
    return "  ".join(shown)


@show.command()
@click.argument("name", type=INPAINT_REG)
@click.option("--image", type=FILE, help="Mark the singular values of this image's channels.")
@click.option("--gamma", type=float, help="Shape of the penalty. [default: the penalty's own]")
@click.option("--scale", type=float, help="Scale of the singular values. [default: the largest fits]")
@click.option("-o", "--output", type=FILE, help="The drawing, a .png. [default: reg_NAME.png here]")
@click.option("--overwrite", is_flag=True, help="Replace an existing output.")
@common_options
def reg(
    *,
    name: str,
    image: Path | None,
    gamma: float | None,
    scale: float | None,
    output: Path | None,
    overwrite: bool,
) -> None:
    """Draw a penalty, and how far its series can be trusted.

    \b
    edlrr show reg laguerre-gamma
    edlrr show reg taylor-laplace --gamma 2 --image photo.png -o laplace.png
    edlrr show reg auto

    auto, the default of edlrr inpaint, is not drawn: the penalty of each prior is printed.
    """
    if name == AUTO:
        if any(option is not None for option in (image, gamma, scale, output)):
            raise UsageError("auto is a penalty for each prior, and is not drawn", "name one of them")
        click.echo(_describe_auto())
        return
    if scale is not None and (image is None or not 0 < scale < float("inf")):
        raise UsageError("--scale divides the singular values of --image", "give --image and a scale above 0")
    target = output or Path(f"reg_{name}.png")

    from edlrr_cli.pipelines.penalty_figure import draw_penalty

    summary = draw_penalty(name, target, image=image, gamma=gamma, scale=scale, overwrite=overwrite)
    click.echo(f"{summary}; drawn in {target}")


def _describe_auto() -> str:
    """Return what ``--reg auto`` stands for, one line for each prior."""
    lines = ["auto: the penalty that restores best with each prior of edlrr inpaint"]
    for prior in LOW_RANK_PRIORS:
        name, gamma = Config().penalty(prior)
        lines.append(f"{prior:<10}{name}" + ("" if gamma is None else f", gamma {gamma:g}"))
    return "\n".join(lines)
