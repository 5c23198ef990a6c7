"""The networks of Figure 3: their training, the choice of lambda, and their file names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edlrr_cli.tasks.training.config import Config
from edlrr_cli.tasks.training.levels import Levels

#: Kind of network -> settings of its training that differ from those of ``plain``.
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "lrr": {},
    "windows": {"lrr_matrices": "windows"},
    "groups": {"lrr_matrices": "groups"},
    "error": {"lrr_target": "error"},
    "wide": {"lrr_sigma": Levels(0, 75)},
    "bias-free": {"arch": "dncnn-bf"},
    "blind": {"sigma": Levels(0, 55)},
}
#: Kinds that are compared seed by seed: the network without the term, and its variants.
PAIRED = ("plain", "lrr", "windows", "groups")
#: Kinds with a low-rank term -> the weights lambda to try, in ascending order.
GRIDS = {
    "lrr": (0.005, 0.01, 0.02, 0.04),
    "wide": (0.005, 0.01, 0.02, 0.04),
    "windows": (0.01, 0.02, 0.04),
    "groups": (0.01, 0.02, 0.04),
    "error": (0.1, 1.0),
}
#: Maximum cost of lambda at the training level, in dB on the held-out images.
MAX_COST_DB = 0.3


@dataclass(frozen=True)
class Recipe:
    """Size of the networks, length of the training, and extent of the tests.

    Attributes:
        levels: Test noise levels, on 0..255.
        every: Test set -> step between the images that are tested.
        trained_at: Kind of network -> its training noise levels; None: a range of levels.
        with_baselines: Whether the shipped denoiser and those of others are tested, too.
    """

    depth: int
    width: int
    steps: int
    batch: int
    lr: float
    levels: tuple[int, ...]
    every: Mapping[str, int]
    trained_at: Mapping[str, tuple[int | None, ...]]
    with_baselines: bool = True


_LEVELS = (15, 25, 50)

RECIPES = {
    "cpu": Recipe(
        depth=10,
        width=32,
        steps=1000,
        batch=16,
        lr=3e-3,
        levels=(5, 15, 25, 35, 50, 60, 75),
        every={"Set12": 1, "BSD68": 4},
        trained_at={
            **dict.fromkeys(("plain", "lrr", "bias-free"), _LEVELS),
            **dict.fromkeys(("error", "wide"), (25,)),
            "blind": (None,),
        },
    ),
    "patches": Recipe(
        depth=6,
        width=24,
        steps=400,
        batch=16,
        lr=3e-3,
        levels=(15, 25, 35, 50, 75),
        every={"Set12": 1},
        trained_at=dict.fromkeys(("plain", "lrr", "windows", "groups"), (25,)),
        with_baselines=False,
    ),
    "paper": Recipe(
        depth=17,
        width=64,
        steps=80_000,
        batch=128,
        lr=1e-3,
        levels=(5, 10, 15, 20, 25, 30, 35, 40, 50, 60, 75),
        every={"Set12": 1, "BSD68": 1},
        trained_at={**dict.fromkeys((kind for kind in KINDS if kind != "blind"), _LEVELS), "blind": (None,)},
    ),
}


@dataclass(frozen=True)
class Network:
    """One network to be trained.

    Attributes:
        level: Training noise level; None for ``blind``.
    """

    kind: str
    level: int | None
    lam: float = 0.0
    seed: int = 0

    @property
    def name(self) -> str:
        """Return the name of the file, without suffix."""
        level = "" if self.level is None else f"-{self.level}"
        weight = f"-lam{self.lam:g}" if self.lam else ""
        return f"{self.kind}{level}{weight}-seed{self.seed}"

    def config(self, recipe: Recipe, device: str) -> Config:
        """Return the settings of the training."""
        level = 0 if self.level is None else self.level
        settings: dict[str, Any] = {
            "arch": "dncnn",
            "depth": recipe.depth,
            "width": recipe.width,
            "sigma": Levels(level, level or 1),
            "lam": self.lam,
            "lrr_images": 1,
            "steps": recipe.steps,
            "batch": recipe.batch,
            "lr": recipe.lr,
            "device": device,
            "seed": self.seed,
        }
        return Config(**{**settings, **KINDS[self.kind]})
