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

from edlrr_cli.lrr.spectral import Function
from edlrr_cli.tasks.inpaint.lowrank.majorizer import Progress, errors_of, lower_penalty
from edlrr_cli.tasks.inpaint.shrink import enlarged, is_enough_left, shrunk, wholly_known
from edlrr_cli.tasks.pixel_indices import add_at, runs_of


@dataclass(frozen=True)
class Size:
    """Side of the windows, side of the patches in them, and stride between windows, in pixels."""

    side_px: int
    patch_px: int
    stride_px: int


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
    wide: Size = Size(24, 10, 10)


_SIZE = Size(16, 6, 10)
# An image is downscaled by a factor if at least the fraction _WIDE of its missing pixels lies in missing
# squares of more than _WIDTH * factor pixels a side, and enough pixels are known at that scale.
_FACTORS, _WIDTH, _WIDE = (8, 4, 2), 3, 0.25
# Windows per batch: on a CPU as many as fit in its cache, on a GPU at most 0.3 GB.
_CHUNK = {"cpu": 32, "cuda": 1024}


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
    wide: Size,
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


def _windows_of_round(hole: Tensor, size: Size, X: Tensor, number: int) -> list[_Windows]:
    return _windows_at(hole, size, number)


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
    corners = 1 - functional.max_pool2d(1 - hole[None].float(), side_px, 1)
    squares = functional.max_pool2d(functional.pad(corners, [side_px - 1] * 4), side_px, 1)
    return float(squares.sum() / hole.sum().clamp_min(1))


@dataclass(frozen=True, eq=False)
class _Windows:
    """A batch of windows of one size.

    Attributes:
        indices: Upper left pixels, shape (g,), int64; see `edlrr_cli.tasks.pixel_indices`.
        side_px: (height, width) of the windows.
        patch_px: Side of the patches.
        width_px: Width of the images.
    """

    indices: Tensor
    side_px: tuple[int, int]
    patch_px: int
    width_px: int

    def __len__(self) -> int:
        return len(self.indices)

    def gather(self, images: Tensor) -> Tensor:
        """Return the matrices, shape (g, c k, patch_px^2), with k patches in a window."""
        height, width = self.side_px
        down = torch.arange(height, device=self.indices.device) * self.width_px
        runs = runs_of(images, self.indices[:, None] + down, width)
        windows = torch.unflatten(runs, 2, (width, -1)).permute(0, 3, 1, 2).contiguous()
        patches = windows.unfold(2, self.patch_px, 1).unfold(3, self.patch_px, 1)
        # Runs of adjacent patches are longer than those within a patch, and so faster to copy.
        return patches.permute(0, 4, 5, 1, 2, 3).reshape(len(self), self.patch_px**2, -1).mT

    def add_patches(self, total: Tensor, matrices: Tensor) -> None:
        """Add the adjoint of `gather`; in place."""
        patches = torch.unflatten(matrices.mT, 2, (total.shape[-1], -1)).transpose(1, 2)
        windows = functional.fold(patches.flatten(1, 2), self.side_px, self.patch_px)
        add_at(total, self._pixels(), windows.permute(0, 2, 3, 1))

    def add_weights(self, weight_sum: Tensor, weights: Tensor) -> None:
        """Add to each pixel the weight of every matrix entry taken from it; in place."""
        height, width = (side - self.patch_px + 1 for side in self.side_px)
        self.add_patches(weight_sum, weights[:, None, None].expand(-1, height * width, self.patch_px**2))

    def _pixels(self) -> Tensor:
        """Return the indices of all pixels, shape (g, side_px^2)."""
        down, across = (torch.arange(side, device=self.indices.device) for side in self.side_px)
        return self.indices[:, None] + (down[:, None] * self.width_px + across).flatten()


def _windows_at(hole: Tensor, size: Size, number: int) -> list[_Windows]:
    """Return the windows with at least one missing pixel, in batches.

    Args:
        hole: Shape (b, h, w), True = missing pixel.
        size: Sizes of windows and patches, reduced in images that are smaller.
        number: Number of the grid; odd grids are shifted by half a stride.
    """
    height, width = hole.shape[1:]
    sides = min(size.side_px, height), min(size.side_px, width)
    first_px = number % 2 * (size.stride_px // 2)
    rows, columns = (
        torch.tensor(sorted({0, last, *range(first_px, last + 1, size.stride_px)}), device=hole.device)
        for last in (height - sides[0], width - sides[1])
    )
    touched = functional.max_pool2d(hole.float(), sides, 1)[:, rows][:, :, columns] > 0
    firsts = torch.arange(len(hole), device=hole.device)[:, None, None] * (height * width)
    indices = (firsts + rows[:, None] * width + columns)[touched]
    patch_px = min(size.patch_px, *(max(side // 2, 1) for side in sides))
    return [
        _Windows(chunk, sides, patch_px, width)
        for chunk in torch.split(indices, _CHUNK[hole.device.type])
        if len(chunk)
    ]
