"""The stages of a restoration: which holes are restored first, in which windows, and with how much effort."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from edlrr_cli.tasks.inpaint.config import Config
from edlrr_cli.tasks.inpaint.geometry import Window
from edlrr_cli.tasks.inpaint.problem import Bools, InpaintProblem, seen_of
from edlrr_cli.tasks.inpaint.shrink import is_enough_left
from edlrr_cli.tasks.inpaint.specks import specks_of
from edlrr_cli.tasks.inpaint.windows import is_small, num_px, windows_of

# Quality "auto": maximum number of pixels in all windows, by quality. Measured: see docs/decisions.md.
_UP_TO_PX = {"balanced": 0.5e6, "fast": 1e6}
# A draft of more than so many pixels is restored in a downscaled image, if enough pixels are known there.
_DRAFT_PX, _FACTORS = 1.3e6, (1, 2, 4, 8)
# Specks are a stage if their windows have at most this fraction of the pixels of all windows.
_MOST_FOR_SPECKS = 0.25


@dataclass(frozen=True, eq=False)
class Stage:
    """Holes of an image that are restored before others.

    Attributes:
        missing: Shape (h, w), True = pixel that is restored in this stage.
        windows: Windows around them.
        quality: One of `edlrr_cli.tasks.inpaint.config.QUALITIES` except ``"auto"``.
        factor: Factor by which the windows are downscaled.
    """

    missing: Bools
    windows: Sequence[Window]
    quality: str
    factor: int = 1


def stages_of(problem: InpaintProblem, config: Config) -> list[Stage]:
    """Return the stages of an image: one, or if much has to be computed its specks and then the rest.

    Specks are restored at full size with little effort, since more gains nothing there; the effort of the
    other holes follows the pixels of their windows.
    """
    known, visible = problem.known, problem.visible
    windows = windows_of(known, visible=visible)
    quality = quality_of(config.quality, num_px(windows))
    is_auto = config.quality == "auto" and quality != "balanced"
    if config.prior != "auto" or is_small(known) or not (is_auto or quality == "draft"):
        return [Stage(~known, windows, quality)]
    stages, specks = [], specks_of(known, visible)
    if specks.windows and num_px(specks.windows) <= _MOST_FOR_SPECKS * num_px(windows):
        stages, known = [Stage(specks.missing, specks.windows, "draft")], known | specks.missing
    return stages if known.all() else [*stages, _rest(known, visible, config.quality)]


def _rest(known: Bools, visible: Bools | None, requested: str) -> Stage:
    """Return the stage of all missing pixels; a draft of many pixels is downscaled."""
    windows = windows_of(known, visible=visible)
    quality = quality_of(requested, num_px(windows))
    factor = _factor(seen_of(known, visible), windows) if quality == "draft" else 1
    if factor > 1:
        windows = windows_of(known, factor, visible=visible)
    return Stage(~known, windows, quality, factor)


def quality_of(requested: str, window_px: int) -> str:
    """Return the quality to use; ``"auto"`` is resolved by the number of pixels in the windows."""
    if requested != "auto":
        return requested
    return next((name for name, most_px in _UP_TO_PX.items() if window_px <= most_px), "draft")


def _factor(known: Bools, windows: Sequence[Window]) -> int:
    """Return the factor by which a draft is downscaled, such that enough pixels are known there."""
    count = num_px(windows)
    factor = next((factor for factor in _FACTORS if count <= _DRAFT_PX * factor**2), _FACTORS[-1])
    while factor > 1 and not is_enough_left(torch.from_numpy(known), factor):
        factor //= 2
    return factor
