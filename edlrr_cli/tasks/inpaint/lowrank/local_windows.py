"""Low-rank prior on local windows: the rows of a window's matrix are all its patches, channel by channel.

The rank of this matrix, of Hankel structure, is the number of waves, edges and shades in the window, so a low
rank continues them into the hole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from edlrr_cli.lrr.matrices.windows import Windows, WindowSize, windows_at
from edlrr_cli.lrr.series import Function
from edlrr_cli.tasks.inpaint.lowrank.majorizer import Progress, errors_of, lower_penalty
from edlrr_cli.tasks.inpaint.shrink import enlarged, is_enough_left, shrunk, wholly_known

_SIZE, _WIDE_SIZE = WindowSize(16, 6, 10), WindowSize(24, 10, 10)


@dataclass(frozen=True)
class Effort:
    """Computational effort. Measured: see docs/decisions.md.

    Attributes:
        num_rounds: Rounds, over which tau shrinks.
        num_steps: Conjugate gradient steps in each round.
        error_start: Error of the estimate that tau corresponds to in the first round, on [0, 1].
        error_end: The same in the last round.
        coarse: Whether wide holes are first filled in downscaled images.
        wide: Sizes used for images with wide holes.
    """

    num_rounds: int = 5
    num_steps: int = 8
    error_start: float = 0.03
    error_end: float = 0.002
    coarse: bool = True
    wide: WindowSize = _WIDE_SIZE


# An image is downscaled by a factor if at least the fraction _WIDE of its missing pixels lies in missing
# squares of more than _WIDTH * factor pixels a side, and enough pixels are known at that scale.
_FACTORS, _WIDTH, _WIDE = (8, 4, 2), 3, 0.25


def lower_window_ranks(
    images: Tensor,
    known: Tensor,
    h: Function,
    effort: Effort | None = None,
    *,
    optimizer: str = "cg",
    least_error: Tensor | None = None,
    most_error: Tensor | None = None,
    progress: Progress | None = None,
    time_left: Callable[[], bool] | None = None,
) -> Tensor:
    """Lower the penalty of local windows by changing the missing pixels.

    Args:
        images: Shape (b, c, h, w), floating; the missing pixels are the start. Not modified.
        known: Shape (b, h, w), bool, True = known pixel, whose value is kept.
        h: The function of the singular values.
        effort: None for the default.
        optimizer: As in `lower_penalty`.
        least_error: Error of the known pixels, on [0, 1], shape (b,); smaller details are ignored. None: 0.
        most_error: Error of the missing pixels at the start, on [0, 1], shape (b,); smaller details are not
            smoothed. None: no bound.
        progress: Called after each round at full scale.
        time_left: Called before each round; the rounds end when it returns False.

    Returns:
        Shape and dtype of the images, not clipped; up to rounding independent of the batch.

    Source: Jin, Ye, "Annihilating filter-based low-rank Hankel matrix approach for image inpainting", 2015.
    """
    effort = effort or Effort()
    least = images.new_zeros(len(images)) if least_error is None else least_error
    errors = errors_of(effort.error_start, effort.error_end, effort.num_rounds, least=least, most=most_error)
    lower = partial(lower_penalty, h=h, num_steps=effort.num_steps, optimizer=optimizer, time_left=time_left)
    result = torch.empty_like(images)
    for factors, indices in _indices_by_factors(known, coarse=effort.coarse).items():
        result[indices] = _coarse_to_fine(
            images[indices],
            known[indices],
            factors,
            partial(lower, errors=errors[:, indices]),
            wide=effort.wide,
            progress=None if progress is None else partial(_report_index, indices, progress),
        )
    return result


def _report_index(indices: Sequence[int], progress: Progress, index: int, *values: Any) -> None:
    """Report the progress of an image of a subset by its index in the whole batch."""
    progress(indices[index], *values)


def _coarse_to_fine(
    images: Tensor,
    known: Tensor,
    factors: Sequence[int],
    lower: Callable[..., Tensor],
    *,
    wide: WindowSize,
    progress: Progress | None,
) -> Tensor:
    """Lower the penalty in the images downscaled by each factor in turn, and then at full scale."""
    size = wide if factors else _SIZE
    X = images
    for factor in factors:
        small, small_known = shrunk(X, factor), wholly_known(known, factor)
        change = lower(small, small_known, partial(_windows_of_round, ~small_known, size)) - small
        X = X + enlarged(change, factor, known.shape[1:]) * ~known[:, None]
    return lower(X, known, partial(_windows_of_round, ~known, size), progress=progress)


def _windows_of_round(hole: Tensor, size: WindowSize, X: Tensor, number: int) -> list[Windows]:
    return windows_at(hole, size, number)


def _indices_by_factors(known: Tensor, *, coarse: bool) -> dict[tuple[int, ...], list[int]]:
    """Return the indices of the images by the factors by which they are downscaled."""
    indices: dict[tuple[int, ...], list[int]] = {}
    for index, mask in enumerate(known):
        indices.setdefault(tuple(_factors(mask)) if coarse else (), []).append(index)
    return indices


def _factors(known: Tensor) -> Iterator[int]:
    """Yield the factors by which an image (h, w) is downscaled to fill its wide holes first."""
    for factor in _FACTORS:
        square = _WIDTH * factor + 1
        if min(known.shape) < square or _fraction_in_squares(~known, square) < _WIDE:
            continue
        if is_enough_left(known, factor):
            yield factor


def _fraction_in_squares(hole: Tensor, side_px: int) -> float:
    """Return the fraction of the missing pixels that lie in wholly missing squares."""
    corners = 1 - _largest_in_squares(1 - hole[None].float(), side_px)
    squares = _largest_in_squares(functional.pad(corners, [side_px - 1] * 4), side_px)
    return float(squares.sum() / hole.sum().clamp_min(1))


def _largest_in_squares(values: Tensor, side_px: int) -> Tensor:
    """Return the maxima in all squares; in columns, then rows, which takes as many operations as sides."""
    return functional.max_pool2d(functional.max_pool2d(values, (side_px, 1), 1), (1, side_px), 1)
