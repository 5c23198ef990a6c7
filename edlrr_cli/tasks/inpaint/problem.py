"""Inpainting problem, progress and result."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.errors import UsageError
from edlrr_cli.tasks.transparency import reflected

Pixels = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]

WINDOWS = "windows"
"""Stage of an image that is restored in windows; its steps are windows."""

_TINY = 1e-12


@dataclass(frozen=True)
class Progress:
    """Progress of a restoration, reported every ten steps and at the end.

    Attributes:
        step: Steps done.
        num_steps: Maximum number of steps.
        loss: The objective at the current scale and whitening.
        held_out_rmse: Root mean square error on the held-out known pixels, on the [0, 1] scale.
        current: Returns the current image, shape (h, w, c), float64.
        stage: The current prior, ``"polish"``, or `WINDOWS`.
    """

    step: int
    num_steps: int
    loss: float
    held_out_rmse: float | None
    current: Callable[[], Pixels]
    stage: str = "global"


Callback = Callable[[Progress], None]


@dataclass(frozen=True, eq=False)
class InpaintProblem:
    """An image with missing pixels.

    Attributes:
        image: Shape (h, w, c), h and w at least 2, values in [0, 1]; missing pixels are ignored.
        known: Shape (h, w), True = known pixel.
        noise: Standard deviation of the noise of the known pixels, on [0, 1].
        callback: Called with the progress.
        visible: Shape (h, w), False = transparent pixel, whose color is ignored and kept unless the pixel is
            missing; None: all pixels are visible.
    """

    image: Pixels
    known: Bools
    noise: float = 0.0
    callback: Callback | None = None
    visible: Bools | None = None

    @property
    def seen(self) -> Bools:
        """Return the pixels that are known and visible, shape (h, w)."""
        return seen_of(self.known, self.visible)

    def window(self, rows: slice, columns: slice) -> InpaintProblem:
        """Return the problem restricted to a window."""
        visible = None if self.visible is None else self.visible[rows, columns]
        return replace(
            self, image=self.image[rows, columns], known=self.known[rows, columns], visible=visible
        )

    def with_reflections(self) -> InpaintProblem:
        """Return the problem with visible colors substituted at known transparent pixels."""
        hidden = self.known & ~self.seen
        return replace(self, image=reflected(self.image, self.seen, hidden)) if hidden.any() else self

    def with_own_colors(self, pixels: Pixels) -> Pixels:
        """Return restored pixels (h, w, c) with the original colors at known transparent pixels."""
        hidden = self.known & ~self.seen
        return np.where(hidden[..., None], self.image, pixels) if hidden.any() else pixels


@dataclass(frozen=True, eq=False)
class Candidate:
    """A restoration by one prior, or the first fill, which ``auto`` mixes with others.

    Attributes:
        name: The prior, or the name of the first fill.
        weight: Mean weight in the mixture over the missing pixels.
        held_out_psnr: PSNR on the held-out known pixels, in dB.
        restored: Shape (h, w, c), in [0, 1]; None for an image that is restored in several windows.
    """

    name: str
    weight: float
    held_out_psnr: float
    restored: Pixels | None


@dataclass(frozen=True)
class Result:
    """A restored image and its statistics, which need no ground truth.

    Attributes:
        restored: Shape (h, w, c), float64 in [0, 1].
        start: Shape (h, w, c), the first fill.
        iterations: Adam steps done.
        stop: ``"steps"``, ``"stagnation"``, ``"held-out"`` or ``"time budget"``.
        seconds: Wall time; for an image of a batch, the time of the batch over its size.
        device: Device of the computation.
        lam: Final weight lambda; None where known pixels are kept exactly.
        scale: Final scale of the singular values, mean over the channels.
        data_term: ||P(X) - P(Y)||_F^2 of the result, summed over the channels.
        penalty: R(g(X)) of the result, summed over the channels.
        effective_rank_before: exp of the entropy of sigma / sum(sigma) of the damaged channels without
            their means (Roy and Vetterli 2007), averaged over the channels.
        effective_rank_after: The same for the result.
        weight: Weight of the minimizer in its mixture with the start, in [0, 1], fitted to the held-out
            pixels; 1 without any, and with noise.
        held_out_psnr: PSNR on the held-out known pixels, in dB.
        history: (step, loss, held-out RMSE), every ten steps and at the end.
        noise: Noise level of the known pixels that was used, a standard deviation on [0, 1].
        quality: The quality that was used, one of `QUALITIES` except ``"auto"``; None for ``global``.
        candidates: The mixed restorations; ``auto`` only.
        error: Expected root mean square error of each pixel, shape (h, w), on [0, 1]; ``auto`` only.
        notes: Remarks for the user about the result, one phrase each.
    """

    restored: Pixels
    start: Pixels
    iterations: int
    stop: str
    seconds: float
    device: str
    lam: float | None
    scale: float
    data_term: float
    penalty: float
    effective_rank_before: float
    effective_rank_after: float
    weight: float
    held_out_psnr: float | None
    history: tuple[tuple[int, float, float | None], ...]
    noise: float = 0.0
    quality: str | None = None
    candidates: tuple[Candidate, ...] = ()
    error: Pixels | None = None
    notes: tuple[str, ...] = ()

    @property
    def mixture_weights(self) -> dict[str, float]:
        """Weight of each candidate in the mixture by name."""
        return {candidate.name: candidate.weight for candidate in self.candidates}

    @property
    def expected_psnr(self) -> float | None:
        """Expected PSNR of the whole image in dB, from the expected errors."""
        return None if self.error is None else psnr_of(math.sqrt(float(np.square(self.error).mean())))


def seen_of(known: Bools, visible: Bools | None) -> Bools:
    """Return the pixels that are known and visible, shape (h, w)."""
    return known if visible is None else known & visible


def check_input(image: Pixels, known: Bools, visible: Bools | None = None) -> None:
    """Validate the arrays of a problem.

    Args:
        image: Shape (h, w, c), h and w at least 2, values in [0, 1] where known and visible.
        known: Shape (h, w), True = known pixel.
        visible: Shape (h, w), False = transparent pixel; None: all pixels are visible.

    Raises:
        UsageError: Shapes that do not fit, values outside [0, 1], nothing missing, nothing known or visible.
    """
    if image.ndim != 3 or min(image.shape[:2]) < 2:
        raise UsageError(f"image: expected shape (h, w, c) with h, w >= 2, got {image.shape}")
    if known.shape != image.shape[:2] or known.dtype != np.bool_:
        raise UsageError(
            f"known: expected a bool array of shape {image.shape[:2]}, got {known.dtype} {known.shape}"
        )
    if known.all() or not known.any():
        raise UsageError(f"known: {'no' if known.all() else 'every'} pixel is missing", "check the mask")
    seen = seen_of(known, visible)
    if not seen.any():
        raise UsageError("known: every known pixel is transparent", "check the mask")
    values = image[seen]
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > 1:
        raise UsageError("image: expected finite values in [0, 1] at the known pixels", "divide by the peak")


def psnr_of(rmse: float) -> float:
    """Convert a root mean square error on [0, 1] to a peak signal-to-noise ratio in dB."""
    return -20 * math.log10(max(rmse, _TINY))
