"""Options that commands share, as decorators; their defaults are those of the settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from edlrr_cli.errors import UsageError
from edlrr_cli.lrr.names import BACKENDS, REG_NAMES, parse_reg
from edlrr_cli.media.formats import MASK_MODES
from edlrr_cli.pipelines.inpaint.params import parse_assignments
from edlrr_cli.pipelines.inpaint.settings import (
    METHODS,
    OWNERS,
    preset_names,
    setting_defaults,
    setting_types,
)
from edlrr_cli.pipelines.logs import LEVELS, configure_logging
from edlrr_cli.pipelines.noise_levels import AUTO
from edlrr_cli.tasks.checks import require_choice
from edlrr_cli.tasks.inpaint.config import FILLS, OPTIMIZERS, PRIORS, QUALITIES, REGS, parse_inpaint_reg

_Command = TypeVar("_Command", bound=Callable[..., Any])

FILE = click.Path(path_type=Path)
"""A file name; whether the file is fit is decided by who reads or writes it."""


class Name(click.ParamType):  # type: ignore[type-arg]  # no generic in click 8.1
    """A name out of a list, completed by the shell and checked with the nearest one offered.

    Args:
        what: What it names, for messages.
        choices: Returns the names.
        check: Raises `UsageError` for an unknown name; None: names that are no choices are unknown.
    """

    name = "name"

    def __init__(
        self, what: str, choices: Callable[[], tuple[str, ...]], check: Callable[[str], object] | None = None
    ):
        self._choices = choices
        self._check = check or (lambda value: require_choice(what, value, choices()))

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name if it is known."""
        self._check(value)
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the names with this beginning."""
        return [CompletionItem(name) for name in self._choices() if name.startswith(incomplete)]


class Parsed(click.ParamType):  # type: ignore[type-arg]  # no generic in click 8.1
    """A value that a function reads; its `ValueError` is reported with the option."""

    def __init__(self, name: str, parse: Callable[[str], object]):
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return what the function returns."""
        try:
            return self._parse(str(value))
        except UsageError:  # has its remedy
            raise
        except ValueError as error:
            self.fail(str(error), param, ctx)


class NoiseLevel(click.ParamType):  # type: ignore[type-arg]  # no generic in click 8.1
    """A standard deviation on 0..255, or the word that requests an estimate."""

    name = "float|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | str:
        """Return the number, or the word."""
        if value == AUTO:
            return AUTO
        try:
            return float(value)
        except ValueError:
            name = param.name if param else "noise"
            raise UsageError(f"{name} {value!r} is no number", "use auto, or a level within 0..255") from None


REG = Name("reg", lambda: REG_NAMES, parse_reg)
INPAINT_REG = Name("reg", lambda: REGS, parse_inpaint_reg)
METHOD = Name("method", lambda: METHODS)
PRESET = Name("preset", preset_names)

_TYPES: dict[str, Any] = {
    "method": METHOD,
    "reg": INPAINT_REG,
    "optimizer": click.Choice(OPTIMIZERS),
    "prior": click.Choice(PRIORS),
    "quality": click.Choice(QUALITIES),
    "noise": NoiseLevel(),
    "fill": click.Choice(FILLS),
    "backend": click.Choice(BACKENDS),
    "mask_mode": click.Choice(MASK_MODES),
}

_HELP = {
    "method": "How the hole is filled; 'edlrr show methods' lists the methods.",
    "tune": "Choose the parameters of a baseline on held-out known pixels, or not.",
    "prior": "Image prior; auto blends several by their error on held-out pixels.",
    "quality": "Time that every prior but global may take; auto: balanced, less where much is missing.",
    "reg": "Penalty on the singular values; 'edlrr show regs' lists them. auto: the best for each prior.",
    "optimizer": "Minimizer of the low-rank priors. [default: adam for global, cg for the others]",
    "gamma": "Shape of the penalty. [default: the penalty's own]",
    "scale": "Scale of the singular values. [default: chosen from the spectrum]",
    "noise": "Standard deviation of the noise on known pixels, on 0..255; auto estimates it, 0 keeps them.",
    "lam": "Weight of the penalty beside the data term. [default: adapted to the noise]",
    "steps": "Adam steps at most.",
    "lr": "Adam's first step size, in pixel values on 0..1.",
    "refresh": "Steps between two evaluations of the penalty; 1 for the exact gradient in every step.",
    "whiten": "Whitening: weight of high frequencies in the penalized matrix; 0 penalizes the pixels.",
    "center": "Leave row and column means out of the penalty, or not.",
    "fill": "Start of the optimization.",
    "held_out": "Fraction of the known pixels held out, to measure the error and weight the start.",
    "probes": "Random probes of the stochastic estimator. [default: exact trace]",
    "backend": "How the penalty is computed.",
    "device": "auto, cpu, cuda or cuda:N.",
    "seed": "Seed of the held-out pixels, and of what is drawn at random.",
    "time_budget": "Seconds after which the best image so far is used. [default: no limit]",
    "mask_mode": "What marks the hole: white paint, black paint or transparency.",
    "mask_threshold": "Levels of 255 a mask pixel must differ to be missing, 1..255. [default: 1]",
    "mask_color": "Color that was painted over the hole in IMAGE, such as #f0f or magenta.",
    "sensitivity": "Of --mask ir: divides every threshold; 2 finds fainter dust.",
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
        help="Parameter of a baseline; repeat for more. [default: as published]",
    )
    return with_params(options_of(OWNERS, _HELP, _TYPES)(command))


def options_of(
    owners: Sequence[type], texts: Mapping[str, str], kinds: Mapping[str, Any]
) -> Callable[[_Command], _Command]:
    """Return a decorator that gives a command one option for each setting that has a text.

    Args:
        texts: Setting -> help, in order; for a setting whose default is None it explains what that means.
        kinds: Setting -> click's type, where it differs from that of the dataclass.
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


def _set_log_level(context: click.Context, option: click.Parameter, value: Any) -> Any:
    """Apply ``--log-level``, or ``--quiet``, which is the level error; the last one wins."""
    if value:
        configure_logging("error" if value is True else value)
    return value


def report_options(command: _Command) -> _Command:
    """Give a command the options of its report, and whether it replaces files."""
    as_json = click.option("--json", "as_json", is_flag=True, help="Report as one JSON object on stdout.")
    overwrite = click.option("--overwrite", is_flag=True, help="Replace existing outputs.")
    quiet = click.option(
        "-q",
        "--quiet",
        is_flag=True,
        callback=_set_log_level,
        help="No report, notes or progress; errors and --json remain.",
    )
    return as_json(overwrite(quiet(command)))


def common_options(command: _Command) -> _Command:
    """Give a command that computes ``--log-level``, and ``--debug``, which the error boundary reads."""
    log_level = click.option(
        "--log-level",
        type=click.Choice(LEVELS),
        expose_value=False,
        callback=_set_log_level,
        help="Logging level. [default: warning, with -q error]",
    )
    debug = click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
    return log_level(debug(command))
