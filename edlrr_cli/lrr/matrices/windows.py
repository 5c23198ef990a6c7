"""Local windows of images: the rows of a window's matrix are all its patches, channel by channel."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from edlrr_cli.lrr.matrices.pixel_indices import add_at, runs_of
from edlrr_cli.lrr.matrices.product import product
from edlrr_cli.lrr.native.library import is_native
from edlrr_cli.lrr.native.products import add_window_products

# Windows per batch: on a CPU as many as fit in its cache, on a GPU at most 0.3 GB.
_CHUNK = {"cpu": 32, "cuda": 1024}


@dataclass(frozen=True)
class WindowSize:
    """Side of the windows, side of the patches in them, and stride between windows, in pixels."""

    side_px: int
    patch_px: int
    stride_px: int


@dataclass(frozen=True, eq=False)
class Windows:
    """A batch of windows of one size.

    Attributes:
        indices: Upper left pixels, shape (g,), int64; see `edlrr_cli.lrr.matrices.pixel_indices`.
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

    def add_product(self, total: Tensor, images: Tensor, weights: Tensor, *, among_rows: bool) -> None:
        """Add the adjoint of `gather`, applied to the product of weights and matrices; in place."""
        if not among_rows and is_native(total, images, weights):
            add_window_products(
                total,
                images,
                weights,
                self.indices,
                side_px=self.side_px,
                patch_px=self.patch_px,
                width_px=self.width_px,
            )
        else:
            self.add_patches(total, product(self.gather(images), weights, among_rows=among_rows))

    def add_weights(self, weight_sum: Tensor, weights: Tensor) -> None:
        """Add to each pixel the weight of every matrix entry taken from it; in place."""
        height, width = (side - self.patch_px + 1 for side in self.side_px)
        entries = weights.new_ones(1, self.patch_px**2, height * width)
        num_entries = functional.fold(entries, self.side_px, self.patch_px).flatten()
        add_at(weight_sum, self._pixels(), weights[:, None] * num_entries)

    def _pixels(self) -> Tensor:
        """Return the indices of all pixels, shape (g, side_px^2)."""
        down, across = (torch.arange(side, device=self.indices.device) for side in self.side_px)
        return self.indices[:, None] + (down[:, None] * self.width_px + across).flatten()


def windows_at(pixels: Tensor, size: WindowSize, number: int) -> list[Windows]:
    """Return the windows that contain at least one of the given pixels, in batches.

    Args:
        pixels: Shape (b, h, w), bool.
        size: Sizes of windows and patches, reduced in images that are smaller.
        number: Number of the grid; odd grids are shifted by half a stride.
    """
    height, width = pixels.shape[1:]
    sides = min(size.side_px, height), min(size.side_px, width)
    first_px = number % 2 * (size.stride_px // 2)
    rows, columns = (
        torch.tensor(sorted({0, last, *range(first_px, last + 1, size.stride_px)}), device=pixels.device)
        for last in (height - sides[0], width - sides[1])
    )
    down = functional.max_pool2d(pixels.float(), (sides[0], 1), 1)[:, rows]
    touched = functional.max_pool2d(down, (1, sides[1]), 1)[:, :, columns] > 0
    firsts = torch.arange(len(pixels), device=pixels.device)[:, None, None] * (height * width)
    indices = (firsts + rows[:, None] * width + columns)[touched]
    patch_px = min(size.patch_px, *(max(side // 2, 1) for side in sides))
    return [
        Windows(chunk, sides, patch_px, width)
        for chunk in torch.split(indices, _CHUNK[pixels.device.type])
        if len(chunk)
    ]
