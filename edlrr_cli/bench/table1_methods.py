"""The methods of Table 1: ours, the baselines and the controls, with one common interface.

``taylor-gamma`` is global low-rank completion with that penalty, ``--prior global``. ``:local``,
``:nonlocal`` or ``:auto`` selects that prior, ``:fast`` or ``:best`` the default prior at that quality, and
``:paper`` the paper's setting. ``irnn`` is a baseline as published, ``irnn:tuned`` the same with its free
parameters chosen on held-out known pixels, and ``irnn:shape=0.5:scale=1`` with the given parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import torch

from edlrr_cli.baselines import registry
from edlrr_cli.baselines.result import Bools, Pixels, Result
from edlrr_cli.errors import UsageError
from edlrr_cli.lrr.names import nearest
from edlrr_cli.pipelines.inpaint.params import as_word, parse_assignments, typed_params
from edlrr_cli.pipelines.inpaint.settings import resolve_settings
from edlrr_cli.tasks.inpaint.config import Config, parse_inpaint_reg
from edlrr_cli.tasks.inpaint.restore import restore as restore_by
from edlrr_cli.tasks.inpaint.tuning import tune

#: The five columns of the paper's own methods in its Table 1, by penalty.
PAPER_COLUMNS = {
    "nuclear": "nuclear",
    "taylor-gamma": "T-gamma*",
    "taylor-laplace": "T-Lap",
    "laguerre-gamma": "L-gamma*",
    "laguerre-laplace": "L-Lap",
}
_TUNED = "tuned"


@dataclass(frozen=True)
class _Setting:
    """A setting for our penalties: group of the rows, flags or preset, and suffix of the titles."""

    group: str
    flags: dict[str, Any] = field(default_factory=dict)
    preset: str | None = None
    suffix: str = ""

    @property
    def is_global(self) -> bool:
        """Whether the setting uses global low-rank completion only."""
        return self.preset is not None or self.flags["prior"] == "global"


_SETTINGS = {
    "": _Setting("ours", {"prior": "global"}),
    "local": _Setting("ours, local", {"prior": "local"}),
    "nonlocal": _Setting("ours, nonlocal", {"prior": "nonlocal"}),
    "fast": _Setting("ours, auto", {"prior": "auto", "quality": "fast"}, suffix=", fast"),
    "auto": _Setting("ours, auto", {"prior": "auto"}),
    "best": _Setting("ours, auto", {"prior": "auto", "quality": "best"}, suffix=", best"),
    "paper": _Setting("ours, paper's setting", preset="paper"),
}


@dataclass(frozen=True, eq=False)
class Problem:
    """The input of a method.

    Attributes:
        image: Shape (h, w, c), in [0, 1], the hole black.
        known: Shape (h, w), True = known pixel.
        seed: Seed of all random numbers.
    """

    image: Pixels
    known: Bools
    device: torch.device
    seed: int


Params = dict[str, Any]


@dataclass(frozen=True)
class Method:
    """One row of the table.

    Attributes:
        settings: Returns the settings without the chosen parameters.
        restore: Runs the method with the settings, overridden by the chosen parameters.
        choose: Returns the parameters chosen on held-out known pixels; None for fixed settings.
    """

    title: str
    group: str
    printed: str | None
    settings: Callable[[], Params]
    restore: Callable[[Problem, Params], Result]
    choose: Callable[[Problem], Params] | None = None


def find_method(name: str) -> Method:
    """Return the method with a name.

    Raises:
        UsageError: The name is unknown; the message suggests the closest one.
    """
    base, *variants = name.split(":")
    if base in registry.METHODS:
        if not variants:
            return _baseline(base)
        if variants == [_TUNED] and registry.METHODS[base].grid:
            return _baseline(base, tuned=True)
        if all("=" in variant for variant in variants):
            return _baseline(base, fixed=_params(base, variants))
    elif len(variants) <= 1 and "".join(variants) in _SETTINGS and _is_reg(base):
        return _ours(base, "".join(variants))
    raise UsageError(f"unknown method {name!r}", nearest(name, all_names()))


def _is_reg(name: str) -> bool:
    try:
        parse_inpaint_reg(name)
    except UsageError:
        return False
    return True


def _params(method: str, words: list[str]) -> Params:
    params = typed_params(method, parse_assignments(words))
    registry.check_params(method, params)
    return params


def all_names() -> tuple[str, ...]:
    """Return the names of all rows: ours in each setting, baselines, and those with tuned parameters.

    The paper's penalties are used for global low-rank completion, as in the paper; other priors have the
    default penalty. Methods whose library is not installed are left out.
    """
    ours = [
        f"{reg}:{name}".rstrip(":")
        for name, setting in _SETTINGS.items()
        for reg in (PAPER_COLUMNS if setting.is_global else (Config().reg,))
    ]
    installed = {name: method for name, method in registry.METHODS.items() if method.installed}
    tunable = (f"{name}:{_TUNED}" for name, method in installed.items() if method.grid)
    return (*ours, *installed, *tunable)


def _ours(reg: str, name: str) -> Method:
    setting = _SETTINGS[name]

    def settings() -> Params:
        return asdict(resolve_settings({"reg": reg, **setting.flags}, None, setting.preset).config)

    def restore(problem: Problem, chosen: Params) -> Result:
        overrides = {**chosen, "device": str(problem.device), "seed": problem.seed}
        result = restore_by(problem.image, problem.known, Config(**{**settings(), **overrides}))
        return Result(result.restored, result.iterations, result.stop)

    printed = PAPER_COLUMNS.get(reg) if name == "paper" else None
    return Method(reg + setting.suffix, setting.group, printed, settings, restore)


def _baseline(name: str, *, tuned: bool = False, fixed: Params | None = None) -> Method:
    method, fixed, dtype = registry.METHODS[name], fixed or {}, torch.float64

    def settings() -> Params:
        return {**registry.default_params(name), **fixed}

    def choose(problem: Problem) -> Params:
        found = tune(
            name, problem.image, problem.known, device=problem.device, dtype=dtype, seed=problem.seed
        )
        return {key: found.params[key] for key in method.grid}

    def restore(problem: Problem, chosen: Params) -> Result:
        seed = {"seed": problem.seed} if "seed" in settings() else {}
        params: dict[str, Any] = {"device": problem.device, "dtype": dtype, **fixed, **seed, **chosen}
        return registry.run(name, problem.image, problem.known, **params)

    title, group = method.title, "control" if method.printed is None else "compared"
    if tuned:
        title, group = f"{title}, tuned", "compared, tuned"
    if fixed:
        others = ", ".join(f"{key} {as_word(value)}" for key, value in fixed.items())
        title, group = f"{title}, {others}", "compared, other settings"
    return Method(title, group, method.printed, settings, restore, choose if tuned else None)
