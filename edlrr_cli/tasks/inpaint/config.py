"""The settings of one inpainting: frozen, validated when made, importable without torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edlrr_cli.errors import UsageError
from edlrr_cli.lrr.names import BACKENDS, REG_NAMES, nearest, parse_reg
from edlrr_cli.tasks.checks import require, require_choice, require_noise_level, require_types

AUTO = "auto"
REGS = (AUTO, *REG_NAMES)
"""The names of ``--reg``: the penalties, and ``"auto"``."""

# The penalty with which each prior restores best, and its shape. Measured: see docs/decisions.md.
_BEST: dict[str, tuple[str, float | None]] = {
    "global": ("taylor-gamma", None),
    "local": ("exact-gamma", 0.5),
    "nonlocal": ("exact-laplace", None),
}
LOW_RANK_PRIORS = tuple(_BEST)
FILLS = ("biharmonic", "mean", "zero")
PRIORS = ("auto", "global", "local", "nonlocal", "network")
OPTIMIZERS = ("adam", "cg")
QUALITIES = ("auto", "draft", "fast", "balanced", "best")


def parse_inpaint_reg(name: str) -> None:
    """Check a name of `REGS`.

    Raises:
        UsageError: The name is unknown; the message suggests the nearest one.
    """
    if name != AUTO:
        try:
            parse_reg(name)
        except UsageError as error:
            if name.startswith("schatten"):
                raise
            raise UsageError(error.message, nearest(name, REGS)) from None


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
        reg: The penalty of every low-rank prior, one of `REGS`; ``"auto"`` is the one that restores best
            with each prior.
        gamma: Shape of the penalty, in units of the scaled singular value; None for its default.
        scale: Scale of the singular values of the prior ``"global"`` at the end of the continuation; None:
            chosen from the spectrum, per channel.
        noise: Standard deviation of the noise on known pixels, on the [0, 1] scale, at most 1; 0 keeps known
            pixels exactly; None estimates it.
        lam: Weight lambda of the penalty relative to the data term; None: adapted until the residual at the
            known pixels equals the noise. Unused without noise.
        optimizer: ``"adam"`` or ``"cg"`` (conjugate gradients) for every low-rank prior; None: Adam for
            ``"global"``, conjugate gradients for the others.
        steps: Maximum number of steps of the prior ``"global"``.
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
    reg: str = AUTO
    gamma: float | None = None
    scale: float | None = None
    noise: float | None = 0.0
    lam: float | None = None
    optimizer: str | None = None
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

    def penalty(self, prior: str) -> tuple[str, float | None]:
        """Return the name and the shape of the penalty of a prior: ``"global"``, ``"local"``, ``"nonlocal"``.

        Raises:
            UsageError: The name is unknown; the message suggests the nearest one.
        """
        if self.reg != AUTO:
            parse_inpaint_reg(self.reg)
            return self.reg, self.gamma
        name, gamma = _BEST[prior]
        return name, gamma if self.gamma is None else self.gamma

    def __post_init__(self) -> None:
        require_types(self)
        self.penalty("global")
        require_choice("prior", self.prior, PRIORS)
        require_choice("quality", self.quality, QUALITIES)
        require_choice("fill", self.fill, FILLS)
        require_choice("backend", self.backend, BACKENDS)
        if self.optimizer is not None:
            require_choice("optimizer", self.optimizer, OPTIMIZERS)
        is_quadratic = self.refresh > 1 and self.probes is None
        require(self.optimizer != "cg" or is_quadratic, "optimizer", "adam with probes or refresh 1", "cg")
        for name in ("gamma", "scale", "lam", "lr", "time_budget", "probes"):
            value = getattr(self, name)
            require(value is None or (math.isfinite(value) and value > 0), name, "more than 0", value)
        require_noise_level("noise", self.noise)
        require(math.isfinite(self.whiten) and self.whiten >= 0, "whiten", "0 or more", self.whiten)
        require(self.steps >= 0, "steps", "0 or more", self.steps)
        require(self.refresh >= 1, "refresh", "1 or more", self.refresh)
        require(0 <= self.seed < 2**63, "seed", "between 0 and 2^63 - 1", self.seed)
        require(0 <= self.held_out <= 0.5, "held_out", "between 0 and 0.5", self.held_out)
