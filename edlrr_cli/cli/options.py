"""Options that commands share, as decorators; their defaults are those of the settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from edlrr_cli.cli.logs import LEVELS, level_said
from edlrr_cli.cli.params import parse_assignments
from edlrr_cli.cli.settings import (
    AUTO,
    MASK_MODES,
    METHODS,
    OWNERS,
    check_method,
    preset_names,
    preset_path,
    setting_defaults,
    setting_types,
)
from edlrr_cli.errors import UsageError
from edlrr_cli.lrr.names import BACKENDS, REG_NAMES, parse_reg
from edlrr_cli.tasks.inpaint.config import FILLS, PRIORS, QUALITIES

_Command = TypeVar("_Command", bound=Callable[..., Any])

FILE = click.Path(path_type=Path)
"""A file name; whether the file is fit is decided by who reads or writes it."""


class Name(click.ParamType):  # type: ignore[type-arg]  # no generic in click 8.1
    """A name out of a list, completed by the shell and checked with the nearest one offered.

    Args:
        name: Shown in the help.
        check: Raises `UsageError` for an unknown name.
        choices: Returns the names to complete.
    """

    def __init__(self, name: str, check: Callable[[str], object], choices: Callable[[], tuple[str, ...]]):
        self.name = name
        self._check = check
        self._choices = choices

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name if it is known."""
        self._check(value)
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the names that begin so."""
        return [CompletionItem(name) for name in self._choices() if name.startswith(incomplete)]


class NoiseLevel(click.ParamType):  # type: ignore[type-arg]  # no generic in click 8.1
    """A standard deviation on 0..255, or the word that asks for an estimate."""

    name = "float|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | str:
        """Return the number, or the word."""
        if value == AUTO:
            return AUTO
        try:
            return float(value)
        except ValueError:
            name = param.name if param else "noise"
            raise UsageError(f"{name} {value!r} is no number", "say auto, or a level within 0..255") from None


REG = Name("name", parse_reg, lambda: REG_NAMES)
METHOD = Name("name", check_method, lambda: METHODS)
PRESET = Name("name", preset_path, preset_names)

_TYPES: dict[str, Any] = {
    "method": METHOD,
    "reg": REG,
    "prior": click.Choice(PRIORS),
    "quality": click.Choice(QUALITIES),
    "noise": NoiseLevel(),
    "fill": click.Choice(FILLS),
    "backend": click.Choice(BACKENDS),
    "mask_mode": click.Choice(MASK_MODES),
}

_HELP = {
    "method": "What fills the hole; 'edlrr show methods' lists them.",
    "tune": "Choose the parameters of a compared method on hidden known pixels, or not.",
    "prior": "What the picture is taken to be like; auto judges by hidden known pixels and mixes.",
    "quality": "How much time every prior but global may take; auto: balanced, less where much is missing.",
    "reg": "Penalty on the singular values; 'edlrr show regs' lists them.",
    "gamma": "Shape of the penalty. [default: the penalty's own]",
    "scale": "Unit of the singular values. [default: chosen from the spectrum]",
    "noise": "Standard deviation of the noise on known pixels, on 0..255; auto estimates it, 0 keeps them.",
    "lam": "Weight of the penalty beside the data term. [default: adapted to the noise]",
    "steps": "Adam steps at most.",
    "lr": "Adam's first step size, in pixel values on 0..1.",
    "refresh": "Steps between two evaluations of the penalty; 1 for the exact gradient in every step.",
    "whiten": "Emphasis of high frequencies in the penalised matrix; 0 penalises the pixels themselves.",
    "center": "Leave row and column means out of the penalty, or not.",
    "fill": "What the optimisation starts from.",
    "held_out": "Share of the known pixels hidden, to measure the error and weigh the start in.",
    "probes": "Random probes of the stochastic estimator. [default: exact trace]",
    "backend": "How the penalty is computed.",
    "device": "auto, cpu, cuda or cuda:N.",
    "seed": "Of the hidden pixels, and of what is drawn at random.",
    "time_budget": "Seconds after which the best image so far is taken. [default: no limit]",
    "mask_mode": "What marks the hole: white paint, black paint or transparency.",
    "mask_threshold": "Levels of 255 a mask pixel must differ to be missing, 1..255. [default: 1]",
    "dilate": "Grow the hole by this radius in pixels.",
}


def setting_options(command: _Command) -> _Command:
    """Give a command one option per setting; the value is None where the flag is not given."""
    with_params = click.option(
        "--param",
        "params",
        metavar="NAME=VALUE",
        multiple=True,
        callback=lambda context, option, words: parse_assignments(words) or None,
        help="Parameter of a compared method; repeat for more. [default: as published]",
    )
    return with_params(options_of(OWNERS, _HELP, _TYPES)(command))


def options_of(
    owners: Sequence[type], texts: Mapping[str, str], kinds: Mapping[str, Any]
) -> Callable[[_Command], _Command]:
    """Return a decorator that gives a command one option for each setting that has a text.

    Args:
        owners: The dataclasses of the settings, which decide types and defaults.
        texts: Setting -> help, in order; a setting whose default is None tells in it what that means.
        kinds: Setting -> click's type, where it is not that of the dataclass.
    """
    types, defaults = setting_types(owners), setting_defaults(owners)

    def decorate(command: _Command) -> _Command:
        for name in reversed(list(texts)):
            kind = kinds.get(name, types[name])
            command = _setting_option(name, kind, defaults[name], texts[name])(command)
        return command

    return decorate


def _setting_option(name: str, kind: Any, default: Any, text: str) -> Callable[[_Command], _Command]:
    flag = "--" + name.replace("_", "-")
    if kind is bool:
        shown = flag if default else f"--no-{flag[2:]}"
        help_text = f"{text} [default: {shown}]"
        return click.option(f"{flag}/--no-{flag[2:]}", name, default=None, help=help_text)
    if default is not None:
        text += f" [default: {default:g}]" if isinstance(default, float) else f" [default: {default}]"
    return click.option(flag, name, type=kind, default=None, help=text)


def report_options(command: _Command) -> _Command:
    """Give a command what decides how it tells of its work and whether it replaces files."""
    as_json = click.option("--json", "as_json", is_flag=True, help="Report as one JSON object on stdout.")
    overwrite = click.option("--overwrite", is_flag=True, help="Replace existing outputs.")
    quiet = click.option(
        "-q",
        "--quiet",
        is_flag=True,
        callback=level_said,
        help="No report, notes or progress; errors and --json remain.",
    )
    return as_json(overwrite(quiet(command)))


def page_option(command: _Command) -> _Command:
    """Give a command ``--report``, a page of what it has done."""
    return click.option(
        "--report",
        type=FILE,
        help="Also write an HTML page: before and after with a slider, numbers, curves.",
    )(command)


def common_options(command: _Command) -> _Command:
    """Give a command what every command has: ``--debug``, which the boundary looks for, and a log."""
    log_level = click.option(
        "--log-level",
        type=click.Choice(LEVELS),
        expose_value=False,
        callback=level_said,
        help="Tell on stderr what is done. [default: warning, with -q error]",
    )
    debug = click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
    return log_level(debug(command))
