"""Groups of similar patches: each a matrix with a patch, all channels together, in each row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import Tensor

from edlrr_cli.tasks.inpaint.priors.majorizer import Progress, errors_of, lower_penalty
from edlrr_cli.tasks.patch_groups import Groups, find_groups


@dataclass(frozen=True)
class Effort:
    """How much is done. Measured: see docs/decisions.md.

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
# Groups handled at once: on a CPU as many as its cache holds.
_CHUNK = {"cpu": 512, "cuda": 2048}


def lower_group_ranks(
    images: Tensor,
    known: Tensor,
    effort: Effort | None = None,
    *,
    least_error: Tensor | None = None,
    progress: Progress | None = None,
    time_left: Callable[[], bool] | None = None,
) -> Tensor:
    """Lower the penalty of groups of similar patches by changing the missing pixels.

    Args:
        images: Shape (b, c, h, w), floating; the missing pixels are the start, which must be a good guess:
            it decides which patches are similar. Not modified.
        known: Shape (b, h, w), bool, True = known pixel; they keep their values.
        effort: None for the usual one.
        least_error: Of the known pixels, on [0, 1], shape (b,): what is smaller is no structure. None: 0.
        progress: Told of each round.
        time_left: Asked before each round; the rounds end where it says False.

    Returns:
        Shape and dtype of the images, not clipped; of each what it comes to alone, but for rounding.

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
        errors=errors_of(_ERROR_START, _ERROR_END, effort.num_rounds, least=least),
        num_steps=_NUM_STEPS,
        progress=progress,
        time_left=time_left,
    )


def _groups_at(X: Tensor, hole: Tensor, matching: int, effort: Effort) -> list[Groups]:
    """Return the groups that have a missing pixel; every second grid lies between the others' patches.

    Args:
        X: Shape (b, h, w, c).
        hole: Shape (b, h, w), True = missing pixel.
        matching: Number of the grid.
        effort: Which groups.
    """
    return [
        _behind(groups, index * hole[0].numel())
        for index in range(len(hole))
        for groups in _groups_of_one(X[index], hole[index], matching, effort)
    ]


def _groups_of_one(X: Tensor, hole: Tensor, matching: int, effort: Effort) -> Iterator[Groups]:
    patch_px = min(effort.patch_px, *hole.shape)
    stride_px = min(_STRIDE_PX, patch_px)
    found = find_groups(
        X.permute(2, 0, 1).contiguous(),
        patch_px=patch_px,
        stride_px=stride_px,
        search_px=effort.search_px,
        num_similar=effort.num_similar,
        first_px=matching % 2 * (stride_px // 2),
    )
    missing = hole.to(X.dtype)[..., None]
    for groups in (chunk for part in found for chunk in part.chunks(_CHUNK[hole.device.type])):
        touched = groups.gather(missing).amax((1, 2)) > 0
        if touched.any():
            yield Groups(groups.corners[touched], groups.patch_px, groups.width_px)


def _behind(groups: Groups, num_px: int) -> Groups:
    """Return the groups of an image that has so many pixels before it."""
    return Groups(groups.corners + num_px, groups.patch_px, groups.width_px)
