"""Nonlocal low-rank prior on groups of similar patches: each row of a group's matrix is one patch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import Tensor

from edlrr_cli.lrr.matrices.groups import Groups, find_groups
from edlrr_cli.lrr.series import Function
from edlrr_cli.tasks.inpaint.lowrank.majorizer import Progress, errors_of, lower_penalty


@dataclass(frozen=True)
class Effort:
    """Computational effort. Measured: see docs/decisions.md.

    Attributes:
        patch_px: Side of the patches.
        stride_px: Stride between the patches that have a group.
        search_px: Search radius for similar patches.
        num_similar: Patches in a group.
        num_rounds: Rounds, over which tau shrinks.
        rounds_matched: Rounds between two searches for similar patches.
    """

    patch_px: int = 7
    stride_px: int = 4
    search_px: int = 28
    num_similar: int = 36
    num_rounds: int = 8
    rounds_matched: int = 2


_NUM_STEPS = 3
# Error of the estimate that tau corresponds to, on [0, 1], in the first and the last round.
_ERROR_START, _ERROR_END = 0.01, 0.002
# Groups per batch: on a CPU as many as fit in its cache.
_CHUNK = {"cpu": 512, "cuda": 2048}


def lower_group_ranks(
    images: Tensor,
    known: Tensor,
    h: Function,
    effort: Effort | None = None,
    *,
    optimizer: str = "cg",
    least_error: Tensor | None = None,
    progress: Progress | None = None,
    time_left: Callable[[], bool] | None = None,
) -> Tensor:
    """Lower the penalty of groups of similar patches by changing the missing pixels.

    Args:
        images: Shape (b, c, h, w), floating; the missing pixels are the start, which must be a good estimate
            because it decides which patches are similar. Not modified.
        known: Shape (b, h, w), bool, True = known pixel, whose value is kept.
        h: The function of the singular values.
        effort: None for the default.
        optimizer: As in `lower_penalty`.
        least_error: Error of the known pixels, on [0, 1], shape (b,); smaller details are ignored. None: 0.
        progress: Called after each round.
        time_left: Called before each round; the rounds end when it returns False.

    Returns:
        Shape and dtype of the images, not clipped; up to rounding independent of the batch.

    Source: Dong et al., "Compressive sensing via nonlocal low-rank regularization", 2014.
    """
    effort, hole = effort or Effort(), ~known
    groups: list[Groups] = []

    def groups_of(X: Tensor, number: int) -> list[Groups]:
        if number % effort.rounds_matched == 0:
            groups[:] = _groups_at(X, hole, number // effort.rounds_matched, effort)
        return groups

    least = images.new_zeros(len(images)) if least_error is None else least_error
    return lower_penalty(
        images,
        known,
        groups_of,
        h,
        errors=errors_of(_ERROR_START, _ERROR_END, effort.num_rounds, least=least),
        num_steps=_NUM_STEPS,
        optimizer=optimizer,
        progress=progress,
        time_left=time_left,
    )


def _groups_at(X: Tensor, hole: Tensor, matching: int, effort: Effort) -> list[Groups]:
    """Return the groups with at least one missing pixel, in batches.

    Args:
        X: Shape (b, h, w, c).
        hole: Shape (b, h, w), True = missing pixel.
        matching: Number of the grid of reference patches; odd grids are shifted by half a stride.
        effort: Sizes of patches and groups, and the search radius.
    """
    return [
        _shifted(groups, index * hole[0].numel())
        for index in range(len(hole))
        for groups in _groups_of_one(X[index], hole[index], matching, effort)
    ]


def _groups_of_one(X: Tensor, hole: Tensor, matching: int, effort: Effort) -> Iterator[Groups]:
    patch_px = min(effort.patch_px, *hole.shape)
    stride_px = min(effort.stride_px, patch_px)
    found = find_groups(
        X.permute(2, 0, 1).contiguous(),
        patch_px=patch_px,
        stride_px=stride_px,
        search_px=effort.search_px,
        num_similar=effort.num_similar,
        first_px=matching % 2 * (stride_px // 2),
    )
    missing = hole.to(X.dtype)[..., None]
    for groups in found.chunks(_CHUNK[hole.device.type]):
        touched = groups.gather(missing).amax((1, 2)) > 0
        if touched.any():
            yield Groups(groups.corners[touched], groups.patch_px, groups.width_px)


def _shifted(groups: Groups, num_px: int) -> Groups:
    """Return the groups with ``num_px`` added to their pixel indices."""
    return Groups(groups.corners + num_px, groups.patch_px, groups.width_px)
