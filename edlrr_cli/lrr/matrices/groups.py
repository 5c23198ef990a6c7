"""Groups of similar patches: found by block matching, gathered as matrices, aggregated as averages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from edlrr_cli.lrr.matrices.pixel_indices import add_at, runs_of
from edlrr_cli.lrr.matrices.product import product
from edlrr_cli.lrr.native.library import is_native
from edlrr_cli.lrr.native.matching import match
from edlrr_cli.lrr.native.products import add_group_products
from edlrr_cli.parallel import run_single_threaded

# Maximum number of distances of a thread in memory; sorting them takes 40 bytes each.
_MAX_NUMBERS = {"cpu": 2**20, "cuda": 2**23}


@dataclass(frozen=True, eq=False)
class Groups:
    """Positions of similar patches in images.

    Attributes:
        corners: Indices of the upper left pixels (see `edlrr_cli.lrr.matrices.pixel_indices`), shape (g, k),
            int64; in each row the reference patch comes first, then the others by increasing distance.
    """

    corners: Tensor
    patch_px: int
    width_px: int

    def __len__(self) -> int:
        return len(self.corners)

    @property
    def indices(self) -> Tensor:
        """Return the upper left pixels of the reference patches, shape (g,)."""
        return self.corners[:, 0]

    def chunks(self, size: int) -> Iterator[Groups]:
        """Split the groups into chunks, to bound memory."""
        for corners in torch.split(self.corners, size):
            yield Groups(corners, self.patch_px, self.width_px)

    def gather(self, images: Tensor) -> Tensor:
        """Return each group as a matrix whose rows are its patches.

        Args:
            images: Shape (..., h, w, c), contiguous. Not modified.

        Returns:
            Shape (g, k, patch_px^2 c).
        """
        down = torch.arange(self.patch_px, device=self.corners.device) * self.width_px
        return runs_of(images, self.corners[:, :, None] + down, self.patch_px).flatten(2)

    def add_to(self, total: Tensor, weight_sum: Tensor, matrices: Tensor, weights: Tensor) -> None:
        """Add weighted patches and their weights at their positions in the images; in place.

        Args:
            total: Sum of the weighted patches, shape of the images, contiguous.
            weight_sum: Sum of the weights, shape (..., h, w, 1), contiguous.
            matrices: Patches in the layout that `gather` returns.
            weights: Weight of each group, shape (g,).
        """
        self.add_patches(total, matrices * weights[:, None, None])
        self.add_weights(weight_sum, weights)

    def add_patches(self, total: Tensor, matrices: Tensor) -> None:
        """Add the patches only; in place, arguments as in `add_to`."""
        add_at(total, self._pixels(), matrices)

    def add_product(self, total: Tensor, images: Tensor, weights: Tensor, *, among_rows: bool) -> None:
        """Add the adjoint of `gather`, applied to the product of weights and matrices; in place."""
        if among_rows and is_native(total, images, weights):
            add_group_products(
                total, images, weights, self.corners, patch_px=self.patch_px, width_px=self.width_px
            )
        else:
            self.add_patches(total, product(self.gather(images), weights, among_rows=among_rows))

    def add_weights(self, weight_sum: Tensor, weights: Tensor) -> None:
        """Add the weights only; in place, arguments as in `add_to`."""
        pixels = self._pixels()
        add_at(weight_sum, pixels, weights[:, None, None].expand(pixels.shape))

    def _pixels(self) -> Tensor:
        """Return the indices of the pixels of all patches, shape (g, k, patch_px^2)."""
        side = torch.arange(self.patch_px, device=self.corners.device)
        return self.corners[:, :, None] + (side[:, None] * self.width_px + side).flatten()


def find_groups(
    images: Tensor,
    *,
    patch_px: int,
    stride_px: int,
    search_px: int,
    num_similar: int,
    first_px: int = 0,
    index: int = 0,
) -> Groups:
    """Find, for each patch on a grid, the most similar patches around it by squared distance.

    Ties are broken by the order of images, of rows, then of columns, so that the result is deterministic.

    Args:
        images: Shape (c, h, w), or (n, c, h, w) to search around the same position in several images;
            floating and finite, both sides at least ``patch_px``. Not modified.
        stride_px: Stride of the grid, at most ``patch_px``.
        search_px: Search radius in each direction.
        num_similar: Patches in a group, including the reference; fewer where the search windows have fewer.
        first_px: Offset of the grid in both directions, at most ``patch_px``; the patches at the borders
            always belong to the grid.
        index: The image of the grid.

    Returns:
        One group for each patch of the grid, row by row.

    Source: Dabov et al., "Image denoising by sparse 3-D transform-domain collaborative filtering", 2007. In
        several images: Dabov, Foi, Egiazarian, "Video denoising by sparse 3D transform-domain collaborative
        filtering", 2007.
    """
    stack = images if images.dim() == 4 else images[None]
    num_images, _, height, width = stack.shape
    rows = _grid(height - patch_px, stride_px, first_px, stack.device)
    columns = _grid(width - patch_px, stride_px, first_px, stack.device)
    reach = min(search_px, height - patch_px), min(search_px, width - patch_px)
    down, across = 2 * reach[0] + 1, 2 * reach[1] + 1
    # At a corner of the images, a quarter of the search windows lies inside them.
    count = min(num_similar, num_images * (reach[0] + 1) * (reach[1] + 1))
    padded = functional.pad(stack, (reach[1], reach[1], reach[0], reach[0]), value=torch.inf)

    def matched(rows: Tensor) -> Tensor:
        if is_native(stack):
            return match(stack, rows, columns, index=index, patch_px=patch_px, reach=reach, count=count)
        distances = torch.cat(
            [_distances(stack[index], each, rows, columns, patch_px, reach) for each in padded], 1
        )
        own = index * down * across + reach[0] * across + reach[1]
        nearest = _smallest(distances, count, first=own)
        image, offset = nearest // (down * across), nearest % (down * across)
        dy, dx = offset // across - reach[0], offset % across - reach[1]
        corners = (rows[:, None] * width + columns).flatten()
        return corners[:, None] + (image * height + dy) * width + dx

    num_rows = max(_MAX_NUMBERS[stack.device.type] // (num_images * down * across * len(columns)), 1)
    calls = [partial(matched, chunk) for chunk in torch.split(rows, num_rows)]
    parts = [call() for call in calls] if stack.is_cuda else run_single_threaded(calls)
    return Groups(torch.cat(parts), patch_px, width)


def _grid(last: int, stride_px: int, first_px: int, device: torch.device) -> Tensor:
    indices = {0, last, *range(first_px, last + 1, stride_px)}
    return torch.tensor(sorted(indices), device=device)


def _distances(
    image: Tensor, padded: Tensor, rows: Tensor, columns: Tensor, patch_px: int, reach: tuple[int, int]
) -> Tensor:
    """Return squared distances, shape (rows columns, offsets); infinite where a patch leaves the image."""
    down, across = 2 * reach[0] + 1, 2 * reach[1] + 1
    first, count = int(rows[0]), int(rows[-1] - rows[0]) + patch_px
    here = image[:, first : first + count, :, None]
    result = image.new_empty(len(rows), len(columns), down, across)
    for dy in range(down):
        there = padded[:, first + dy : first + dy + count].unfold(2, across, 1)
        squared = (there - here).square_().sum(0)
        # Summing over columns, then rows takes as many additions as a patch has sides, not pixels.
        strips = _sum_from(squared, 1, columns, patch_px)
        result[:, :, dy] = _sum_from(strips, 0, rows - first, patch_px)
    return result.flatten(2).flatten(0, 1)


def _sum_from(values: Tensor, dim: int, starts: Tensor, length: int) -> Tensor:
    total = values.index_select(dim, starts)
    for step in range(1, length):
        total += values.index_select(dim, starts + step)
    return total


def _smallest(distances: Tensor, count: int, *, first: int) -> Tensor:
    """Return the indices of the smallest values of each row in order; ties: ``first``, then by index."""
    # The bits of a positive float32, read as an integer, sort in the same order. With the index as the lower
    # digits all keys differ, so topk, several times as fast as a stable sort, is deterministic.
    indices = torch.arange(distances.shape[1], device=distances.device)
    keys = distances.float().view(torch.int32).long() * len(indices) + indices
    keys[:, first] = -1
    return torch.topk(keys, count, dim=1, largest=False).indices
