"""The settings of one inpainting: frozen, validated when made, importable without torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edlrr_cli.lrr.names import BACKENDS, parse_reg
from edlrr_cli.tasks.checks import require, require_choice, require_noise_level, require_types

FILLS = ("biharmonic", "mean", "zero")
PRIORS = ("auto", "global", "local", "nonlocal", "network")
QUALITIES = ("auto", "draft", "fast", "balanced", "best")


@dataclass(frozen=True)
class Config:
    """Settings of `edlrr_cli.tasks.inpaint.restore.restore`; the defaults suit any image.

    Attributes:
        prior: What the picture is taken to be like. ``"global"``: each channel a matrix of low rank. Then
            too, ``"local"``: windows of it; ``"nonlocal"``: groups of similar patches, all channels together;
            ``"network"``: clean to a denoiser. ``"auto"`` mixes what known pixels that were hidden favour.
        quality: How much every prior but ``"global"`` does, one of `QUALITIES`; ``"auto"`` is ``"balanced"``,
            less where the parts of the picture around its holes are large.
        reg: The penalty, one of `edlrr_cli.lrr.names.REG_NAMES`.
        gamma: Shape of the penalty, in units of the scaled singular value; None for its default.
        scale: Unit of the singular values at the end of the continuation; None: chosen from the
            spectrum, per channel.
        noise: Standard deviation of the noise on known pixels, on the [0, 1] scale, at most 1; 0
            keeps known pixels exactly; None estimates it.
        lam: Weight lambda of the penalty beside the data term; None: adapted until the known
            pixels are met to within the noise. Without noise it has nothing to weigh.
        steps: Adam steps at most.
        lr: Adam's first step size, in pixel values; it falls geometrically to a twenty-fifth.
        refresh: Steps for which the penalty's quadratic majorizer is kept, a fifth of it in the last fifth
            of the steps; 1 recomputes the exact gradient in every step.
        whiten: Emphasis of high frequencies in the penalised matrix; 0 penalises the pixels themselves.
        center: Take the row and column means out of the penalised matrix.
        fill: The start: ``"biharmonic"``, ``"mean"`` or ``"zero"`` (black).
        held_out: Share of the known pixels hidden from the optimisation, to measure its error and to
            decide how much of its start is mixed in; 0 for neither.
        probes: Gaussian probes of the paper's stochastic estimator; None for the exact trace.
        backend: How the penalty is computed, one of `edlrr_cli.lrr.names.BACKENDS`.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.
        seed: Of the held-out pixels and the probes.
        time_budget: Seconds after which the best image so far is returned; None for no limit.

    Raises:
        UsageError: A value is outside its domain.
    """

    prior: str = "auto"
    quality: str = "auto"
    reg: str = "taylor-gamma"
    gamma: float | None = None
    scale: float | None = None
    noise: float | None = 0.0
    lam: float | None = None
    steps: int = 120
    lr: float = 0.05
    refresh: int = 10
    whiten: float = 1.0
    center: bool = True
    fill: str = "biharmonic"
    held_out: float = 0.02
    probes: int | None = None
    backend: str = "auto"
    device: str = "auto"
    seed: int = 0
    time_budget: float | None = None

    @property
    def needs_denoiser(self) -> bool:
        """Whether the restoration asks a denoiser: for its prior, or to take noise off."""
        return self.prior == "network" or (self.prior != "global" and self.noise != 0)

    def __post_init__(self) -> None:
        require_types(self)
        parse_reg(self.reg)
        require_choice("prior", self.prior, PRIORS)
        require_choice("quality", self.quality, QUALITIES)
        require_choice("fill", self.fill, FILLS)
        require_choice("backend", self.backend, BACKENDS)
        for name in ("gamma", "scale", "lam", "lr", "time_budget", "probes"):
            value = getattr(self, name)
            require(value is None or (math.isfinite(value) and value > 0), name, "more than 0", value)
        require_noise_level("noise", self.noise)
        require(math.isfinite(self.whiten) and self.whiten >= 0, "whiten", "0 or more", self.whiten)
        require(self.steps >= 0, "steps", "0 or more", self.steps)
        require(self.refresh >= 1, "refresh", "1 or more", self.refresh)
        require(0 <= self.seed < 2**63, "seed", "between 0 and 2^63 - 1", self.seed)
        require(0 <= self.held_out <= 0.5, "held_out", "between 0 and 0.5", self.held_out)
