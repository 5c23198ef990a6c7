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
        prior: Image prior. ``"global"``: each channel is a matrix of low rank; the others build on it.
            ``"local"``: its windows are, too; ``"nonlocal"``: groups of similar patches across all channels
            are; ``"network"``: a denoiser finds no noise. ``"auto"`` mixes several by their error on
            held-out pixels.
        quality: Effort of every prior except ``"global"``, one of `QUALITIES`; ``"auto"`` is ``"balanced"``,
            or less where the windows around the holes are large.
        reg: The penalty, one of `edlrr_cli.lrr.names.REG_NAMES`.
        gamma: Shape of the penalty, in units of the scaled singular value; None for its default.
        scale: Scale of the singular values at the end of the continuation; None: chosen from the spectrum,
            per channel.
        noise: Standard deviation of the noise on known pixels, on the [0, 1] scale, at most 1; 0 keeps known
            pixels exactly; None estimates it.
        lam: Weight lambda of the penalty relative to the data term; None: adapted until the residual at the
            known pixels equals the noise. Unused without noise.
        steps: Maximum number of Adam steps.
        lr: Adam's first step size, in pixel values; it decays geometrically to a twenty-fifth.
        refresh: Steps between updates of the penalty's quadratic majorizer, a fifth of it in the last fifth
            of the steps; 1 computes the exact gradient in every step.
        whiten: Amplification of high frequencies in the penalized matrix; 0 penalizes the pixels themselves.
        center: Subtract the row and column means from the penalized matrix.
        fill: The first fill: ``"biharmonic"``, ``"mean"`` or ``"zero"`` (black).
        held_out: Fraction of the known pixels hidden from the optimization, to measure its error and to
            choose the weight of the first fill in the result; 0 for neither.
        probes: Number of Gaussian probes of the paper's stochastic estimator; None for the exact trace.
        backend: Computation of the penalty, one of `edlrr_cli.lrr.names.BACKENDS`.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.
        seed: Seed of the held-out pixels and the probes.
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
        """Whether the restoration uses a denoiser, as its prior or to remove noise."""
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
