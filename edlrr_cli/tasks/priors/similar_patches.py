"""Groups of similar patches: each a matrix with a patch, all channels together, in each column."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from edlrr_cli.tasks.patch_groups import Groups, find_groups
from edlrr_cli.tasks.priors.majorizer import Progress, lower_penalty


@dataclass(frozen=True)
class Effort:
    """How much is done. Measured: see DECISIONS.md.

    Attributes:
        patch_px: Side of the patches.
        search_px: How far to look for similar ones.
        num_similar: Patches in a group.
        num_rounds: In which tau shrinks.
        rounds_matched: Rounds before similar patches are looked for anew.
    """

    patch_px: int = 7
    search_px: int = 28
    num_similar: int = 36
    num_rounds: int = 8
    rounds_matched: int = 2


_STRIDE_PX, _NUM_STEPS = 4, 3
# The error of the estimate that tau stands for, on [0, 1], at the start and at the end.
_ERROR_START, _ERROR_END = 0.01, 0.002
# Groups handled at once.
_CHUNK = 512


def lower_group_ranks(
    image: Tensor,
    known: Tensor,
    effort: Effort | None = None,
    *,
    least_error: float = 0.0,
    progress: Progress | None = None,
    time_left: Callable[[], bool] | None = None,
) -> Tensor:
    """Lower the penalty of groups of similar patches by changing the missing pixels.

    Args:
        image: Shape (c, h, w), floating; the missing pixels are the start, which must be a good guess:
            it decides which patches are similar. Not modified.
        known: Shape (h, w), bool, True = known pixel; they keep their values.
        effort: None for the usual one.
        least_error: Of the known pixels, on [0, 1]: what is smaller is no structure.
        progress: Told of each round.
        time_left: Asked before each round; the rounds end where it says False.

    Returns:
        Shape and dtype of the image, not clipped.

    Source: Dong et al., "Compressive sensing via nonlocal low-rank regularization", 2014.
    """
    effort, hole = effort or Effort(), ~known
    groups: list[Groups] = []

    def groups_of(X: Tensor, number: int) -> list[Groups]:
        if number % effort.rounds_matched == 0:
            groups[:] = _groups_at(X, hole, number // effort.rounds_matched, effort)
        return groups

    errors = np.geomspace(_ERROR_START, _ERROR_END, effort.num_rounds).clip(least_error).tolist()
    return lower_penalty(
        image,
        known,
        groups_of,
        errors=errors,
        num_steps=_NUM_STEPS,
        progress=progress,
        time_left=time_left,
    )


def _groups_at(X: Tensor, hole: Tensor, matching: int, effort: Effort) -> list[Groups]:
    """Return the groups that have a missing pixel; every second grid lies between the others' patches."""
    patch_px = min(effort.patch_px, *hole.shape)
    stride_px = min(_STRIDE_PX, patch_px)
    found = find_groups(
        X,
        patch_px=patch_px,
        stride_px=stride_px,
        search_px=effort.search_px,
        num_similar=effort.num_similar,
        first_px=matching % 2 * (stride_px // 2),
    )
    missing = hole.to(X.dtype)[None]
    chunks = (chunk for part in found for chunk in part.chunks(_CHUNK))
    return [touched for chunk in chunks if len(touched := _touching(chunk, missing))]


def _touching(groups: Groups, missing: Tensor) -> Groups:
    touched = groups.gather(missing).amax((1, 2)) > 0
    return Groups(groups.corners[touched], groups.patch_px, groups.width_px)
