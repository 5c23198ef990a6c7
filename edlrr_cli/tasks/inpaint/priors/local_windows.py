"""Local windows: each a matrix with every patch of the window, channel by channel, in a row of its own.

Such a matrix, of Hankel structure, has the rank of the number of waves, edges and shades in the window, so it
continues them into the hole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from edlrr_cli.tasks.inpaint.priors.majorizer import Progress, errors_of, lower_penalty
from edlrr_cli.tasks.inpaint.shrink import enlarged, is_enough_left, shrunk, wholly_known
from edlrr_cli.tasks.places import add_at, runs_of


@dataclass(frozen=True)
class Size:
    """Sides of windows and of the patches in them, and the stride from window to window, in pixels."""

    side_px: int
    patch_px: int
    stride_px: int


@dataclass(frozen=True)
class Effort:
    """How much is done. Measured: see docs/decisions.md.

    Attributes:
        num_rounds: In which tau shrinks.
        num_steps: Of conjugate gradients in each.
        error_start: The error of the estimate that tau stands for at the start, on [0, 1].
        error_end: The same at the end.
        coarse: Whether wide holes are filled in smaller pictures first.
        wide: Size of the windows where there are wide holes.
    """

    num_rounds: int = 5
    num_steps: int = 8
    error_start: float = 0.03
    error_end: float = 0.002
    coarse: bool = True
    wide: Size = Size(24, 10, 10)


_SIZE = Size(16, 6, 10)
# A picture smaller by a factor helps with holes that hold squares of so many times the factor, if such are
# so much of all holes, and if enough is known in it.
_FACTORS, _WIDTH, _WIDE = (8, 4, 2), 3, 0.25
# Windows handled at once: on a CPU as many as its cache holds, on a GPU what takes 0.3 GB at most.
_CHUNK = {"cpu": 32, "cuda": 1024}


def lower_window_ranks(
    images: Tensor,
    known: Tensor,
    effort: Effort | None = None,
    *,
    least_error: Tensor | None = None,
    most_error: Tensor | None = None,
    progress: Progress | None = None,
    time_left: Callable[[], bool] | None = None,
) -> Tensor:
    """Lower the penalty of local windows by changing the missing pixels.

    Args:
        images: Shape (b, c, h, w), floating; the missing pixels are the start. Not modified.
        known: Shape (b, h, w), bool, True = known pixel; they keep their values.
        effort: None for the usual one.
        least_error: Of the known pixels, on [0, 1], shape (b,): what is smaller is no structure. None: 0.
        most_error: Of the missing pixels, on [0, 1], shape (b,): what is smaller than that at the start is
            not smoothed away. None: no bound.
        progress: Told of each round, but of those in smaller pictures.
        time_left: Asked before each round; the rounds end where it says False.

    Returns:
        Shape and dtype of the images, not clipped; of each what it comes to alone, but for rounding.

    Source: Jin, Ye, "Annihilating filter-based low-rank Hankel matrix approach for image inpainting", 2015.
    """
    effort = effort or Effort()
    least = images.new_zeros(len(images)) if least_error is None else least_error
    errors = errors_of(effort.error_start, effort.error_end, effort.num_rounds, least=least, most=most_error)
    result = torch.empty_like(images)
    for factors, alike in _alike(known, coarse=effort.coarse).items():
        result[alike] = _coarse_to_fine(
            images[alike],
            known[alike],
            factors,
            wide=effort.wide,
            errors=errors[:, alike],
            num_steps=effort.num_steps,
            progress=None if progress is None else partial(_tell_as, alike, progress),
            time_left=time_left,
        )
    return result


def _tell_as(indices: Sequence[int], progress: Progress, index: int, *told: Any) -> None:
    """Tell of one of some images by its index among all."""
    progress(indices[index], *told)


def _coarse_to_fine(
    images: Tensor,
    known: Tensor,
    factors: Sequence[int],
    *,
    wide: Size,
    errors: Tensor,
    num_steps: int,
    progress: Progress | None,
    time_left: Callable[[], bool] | None,
) -> Tensor:
    """Lower the penalty in pictures smaller by the factors, one after another, and then in those given."""
    size = wide if factors else _SIZE

    def lower(X: Tensor, known: Tensor, progress: Progress | None = None) -> Tensor:
        return lower_penalty(
            X,
            known,
            lambda X, number: _windows_at(~known, size, number),
            errors=errors,
            num_steps=num_steps,
            progress=progress,
            time_left=time_left,
        )

    X = images
    for factor in factors:
        small, small_known = shrunk(X, factor), wholly_known(known, factor)
        change = lower(small, small_known) - small
        X = X + enlarged(change, factor, known.shape[1:]) * ~known[:, None]
    return lower(X, known, progress)


def _alike(known: Tensor, *, coarse: bool) -> dict[tuple[int, ...], list[int]]:
    """Return which images have wide holes that are filled in the same smaller pictures, by the factors."""
    alike: dict[tuple[int, ...], list[int]] = {}
    for index, of in enumerate(known):
        alike.setdefault(tuple(_factors(of)) if coarse else (), []).append(index)
    return alike


def _factors(known: Tensor) -> Iterator[int]:
    """Yield by how much smaller the pictures are in which wide holes (h, w) are filled first."""
    for factor in _FACTORS:
        square = _WIDTH * factor + 1
        if min(known.shape) < square or _share_of_squares(~known, square) < _WIDE:
            continue
        if is_enough_left(known, factor):
            yield factor


def _share_of_squares(hole: Tensor, side_px: int) -> float:
    """Return the share of the missing pixels that lie in squares without a known one."""
    corners = 1 - functional.max_pool2d(1 - hole[None].float(), side_px, 1)
    squares = functional.max_pool2d(functional.pad(corners, [side_px - 1] * 4), side_px, 1)
    return float(squares.sum() / hole.sum().clamp_min(1))


@dataclass(frozen=True, eq=False)
class _Windows:
    """Some windows of one size.

    Attributes:
        places: Upper left pixels, shape (g,), int64; see `edlrr_cli.tasks.places`.
        side_px: Of the windows, (height, width).
        patch_px: Side of the patches.
        width_px: Of the images.
    """

    places: Tensor
    side_px: tuple[int, int]
    patch_px: int
    width_px: int

    def __len__(self) -> int:
        return len(self.places)

    def gather(self, images: Tensor) -> Tensor:
        """Return the matrices, shape (g, c k, patch_px^2), k patches in a window."""
        height, width = self.side_px
        down = torch.arange(height, device=self.places.device) * self.width_px
        runs = runs_of(images, self.places[:, None] + down, width)
        windows = torch.unflatten(runs, 2, (width, -1)).permute(0, 3, 1, 2).contiguous()
        patches = windows.unfold(2, self.patch_px, 1).unfold(3, self.patch_px, 1)
        # Copied by runs of patches beside one another, which are longer than those within a patch.
        return patches.permute(0, 4, 5, 1, 2, 3).reshape(len(self), self.patch_px**2, -1).mT

    def add_patches(self, total: Tensor, matrices: Tensor) -> None:
        """Add the adjoint of `gather`; in place."""
        patches = torch.unflatten(matrices.mT, 2, (total.shape[-1], -1)).transpose(1, 2)
        windows = functional.fold(patches.flatten(1, 2), self.side_px, self.patch_px)
        add_at(total, self._pixels(), windows.permute(0, 2, 3, 1))

    def add_trust(self, weight: Tensor, trust: Tensor) -> None:
        """Add to each pixel the trust of every entry that is made of it; in place."""
        height, width = (side - self.patch_px + 1 for side in self.side_px)
        self.add_patches(weight, trust[:, None, None].expand(-1, height * width, self.patch_px**2))

    def _pixels(self) -> Tensor:
        """Return the places of all pixels, shape (g, side_px^2)."""
        down, across = (torch.arange(side, device=self.places.device) for side in self.side_px)
        return self.places[:, None] + (down[:, None] * self.width_px + across).flatten()


def _windows_at(hole: Tensor, size: Size, number: int) -> list[_Windows]:
    """Return the windows that have a missing pixel; every second grid lies between the others' windows.

    Args:
        hole: Shape (b, h, w), True = missing pixel.
        size: Of the windows, which are smaller in smaller images.
        number: Of the grid.
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
    places = (firsts + rows[:, None] * width + columns)[touched]
    patch_px = min(size.patch_px, *(max(side // 2, 1) for side in sides))
    return [
        _Windows(some, sides, patch_px, width)
        for some in torch.split(places, _CHUNK[hole.device.type])
        if len(some)
    ]
