"""Who runs in Table 1: ours, the compared methods and the controls, each behind one call.

``taylor-gamma`` is a penalty on whole channels, ``--prior global``. With ``:local``, ``:nonlocal`` or
``:auto`` it goes on with that prior, with ``:fast`` or ``:best`` with the default one at that quality; with
``:paper`` it is in the paper's setting. ``irnn`` is a compared method as published, ``irnn:tuned`` the same
with its free parameters chosen on hidden known pixels, and ``irnn:shape=0.5:scale=1`` with others set.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import torch

from edlrr_cli.baselines import registry
from edlrr_cli.baselines.result import Bools, Pixels
from edlrr_cli.cli.params import as_word, parse_assignments, typed_params
from edlrr_cli.cli.settings import resolve
from edlrr_cli.errors import UsageError
from edlrr_cli.lrr.names import nearest, parse_reg
from edlrr_cli.tasks.inpaint.config import Config
from edlrr_cli.tasks.inpaint.restore import restore as restore_by
from edlrr_cli.tasks.inpaint.tuning import tune

#: The five columns of ours in the paper's Table 1, by penalty.
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
    """How a penalty runs: the group of its row, what is said beside the penalty, and a word for its title."""

    group: str
    flags: dict[str, Any] = field(default_factory=dict)
    preset: str | None = None
    word: str = ""

    @property
    def whole(self) -> bool:
        """Whether whole channels alone are penalised."""
        return self.preset is not None or self.flags["prior"] == "global"


_SETTINGS = {
    "": _Setting("ours", {"prior": "global"}),
    "local": _Setting("ours, local", {"prior": "local"}),
    "nonlocal": _Setting("ours, nonlocal", {"prior": "nonlocal"}),
    "fast": _Setting("ours, auto", {"prior": "auto", "quality": "fast"}, word=", fast"),
    "auto": _Setting("ours, auto", {"prior": "auto"}),
    "best": _Setting("ours, auto", {"prior": "auto", "quality": "best"}, word=", best"),
    "paper": _Setting("ours, paper's setting", preset="paper"),
}


@dataclass(frozen=True, eq=False)
class Task:
    """What a contestant is given.

    Attributes:
        image: Shape (h, w, c), in [0, 1], the hole black.
        known: Shape (h, w), True = known pixel.
        device: As in ``edlrr inpaint``.
        seed: Of all that is drawn at random.
    """

    image: Pixels
    known: Bools
    device: torch.device
    seed: int


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a contestant returns: the image as it leaves it, the same with known pixels put back, how."""

    raw: Pixels
    restored: Pixels
    iterations: int
    stop: str


Params = dict[str, Any]


@dataclass(frozen=True)
class Contestant:
    """One row of the table.

    Attributes:
        title: As in a table.
        group: One of `edlrr_cli.bench.table1_means.GROUPS`.
        printed: The column of the paper's Table 1 that it stands for, if any.
        settings: Returns the settings without the choices.
        restore: Runs with these settings, but for what was chosen.
        choose: Returns what it chooses on hidden known pixels; none if it takes the settings as they are.
    """

    title: str
    group: str
    printed: str | None
    settings: Callable[[], Params]
    restore: Callable[[Task, Params], Outcome]
    choose: Callable[[Task], Params] | None = None


def contestant(name: str) -> Contestant:
    """Return the contestant of a name.

    Raises:
        UsageError: There is none; the message offers the nearest.
    """
    base, *variants = name.split(":")
    if base in registry.METHODS:
        if not variants:
            return _compared(base)
        if variants == [_TUNED] and registry.METHODS[base].grid:
            return _compared(base, tuned=True)
        if all("=" in variant for variant in variants):
            return _compared(base, fixed=_params(base, variants))
    elif len(variants) <= 1 and "".join(variants) in _SETTINGS and _is_reg(base):
        return _ours(base, "".join(variants))
    raise UsageError(f"unknown method {name!r}", nearest(name, all_names()))


def _is_reg(name: str) -> bool:
    try:
        parse_reg(name)
    except UsageError:
        return False
    return True


def _params(method: str, words: list[str]) -> Params:
    params = typed_params(method, parse_assignments(words))
    registry.check_params(method, params)
    return params


def all_names() -> tuple[str, ...]:
    """Return every row of the table: ours in each setting, compared methods, tunable ones twice.

    The paper's penalties are on whole channels, as in the paper; other priors have the default one. Methods
    whose library is not installed are left out.
    """
    ours = [
        f"{reg}:{name}".rstrip(":")
        for name, setting in _SETTINGS.items()
        for reg in (PAPER_COLUMNS if setting.whole else (Config().reg,))
    ]
    here = {name: method for name, method in registry.METHODS.items() if method.installed}
    return (*ours, *here, *(f"{name}:{_TUNED}" for name, method in here.items() if method.grid))


def _ours(reg: str, setting: str) -> Contestant:
    chosen_by = _SETTINGS[setting]

    def settings() -> Params:
        return asdict(resolve({"reg": reg, **chosen_by.flags}, None, chosen_by.preset).config)

    def restore(task: Task, chosen: Params) -> Outcome:
        of_task = {"device": str(task.device), "seed": task.seed}
        result = restore_by(task.image, task.known, Config(**{**settings(), **chosen, **of_task}))
        return Outcome(result.restored, result.restored, result.iterations, result.stop)

    printed = PAPER_COLUMNS.get(reg) if setting == "paper" else None
    return Contestant(reg + chosen_by.word, chosen_by.group, printed, settings, restore)


def _compared(name: str, *, tuned: bool = False, fixed: Params | None = None) -> Contestant:
    method, fixed, dtype = registry.METHODS[name], fixed or {}, torch.float64

    def settings() -> Params:
        return {**registry.default_params(name), **fixed}

    def choose(task: Task) -> Params:
        found = tune(name, task.image, task.known, device=task.device, dtype=dtype, seed=task.seed)
        return {key: found.params[key] for key in method.grid}

    def restore(task: Task, chosen: Params) -> Outcome:
        of_task = {"seed": task.seed} if "seed" in settings() else {}
        params: dict[str, Any] = {"device": task.device, "dtype": dtype, **fixed, **of_task, **chosen}
        result = registry.run(name, task.image, task.known, **params)
        return Outcome(result.raw, result.restored(task.image, task.known), result.iterations, result.stop)

    title, group = method.title, "control" if method.printed is None else "compared"
    if tuned:
        title, group = f"{title}, tuned", "compared, tuned"
    if fixed:
        others = ", ".join(f"{key} {as_word(value)}" for key, value in fixed.items())
        title, group = f"{title}, {others}", "compared, other settings"
    return Contestant(title, group, method.printed, settings, restore, choose if tuned else None)
