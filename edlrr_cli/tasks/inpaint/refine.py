"""Refinement of estimated missing pixels by a prior."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from edlrr_cli.channels import as_channels, to_pixels
from edlrr_cli.errors import UsageError
from edlrr_cli.lrr.matrices.windows import WindowSize
from edlrr_cli.lrr.series import make_function
from edlrr_cli.tasks.denoise.network import Denoiser
from edlrr_cli.tasks.device import resolve_device
from edlrr_cli.tasks.inpaint.config import Config
from edlrr_cli.tasks.inpaint.lowrank import local_windows, similar_patches
from edlrr_cli.tasks.inpaint.lowrank.local_windows import lower_window_ranks
from edlrr_cli.tasks.inpaint.lowrank.similar_patches import lower_group_ranks
from edlrr_cli.tasks.inpaint.plug_and_play import inpaint_plug_and_play
from edlrr_cli.tasks.inpaint.problem import InpaintProblem, Pixels, Progress

_log = logging.getLogger(__name__)

#: Effort of each prior, by quality. Measured: see docs/decisions.md.
_LOCAL = {
    "draft": local_windows.Effort(num_rounds=3, num_steps=4, wide=WindowSize(16, 6, 10)),
    "fast": local_windows.Effort(num_rounds=4, num_steps=6, wide=WindowSize(20, 8, 8)),
    "balanced": local_windows.Effort(num_rounds=4),
    "best": local_windows.Effort(num_rounds=8, num_steps=12),
}
_NONLOCAL = {
    "draft": similar_patches.Effort(num_rounds=2, rounds_matched=2, search_px=18),
    "fast": similar_patches.Effort(num_rounds=4, rounds_matched=4, search_px=18),
    "balanced": similar_patches.Effort(stride_px=5, num_similar=28, num_rounds=5),
    "best": similar_patches.Effort(num_similar=48, num_rounds=10),
}
_POLISH = local_windows.Effort(num_rounds=2, num_steps=3, error_start=0.004, error_end=0.002, coarse=False)


class _Prior(Protocol):
    def __call__(
        self,
        images: Tensor,
        known: Tensor,
        *,
        least_error: Tensor,
        progress: Callable[[int, int, int, float, Tensor], None],
        time_left: Callable[[], bool],
    ) -> Tensor: ...


class Refiner:
    """Runs priors on filled images, with the settings of one restoration.

    Args:
        config: Settings.
        denoiser: Denoiser of the prior ``network``.
        deadline: On the clock of `time.perf_counter`; None for no deadline.

    Attributes:
        device: Device of the computation.
        in_time: False once a round was skipped because of the deadline.
    """

    def __init__(
        self, config: Config, *, denoiser: Denoiser | None = None, deadline: float | None = None
    ) -> None:
        self.device = resolve_device(config.device)
        self._deadline = deadline
        self.in_time = True
        optimizer = config.optimizer or "cg"
        windows, groups = (make_function(*config.penalty(prior)) for prior in ("local", "nonlocal"))
        self._local = partial(lower_window_ranks, h=windows, optimizer=optimizer)
        self._priors: dict[str, _Prior] = {
            "local": partial(self._local, effort=_LOCAL[config.quality]),
            "nonlocal": partial(
                lower_group_ranks, h=groups, optimizer=optimizer, effort=_NONLOCAL[config.quality]
            ),
        }
        if denoiser is not None:
            self._priors["network"] = partial(inpaint_plug_and_play, denoiser=denoiser.to(self.device))

    def __call__(self, prior: str, starts: Sequence[InpaintProblem]) -> list[Pixels]:
        """Return the images with their missing pixels improved.

        Args:
            prior: ``"local"``, ``"nonlocal"`` or ``"network"``.
            starts: Problems of one shape, with good estimates at the missing pixels. Known pixels keep their
                values; details smaller than their noise are not structure. Not modified.

        Raises:
            UsageError: The prior is ``network``, and there is no denoiser.
        """
        if prior not in self._priors:
            raise UsageError(f"the prior {prior} needs a denoiser", "load one, or use another prior")
        started = time.perf_counter()
        refined = self._run(prior, self._priors[prior], starts)
        seconds = (time.perf_counter() - started) / max(len(starts), 1)
        _log.info("prior %s: %.2f s on %s", prior, seconds, self.device)
        return refined

    def polish(self, starts: Sequence[InpaintProblem], errors: Sequence[float]) -> list[Pixels]:
        """Return nearly finished images improved by a short run of ``local``.

        Args:
            starts: As in `__call__`.
            errors: Expected errors of the missing pixels, on [0, 1]; smaller details are not smoothed.
        """
        most = torch.tensor(errors, dtype=torch.float32, device=self.device)
        return self._run("polish", partial(self._local, effort=_POLISH, most_error=most), starts)

    def _run(self, stage: str, prior: _Prior, starts: Sequence[InpaintProblem]) -> list[Pixels]:
        if not starts:
            return []

        def pixels(index: int, X: Tensor) -> Pixels:
            start = starts[index]
            return np.where(start.known[..., None], start.image, to_pixels(X).clip(0.0, 1.0))

        def report(index: int, number: int, count: int, penalty: float, X: Tensor) -> None:
            callback = starts[index].callback
            if callback is not None:
                callback(Progress(number, count, penalty, None, partial(pixels, index, X), stage))

        images = [as_channels(start.image, device=self.device, dtype=torch.float32) for start in starts]
        # Stacking keeps the memory order of the masks, but runs of pixels need contiguous rows.
        masks = np.ascontiguousarray(np.stack([start.known for start in starts]))
        known = torch.from_numpy(masks).to(self.device)
        levels = [start.noise for start in starts]
        noise = torch.tensor(levels, dtype=torch.float32, device=self.device)
        refined = prior(
            torch.stack(images), known, least_error=noise, progress=report, time_left=self.time_left
        )
        return [pixels(index, X) for index, X in enumerate(refined)]

    def time_left(self) -> bool:
        """Whether there is time for another round."""
        if self._deadline is not None and time.perf_counter() >= self._deadline:
            self.in_time = False
        return self.in_time
