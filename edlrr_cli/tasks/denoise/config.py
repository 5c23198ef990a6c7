"""Settings of a denoising: frozen, validated when created, importable without torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edlrr_cli.baselines.denoisers import DENOISERS
from edlrr_cli.errors import UsageError
from edlrr_cli.lrr.names import parse_reg
from edlrr_cli.tasks.checks import require, require_choice, require_noise_level, require_types

#: ``network`` and ``lrr`` are the methods of this program; the others are baselines.
METHODS = ("network", "lrr", *DENOISERS)
#: Types of noise to estimate; ``auto`` detects the type.
NOISE_TYPES = ("auto", "white", "photo")
#: Effort of the method ``network``.
QUALITIES = ("fast", "balanced", "best")
#: Penalty of the method ``lrr``.
DEFAULT_REG = "schatten-0.1"


@dataclass(frozen=True)
class Config:
    """Settings of `edlrr_cli.tasks.denoise.run.denoise`; noise levels are on [0, 1].

    Attributes:
        method: One of `METHODS`.
        sigma: Standard deviation of the noise; None: estimated.
        noise_type: One of `NOISE_TYPES`; of an estimated level.
        quality: Effort of the method ``network``, one of `QUALITIES`: the network; low rank of similar
            patches, guided by its result; or a blend of the network, applied to all rotations and mirror
            images, with the method ``lrr``. Noise of photographs is always denoised by the network.
        strength: Factor applied to the noise level that the method assumes; 0 leaves the image unchanged.
        reg: Penalty of the method ``lrr``, one of `edlrr_cli.lrr.names.REG_NAMES`; None for `DEFAULT_REG`.
        gamma: Shape of the penalty; None for its default.
        device: Device of ``network`` and ``lrr``: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.

    Raises:
        UsageError: A value is outside its domain, or belongs to another method.
    """

    method: str = "network"
    sigma: float | None = None
    noise_type: str = "auto"
    quality: str = "fast"
    strength: float = 1.0
    reg: str | None = None
    gamma: float | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        require_types(self)
        require_choice("method", self.method, METHODS)
        require_choice("noise_type", self.noise_type, NOISE_TYPES)
        if self.sigma is not None and self.noise_type != "auto":
            raise UsageError(
                "noise_type is of an estimated level, and sigma is given", "leave one of them out"
            )
        require_choice("quality", self.quality, QUALITIES)
        if self.method != "network" and self.quality != "fast":
            raise UsageError(
                f"quality is a setting of the method network, not of {self.method}", "leave it out"
            )
        for name in ("reg", "gamma"):
            if self.method != "lrr" and getattr(self, name) is not None:
                raise UsageError(
                    f"{name} is a setting of the method lrr, not of {self.method}", "leave it out"
                )
        if self.reg is not None:
            parse_reg(self.reg)
        require_noise_level("sigma", self.sigma)
        require(math.isfinite(self.strength) and self.strength >= 0, "strength", "0 or more", self.strength)
        require(
            self.gamma is None or (math.isfinite(self.gamma) and self.gamma > 0),
            "gamma",
            "more than 0",
            self.gamma,
        )

    @property
    def penalty(self) -> str:
        """Return the penalty of the method ``lrr``."""
        return DEFAULT_REG if self.reg is None else self.reg
