"""What all families of small matrices have in common."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Matrices(Protocol):
    """A batch of g matrices of one size, each made of the pixels of one of b images (b, h, w, c)."""

    @property
    def indices(self) -> Tensor:
        """Return the index of a pixel of each (see `edlrr_cli.lrr.matrices.pixel_indices`), shape (g,)."""

    def __len__(self) -> int:
        """Return the number of matrices."""

    def gather(self, images: Tensor) -> Tensor:
        """Return the matrices, shape (g, k, m); linear in the images."""

    def add_patches(self, total: Tensor, matrices: Tensor) -> None:
        """Add the adjoint of `gather` to images; in place."""

    def add_product(self, total: Tensor, images: Tensor, weights: Tensor, *, among_rows: bool) -> None:
        """Add the adjoint of `gather`, applied to `edlrr_cli.lrr.matrices.product.product`; in place."""

    def add_weights(self, weight_sum: Tensor, weights: Tensor) -> None:
        """Add to each pixel, shape (b, h, w, 1), the weight of every matrix entry taken from it; in place."""
