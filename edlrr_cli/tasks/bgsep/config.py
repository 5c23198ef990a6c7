"""Settings of a separation: frozen, validated when created, importable without torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edlrr_cli.errors import UsageError
from edlrr_cli.lrr.names import parse_reg
from edlrr_cli.tasks.checks import require, require_choice

#: ``lrr`` is the method of this program; the others are baselines.
METHODS = ("lrr", "median", "mog2", "knn")
SOLVERS = ("adam", "ialm")
FITS = ("subspace", "full")
STABILIZERS = ("auto", "off")

_WINDOW = {"subspace": 600, "full": 100}
# The full matrix takes that of principal component pursuit. A stronger penalty leaves fewer components to the
# subspace, whose refit removes the shrinkage.
_LAM = {"subspace": 3.0, "full": 1.0}


@dataclass(frozen=True)
class Config:
    """Settings of `edlrr_cli.tasks.bgsep.stream.separate`; the defaults suit any fixed camera.

    Attributes:
        method: One of `METHODS`.
        reg: The penalty, one of `edlrr_cli.lrr.names.REG_NAMES`.
        gamma: Shape of the penalty, in units of the scaled singular value; None for its default.
        solver: ``"adam"``, or ``"ialm"``, which is exact but supports the nuclear norm only.
        fit: ``"subspace"``: the temporal basis of the background is found from sampled frames and pixels, and
            every pixel is fitted to it; ``"full"``: the low-rank matrix of all frames and pixels is the
            background.
        lam: Weight lambda of the penalty, in units of sqrt(max(m, n)), that of principal component pursuit;
            None: 3, or 1 if ``full``.
        steps: Adam steps.
        window: Number of frames with a common background model; None: 600, or 100 if ``full``. An object
            that stands still for more than half of it becomes background.
        overlap: Frames shared by neighboring windows, which are cross-faded; None: half of ``window``.
        threshold: Difference from the background, in gray levels of 255, beyond which a pixel is
            foreground; None: from the variation of each pixel.
        min_blob_px: Foreground areas and holes in them of fewer pixels are removed.
        shadows: Whether cast shadows count as foreground.
        stabilize: ``"auto"``: frames are registered to one another if the camera shakes; ``"off"``: never.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.
        seed: Seed of the choice of pixels.

    Raises:
        UsageError: A value is outside its domain, or conflicts with another one.
    """

    method: str = "lrr"
    reg: str = "nuclear"
    gamma: float | None = None
    solver: str = "adam"
    fit: str = "subspace"
    lam: float | None = None
    steps: int = 100
    window: int | None = None
    overlap: int | None = None
    threshold: float | None = None
    min_blob_px: int = 30
    shadows: bool = True
    stabilize: str = "auto"
    device: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        require_choice("method", self.method, METHODS)
        require_choice("solver", self.solver, SOLVERS)
        require_choice("fit", self.fit, FITS)
        require_choice("stabilize", self.stabilize, STABILIZERS)
        parse_reg(self.reg)
        if self.solver == "ialm" and self.reg != "nuclear":
            raise UsageError(f"solver ialm minimizes the nuclear norm, got reg {self.reg}", "use solver adam")
        for name in ("gamma", "lam"):
            value = getattr(self, name)
            require(value is None or (math.isfinite(value) and value > 0), name, "more than 0", value)
        require(self.steps >= 1, "steps", "1 or more", self.steps)
        require(self.num_window >= 2, "window", "2 or more", self.window)
        require(
            0 <= self.num_overlap <= self.num_window // 2,
            "overlap",
            "between 0 and half the window",
            self.overlap,
        )
        require(
            self.threshold is None or 0 < self.threshold < 255,
            "threshold",
            "between 0 and 255",
            self.threshold,
        )
        require(self.min_blob_px >= 0, "min_blob_px", "0 or more", self.min_blob_px)
        require(0 <= self.seed < 2**63, "seed", "between 0 and 2^63 - 1", self.seed)

    def require_takes_background(self) -> None:
        """Refuse a method that estimates the background always.

        Raises:
            UsageError: The method, or its fit.
        """
        if self.method != "lrr" or self.fit != "subspace":
            got = f"method {self.method}" if self.method != "lrr" else f"fit {self.fit}"
            raise UsageError(
                f"{got} takes no given background", "leave it out, or use method lrr, fit subspace"
            )

    @property
    def num_window(self) -> int:
        """Return the number of frames of a window."""
        return _WINDOW[self.fit] if self.window is None else self.window

    @property
    def num_overlap(self) -> int:
        """Return the number of frames that neighboring windows share."""
        return self.num_window // 2 if self.overlap is None else self.overlap

    @property
    def weight(self) -> float:
        """Return lambda in units of sqrt(max(m, n))."""
        return _LAM[self.fit] if self.lam is None else self.lam
