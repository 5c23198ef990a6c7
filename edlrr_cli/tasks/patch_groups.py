"""Groups of similar patches: found by block matching, gathered as matrices, put back as averages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from edlrr_cli.tasks.places import add_at, runs_of

# Distances held at once; sorting them takes 40 bytes each.
_MAX_NUMBERS = 2**23


@dataclass(frozen=True, eq=False)
class Groups:
    """Where similar patches lie in images.

    Attributes:
        corners: Upper left pixels, as places (see `edlrr_cli.tasks.places`), shape (g, k), int64; in each row
            the reference patch comes first, then the others by growing distance.
        patch_px: Side of the patches.
        width_px: Of the images.
    """

    corners: Tensor
    patch_px: int
    width_px: int

    def __len__(self) -> int:
        return len(self.corners)

    @property
    def places(self) -> Tensor:
        """Return where the reference patches lie, shape (g,)."""
        return self.corners[:, 0]

    def chunks(self, size: int) -> Iterator[Groups]:
        """Divide them, to bound memory."""
        for corners in torch.split(self.corners, size):
            yield Groups(corners, self.patch_px, self.width_px)

    def gather(self, images: Tensor) -> Tensor:
        """Return each group as a matrix with a patch in each row.

        Args:
            images: Shape (..., h, w, c), contiguous. Not modified.

        Returns:
            Shape (g, k, patch_px^2 c).
        """
        down = torch.arange(self.patch_px, device=self.corners.device) * self.width_px
        return runs_of(images, self.corners[:, :, None] + down, self.patch_px).flatten(2)

    def add_to(self, total: Tensor, weight: Tensor, matrices: Tensor, trust: Tensor) -> None:
        """Add the patches, weighted, to where they lie; in place.

        Args:
            total: Shape of the images, contiguous; grows by trust times the patches.
            weight: Shape (..., h, w, 1), contiguous; grows by the trust.
            matrices: As `gather` returns them.
            trust: Weight of each group, shape (g,).
        """
        self.add_patches(total, matrices * trust[:, None, None])
        self.add_trust(weight, trust)

    def add_patches(self, total: Tensor, matrices: Tensor) -> None:
        """Add the patches alone; in place, arguments as in `add_to`."""
        add_at(total, self._pixels(), matrices)

    def add_trust(self, weight: Tensor, trust: Tensor) -> None:
        """Add the weights alone; in place, arguments as in `add_to`."""
        pixels = self._pixels()
        add_at(weight, pixels, trust[:, None, None].expand(pixels.shape))

    def _pixels(self) -> Tensor:
        """Return the places of all pixels, shape (g, k, patch_px^2)."""
        side = torch.arange(self.patch_px, device=self.corners.device)
        return self.corners[:, :, None] + (side[:, None] * self.width_px + side).flatten()


def find_groups(
    image: Tensor, *, patch_px: int, stride_px: int, search_px: int, num_similar: int, first_px: int = 0
) -> Iterator[Groups]:
    """Find for patches on a grid those most similar in the square around them, by squared distance.

    Ties are broken by the order of rows, then of columns; so the outcome is the same each time.

    Args:
        image: Shape (c, h, w), floating and finite, both sides at least ``patch_px``. Not modified.
        patch_px: Side of the patches.
        stride_px: Between the patches of the grid, at most ``patch_px``.
        search_px: How far to look in each direction.
        num_similar: Patches in a group, the reference included; fewer if a search finds not so many.
        first_px: Where the grid begins, in both directions, at most ``patch_px``; patches at the borders
            always belong to it.

    Yields:
        Groups of some rows of the grid after another, as many as bounded memory allows.

    Source: Dabov et al., "Image denoising by sparse 3-D transform-domain collaborative filtering", 2007.
    """
    height, width = image.shape[1:]
    rows = _grid(height - patch_px, stride_px, first_px, image.device)
    columns = _grid(width - patch_px, stride_px, first_px, image.device)
    reach = min(search_px, height - patch_px), min(search_px, width - patch_px)
    down, across = 2 * reach[0] + 1, 2 * reach[1] + 1
    # A search from a corner of the image sees a quarter of the square.
    count = min(num_similar, (reach[0] + 1) * (reach[1] + 1))
    padded = functional.pad(image, (reach[1], reach[1], reach[0], reach[0]), value=torch.inf)
    num_rows = max(_MAX_NUMBERS // (down * across * len(columns)), 1)
    for some in torch.split(rows, num_rows):
        distances = _distances(image, padded, some, columns, patch_px, reach)
        nearest = _smallest(distances, count, first=reach[0] * across + reach[1])
        dy, dx = nearest // across - reach[0], nearest % across - reach[1]
        at = (some[:, None] * width + columns).flatten()
        yield Groups(at[:, None] + dy * width + dx, patch_px, width)


def _grid(last: int, stride_px: int, first_px: int, device: torch.device) -> Tensor:
    places = {0, last, *range(first_px, last + 1, stride_px)}
    return torch.tensor(sorted(places), device=device)


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
        # A sum over columns, then over rows: as many additions as a patch has sides, not pixels.
        strips = _sum_from(squared, 1, columns, patch_px)
        result[:, :, dy] = _sum_from(strips, 0, rows - first, patch_px)
    return result.flatten(2).flatten(0, 1)


def _sum_from(values: Tensor, dim: int, starts: Tensor, length: int) -> Tensor:
    total = values.index_select(dim, starts)
    for step in range(1, length):
        total += values.index_select(dim, starts + step)
    return total


def _smallest(distances: Tensor, count: int, *, first: int) -> Tensor:
    """Return the places of the smallest numbers of each row, in order; of equals ``first``, then by place."""
    # The bits of a positive float32, read as an integer, sort alike: with the place behind them no two are
    # the same, and topk, several times as fast as a stable sort, has no choice.
    places = torch.arange(distances.shape[1], device=distances.device)
    keys = distances.float().view(torch.int32).long() * len(places) + places
    keys[:, first] = -1
    return torch.topk(keys, count, dim=1, largest=False).indices
