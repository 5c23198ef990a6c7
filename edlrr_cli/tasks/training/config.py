"""Settings of a training run: frozen, validated when created, importable without torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edlrr_cli.errors import UsageError
from edlrr_cli.lrr.names import parse_reg
from edlrr_cli.networks.names import Size, published_size
from edlrr_cli.tasks.checks import require, require_choice
from edlrr_cli.tasks.training.levels import Levels

TARGETS = ("clean", "error")
MATRICES = ("image", "windows", "groups")
PRECISIONS = ("bf16", "float32")

_ALL_LEVELS = Levels(0.0, 75.0)


@dataclass(frozen=True)
class Config:
    """Settings of `edlrr_cli.tasks.training.trainer.Trainer`; noise levels are on 0..255, as in `Levels`.

    Attributes:
        arch: One of `edlrr_cli.networks.names.ARCHS`.
        depth: Number of convolutions; None: as published.
        width: Number of channels; None: as published.
        color: Whether the network is for RGB images; otherwise for gray ones.
        scale: Factor of the size of all images, at most 1; reduces the grain of JPEG files.
        sigma: Levels of white noise of the patches, drawn uniformly.
        camera: Fraction of the patches with the noise of cameras instead of white noise; RGB only.
        estimated: Fraction of the patches whose noise level is estimated from their pixels, texture included,
            so that the network does not rely on it; that of the others is known.
        reg: The penalty, one of `edlrr_cli.lrr.names.REG_NAMES`.
        gamma: Shape of the penalty; None for its default.
        lam: Weight lambda of the low-rank term, in units of the noise power; 0 leaves it out.
        lrr_target: What is penalized: ``"clean"``, the estimated image X - f(X), or ``"error"``, f(X) - N.
        lrr_matrices: Matrices whose rank is penalized: ``"image"``, the image itself, or ``"windows"`` or
            ``"groups"`` of `edlrr_cli.lrr.patch_regularizer.PatchLowRank`.
        lrr_sigma: Noise levels of the full images of that term; None: those of the patches.
        lrr_every: Steps between two evaluations of that term; its weight is multiplied by it.
        lrr_images: Full images per evaluation.
        patch_px: Side of the patches.
        batch: Patches per step and process.
        lr: Maximum learning rate of the one-cycle schedule.
        steps: Number of steps; None: limited by the time budget.
        time_budget: Duration in seconds; None: limited by the steps.
        held_out: Number of images of the training set used for validation, evenly spaced.
        precision: Precision of the convolutions, one of `PRECISIONS`.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.
        seed: Seed of the weights, patches and noise.

    Raises:
        UsageError: A value is outside its domain, or conflicts with another one.
    """

    arch: str = "light"
    depth: int | None = None
    width: int | None = None
    color: bool = False
    scale: float = 1.0
    sigma: Levels = _ALL_LEVELS
    camera: float = 0.0
    estimated: float = 0.0
    reg: str = "laguerre-gamma"
    gamma: float | None = None
    lam: float = 0.0
    lrr_target: str = "clean"
    lrr_matrices: str = "image"
    lrr_sigma: Levels | None = None
    lrr_every: int = 4
    lrr_images: int = 2
    patch_px: int = 40
    batch: int = 32
    lr: float = 1e-3
    steps: int | None = None
    time_budget: float | None = None
    held_out: int = 10
    precision: str = "bf16"
    device: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        published_size(self.arch)
        parse_reg(self.reg)
        require_choice("lrr_target", self.lrr_target, TARGETS)
        require_choice("lrr_matrices", self.lrr_matrices, MATRICES)
        require_choice("precision", self.precision, PRECISIONS)
        for name in ("lrr_every", "lrr_images", "batch", "held_out"):
            require(getattr(self, name) >= 1, name, "1 or more", getattr(self, name))
        for name in ("gamma", "time_budget"):
            value = getattr(self, name)
            require(value is None or (math.isfinite(value) and value > 0), name, "more than 0", value)
        require(math.isfinite(self.lam) and self.lam >= 0, "lam", "0 or more", self.lam)
        require(math.isfinite(self.lr) and self.lr > 0, "lr", "more than 0", self.lr)
        require(self.patch_px >= 8 and self.patch_px % 8 == 0, "patch_px", "a multiple of 8", self.patch_px)
        require(self.steps is None or self.steps >= 1, "steps", "1 or more", self.steps)
        require(0 < self.scale <= 1, "scale", "more than 0, at most 1", self.scale)
        for name in ("camera", "estimated"):
            require(0 <= getattr(self, name) <= 1, name, "a fraction within 0..1", getattr(self, name))
        if self.camera and not self.color:
            raise UsageError("the noise of cameras is that of color images", "add --color")
        require(0 <= self.seed < 2**32, "seed", "between 0 and 2^32 - 1", self.seed)
        least = 1 if self.arch == "light" else 3
        require(self.depth is None or self.depth >= least, "depth", f"{least} or more", self.depth)
        require(self.width is None or self.width >= 1, "width", "1 or more", self.width)
        if (self.steps is None) == (self.time_budget is None):
            raise UsageError("the schedule needs its length", "give either steps or a time budget")

    @property
    def size(self) -> Size:
        """Return the size of the network."""
        published = published_size(self.arch)
        channels = 3 if self.color else 1
        return Size(self.depth or published.depth, self.width or published.width, channels)

    @property
    def rank_levels(self) -> Levels:
        """Return the noise levels of the low-rank term."""
        return self.lrr_sigma or self.sigma
