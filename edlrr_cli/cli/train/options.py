"""Options of ``edlrr train`` and what becomes of them."""

from __future__ import annotations

import re
from typing import Any

import click

from edlrr_cli.cli.options import REG, Name, options_of
from edlrr_cli.errors import UsageError
from edlrr_cli.networks.names import ARCHS, published_size
from edlrr_cli.tasks.training.config import PRECISIONS, TARGETS, Config
from edlrr_cli.tasks.training.levels import Levels

_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0}


class LevelsParam(click.ParamType):  # type: ignore[type-arg]  # no generic in click 8.1
    """A noise level such as ``25``, or a range of them such as ``0-75``, on 0..255."""

    name = "level or range"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Levels:
        """Return the least and the largest level."""
        return Levels.parse(value)


class Duration(click.ParamType):  # type: ignore[type-arg]  # no generic in click 8.1
    """A time such as ``90s``, ``60m`` or ``1.5h``."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds."""
        found = re.fullmatch(r"(\d*\.?\d+)([smh])", value)
        if found is None:
            raise UsageError(f"time {value!r} has no unit", "say 90s, 60m or 1.5h")
        return float(found[1]) * _UNITS_S[found[2]]


_ARCH = Name("name", published_size, lambda: tuple(ARCHS))

_HELP = {
    "arch": f"Network: one of {', '.join(ARCHS)}.",
    "depth": "Its convolutions. [default: as published]",
    "width": "Its channels. [default: as published]",
    "sigma": "Noise level of the patches on 0..255, or a range of them.",
    "reg": "Penalty on the singular values; 'edlrr show regs' lists them.",
    "gamma": "Shape of the penalty. [default: the penalty's own]",
    "lam": "Weight of the low-rank term; 0 trains without it.",
    "lrr_target": "What is penalised: the estimated clean image, or its error.",
    "lrr_sigma": "Noise level or range of the full images of that term. [default: that of the patches]",
    "lrr_every": "Steps between two evaluations of that term.",
    "lrr_images": "Full images in each of them.",
    "patch_px": "Side of the patches, a multiple of 8.",
    "batch": "Patches a step, and process.",
    "lr": "Largest learning rate of the one-cycle schedule.",
    "steps": "Steps in all.",
    "time_budget": "Time in all, such as 90s, 60m or 1.5h; the schedule fits into it.",
    "held_out": "Images kept for validation.",
    "precision": "Of the convolutions.",
    "device": "auto, cpu, cuda or cuda:N.",
    "seed": "Of the weights, patches and noise.",
}

_KINDS = {
    "arch": _ARCH,
    "sigma": LevelsParam(),
    "reg": REG,
    "lrr_target": click.Choice(TARGETS),
    "lrr_sigma": LevelsParam(),
    "time_budget": Duration(),
    "precision": click.Choice(PRECISIONS),
}


def training_options(command: Any) -> Any:
    """Give a command one option per setting; the value is None where the flag is not given."""
    return options_of((Config,), _HELP, _KINDS)(command)


def resolve(flags: dict[str, Any]) -> Config:
    """Return the settings that the flags ask for.

    Args:
        flags: Setting -> value; None means that the flag was not given.

    Raises:
        UsageError: A value is outside its domain.
    """
    return Config(**{name: value for name, value in flags.items() if value is not None})
