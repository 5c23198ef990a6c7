"""A prior run on a picture, from a good guess of what is missing."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from edlrr_cli.baselines.channels import as_channels, to_pixels
from edlrr_cli.errors import UsageError
from edlrr_cli.tasks.config import Config
from edlrr_cli.tasks.denoise.network import Denoiser
from edlrr_cli.tasks.device import resolve_device
from edlrr_cli.tasks.inpaint import Bools, Pixels, Progress
from edlrr_cli.tasks.priors import local_windows, similar_patches
from edlrr_cli.tasks.priors.local_windows import lower_window_ranks
from edlrr_cli.tasks.priors.network import denoise_holes
from edlrr_cli.tasks.priors.similar_patches import lower_group_ranks

_log = logging.getLogger(__name__)

#: How much each prior does, by quality. Measured: see DECISIONS.md.
_LOCAL = {
    "draft": local_windows.Effort(num_rounds=3, num_steps=4, wide=local_windows.Size(16, 6, 10)),
    "fast": local_windows.Effort(num_rounds=4, num_steps=6, wide=local_windows.Size(20, 8, 8)),
    "balanced": local_windows.Effort(),
    "best": local_windows.Effort(num_rounds=8, num_steps=12),
}
_NONLOCAL = {
    "draft": similar_patches.Effort(num_rounds=2, rounds_matched=2, search_px=18),
    "fast": similar_patches.Effort(num_rounds=4, rounds_matched=4, search_px=18),
    "balanced": similar_patches.Effort(num_rounds=5, rounds_matched=3, search_px=24),
    "best": similar_patches.Effort(num_similar=48, num_rounds=10),
}
_POLISH = local_windows.Effort(num_rounds=2, num_steps=3, error_start=0.004, error_end=0.002, coarse=False)


class _Prior(Protocol):
    def __call__(
        self,
        image: Tensor,
        known: Tensor,
        *,
        least_error: float,
        progress: Callable[[int, int, float, Tensor], None],
        time_left: Callable[[], bool],
    ) -> Tensor: ...


class Refiner:
    """Priors that all start from a picture without holes, with the settings of one restoration.

    Args:
        config: The settings.
        least_error: Of the known pixels, on [0, 1]: what is smaller is no structure.
        denoiser: Of the prior ``network``.
        callback: Told of each round.
        deadline: On the clock of `time.perf_counter`; None for none.

    Attributes:
        in_time: Whether nothing was cut short by the deadline.
    """

    def __init__(
        self,
        config: Config,
        *,
        least_error: float = 0.0,
        denoiser: Denoiser | None = None,
        callback: Callable[[Progress], None] | None = None,
        deadline: float | None = None,
    ) -> None:
        self._device = resolve_device(config.device)
        self._least_error = least_error
        self._callback, self._deadline = callback, deadline
        self.in_time = True
        local, nonlocal_ = _LOCAL[config.quality], _NONLOCAL[config.quality]
        self._priors: dict[str, _Prior] = {
            "local": partial(lower_window_ranks, effort=local),
            "nonlocal": partial(lower_group_ranks, effort=nonlocal_),
        }
        if denoiser is not None:
            self._priors["network"] = partial(denoise_holes, denoiser=denoiser.to(self._device))

    def __call__(self, prior: str, start: Pixels, known: Bools) -> Pixels:
        """Return the picture with its missing pixels improved.

        Args:
            prior: ``"local"``, ``"nonlocal"`` or ``"network"``.
            start: Shape (h, w, c). Not modified.
            known: Shape (h, w), True = known pixel; these keep their values.

        Raises:
            UsageError: The prior is ``network``, and there is no denoiser.
        """
        if prior not in self._priors:
            raise UsageError(f"the prior {prior} needs a denoiser", "load one, or take another prior")
        started = time.perf_counter()
        refined = self._run(prior, self._priors[prior], start, known)
        _log.info("prior %s: %.2f s on %s", prior, time.perf_counter() - started, self._device)
        return refined

    def polish(self, start: Pixels, known: Bools, error: float) -> Pixels:
        """Return a nearly finished picture a little improved, by a short run of ``local``.

        Args:
            start: Shape (h, w, c). Not modified.
            known: Shape (h, w), True = known pixel; these keep their values.
            error: Of the missing pixels, on [0, 1], expected; what is smaller is not smoothed away.
        """
        first = min(_POLISH.error_start, error)
        last = _POLISH.error_end * first / _POLISH.error_start
        effort = replace(_POLISH, error_start=first, error_end=last)
        return self._run("polish", partial(lower_window_ranks, effort=effort), start, known)

    def _run(self, stage: str, prior: _Prior, start: Pixels, known: Bools) -> Pixels:
        def pixels(X: Tensor) -> Pixels:
            return np.where(known[..., None], start, to_pixels(X).clip(0.0, 1.0))

        def told(number: int, count: int, penalty: float, X: Tensor) -> None:
            if self._callback is not None:
                self._callback(Progress(number, count, penalty, None, lambda: pixels(X), stage))

        X = as_channels(start, device=self._device, dtype=torch.float32)
        here = torch.from_numpy(known).to(self._device)
        return pixels(prior(X, here, least_error=self._least_error, progress=told, time_left=self.time_left))

    def time_left(self) -> bool:
        """Whether another round may begin."""
        if self._deadline is not None and time.perf_counter() >= self._deadline:
            self.in_time = False
        return self.in_time
