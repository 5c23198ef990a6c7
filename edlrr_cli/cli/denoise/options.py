"""Options of ``edlrr denoise`` and what becomes of them; noise is on 0..255 here, on [0, 1] in `Config`."""

from __future__ import annotations

from typing import Any

from edlrr_cli.cli.options import REG, Name, NoiseLevel, options_of
from edlrr_cli.cli.settings import AUTO, NOISE_LEVELS
from edlrr_cli.tasks.checks import require, require_choice
from edlrr_cli.tasks.denoise.config import METHODS, Config

_HELP = {
    "method": "Ours: a trained network (network), or the low-rank penalty on groups of similar patches "
    f"(lrr). To compare: {', '.join(METHODS[2:])}.",
    "sigma": "Standard deviation of the noise on 0..255. [default: auto, estimated]",
    "strength": "Factor of the noise level; more smooths more, 0 leaves the picture as it is.",
    "reg": "Penalty of the method lrr; 'edlrr show regs' lists them. [default: the method's own]",
    "gamma": "Its shape. [default: the penalty's own]",
    "device": "auto, cpu, cuda or cuda:N.",
}

_METHOD = Name("name", lambda name: require_choice("method", name, METHODS), lambda: METHODS)

_KINDS = {"method": _METHOD, "sigma": NoiseLevel(), "reg": REG}


def denoising_options(command: Any) -> Any:
    """Give a command one option per setting; the value is None where the flag is not given."""
    return options_of((Config,), _HELP, _KINDS)(command)


def resolve(flags: dict[str, Any]) -> Config:
    """Return the settings that the flags ask for.

    Args:
        flags: Setting -> value; None means that the flag was not given.

    Raises:
        UsageError: A value is outside its domain, or is of another method.
    """
    given = {name: value for name, value in flags.items() if value not in (None, AUTO)}
    if "sigma" in given:
        require(0 <= given["sigma"] <= NOISE_LEVELS, "sigma", "auto, or within 0..255", given["sigma"])
        given["sigma"] /= NOISE_LEVELS
    return Config(**given)
