"""The penalty of small matrices of images as a term for any loss: local windows or similar patches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from edlrr_cli.errors import UsageError
from edlrr_cli.lrr import operators
from edlrr_cli.lrr.matrices.groups import Groups, find_groups
from edlrr_cli.lrr.matrices.product import centered
from edlrr_cli.lrr.matrices.protocol import Matrices
from edlrr_cli.lrr.matrices.windows import WindowSize, windows_at
from edlrr_cli.lrr.names import nearest
from edlrr_cli.lrr.precision import at_least_float32
from edlrr_cli.lrr.series import make_function

MATRICES = ("windows", "groups")
# Windows of all their patches; groups of patches similar to one on a grid.
_WINDOW = WindowSize(side_px=16, patch_px=6, stride_px=8)
_PATCH_PX, _STRIDE_PX, _SEARCH_PX, _NUM_SIMILAR = 7, 4, 18, 36
# Groups per batch, which bounds the memory.
_CHUNK = 512


class PatchLowRank(nn.Module):
    """Mean penalty of the small matrices of images, differentiable, for images of any network.

        R(X) = (1 / G) sum_g sum_i h(sigma_i(P_g X) / scale_g)

    P_g extracts matrix g of G and subtracts the mean of its rows. ``"windows"``: all 6 x 6 patches of a
    window of 16 x 16 pixels are the rows, a Hankel structure. ``"groups"``: the rows are 7 x 7 patches
    similar to one on a grid, by block matching in each call. Memory is bounded by chunks of matrices.

    Args:
        matrices: ``"windows"`` or ``"groups"``.
        reg: One of `edlrr_cli.lrr.names.REG_NAMES`.
        gamma: As in `edlrr_cli.lrr.regularizer.lowrank_penalty`.
        scale: Scale of the singular values of every matrix; None: as in `lowrank_penalty`, for each matrix.
        backend: As in `lowrank_penalty`.

    Raises:
        UsageError: Unknown matrices or reg, or gamma outside its domain.

    Source: Jin, Ye, "Annihilating filter-based low-rank Hankel matrix approach for image inpainting", 2015
        (windows); Dong et al., "Compressive sensing via nonlocal low-rank regularization", 2014 (groups).

    Example:
        >>> X = torch.rand(2, 3, 40, 40, generator=torch.Generator().manual_seed(0), requires_grad=True)
        >>> R = PatchLowRank("windows")(X)
        >>> R.sum().backward()
        >>> R.shape, X.grad.shape
        (torch.Size([2]), torch.Size([2, 3, 40, 40]))
    """

    def __init__(
        self,
        matrices: str = "groups",
        reg: str = "laguerre-gamma",
        *,
        gamma: float | None = None,
        scale: float | None = None,
        backend: str = "auto",
    ) -> None:
        super().__init__()
        if matrices not in MATRICES:
            raise UsageError(f"unknown matrices {matrices!r}", nearest(matrices, MATRICES))
        make_function(reg, gamma)
        if scale is not None and not scale > 0:
            raise UsageError(f"scale must be positive, got {scale}", "omit it to derive it from the spectrum")
        self.matrices = matrices
        self.reg, self.gamma, self.scale, self.backend = reg, gamma, scale, backend

    @property
    def matrix_shape(self) -> tuple[int, int]:
        """Return rows and columns of each matrix of a large gray image."""
        if self.matrices == "windows":
            return (_WINDOW.side_px - _WINDOW.patch_px + 1) ** 2, _WINDOW.patch_px**2
        return _NUM_SIMILAR, _PATCH_PX**2

    def forward(self, images: Tensor) -> Tensor:
        """Return R of each image.

        Args:
            images: Shape (b, c, h, w), float32 or float64, or 16 bits, which become float32; h, w >= 2.

        Returns:
            Shape (b,), differentiable once; the positions of the groups are constant in the gradient.
        """
        if images.ndim != 4 or not images.is_floating_point() or min(images.shape[-2:]) < 2:
            raise UsageError(
                f"images: expected floats of shape (b, c, h, w), h, w >= 2, got {images.dtype} "
                f"{tuple(images.shape)}"
            )
        value: Tensor = _PatchPenalty.apply(at_least_float32(images), self)  # type: ignore[no-untyped-call]
        return value

    def extra_repr(self) -> str:
        """Show the settings in ``print(module)``."""
        return f"matrices={self.matrices!r}, reg={self.reg!r}, gamma={self.gamma}, scale={self.scale}"

    def families(self, X: Tensor) -> Iterator[Matrices]:
        """Yield the matrices of images of shape (b, h, w, c), in chunks."""
        if self.matrices == "windows":
            yield from windows_at(torch.ones(X.shape[:3], dtype=torch.bool, device=X.device), _WINDOW, 0)
            return
        patch_px = min(_PATCH_PX, *X.shape[1:3])
        for index, image in enumerate(X):
            found = find_groups(
                image.permute(2, 0, 1).contiguous(),
                patch_px=patch_px,
                stride_px=min(_STRIDE_PX, patch_px),
                search_px=_SEARCH_PX,
                num_similar=_NUM_SIMILAR,
            )
            for groups in found.chunks(_CHUNK):
                yield Groups(groups.corners + index * image[..., 0].numel(), patch_px, X.shape[2])


class _PatchPenalty(torch.autograd.Function):
    """Value and gradient, chunk by chunk."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, term: PatchLowRank) -> Tensor:
        X = images.detach().permute(0, 2, 3, 1).contiguous()
        value, counts = X.new_zeros(len(X)), X.new_zeros(len(X))
        gradient = torch.zeros_like(X)
        scale = None if term.scale is None else torch.tensor(term.scale, dtype=torch.float64, device=X.device)
        for some in term.families(X):
            S = centered(some.gather(X))
            R, slope, _ = operators.penalty(S, scale, term.reg, term.gamma, term.backend)
            image = some.indices // X[0, ..., 0].numel()
            value.index_add_(0, image, R)
            counts.index_add_(0, image, torch.ones_like(R))
            some.add_patches(gradient, centered(slope))
        ctx.save_for_backward((gradient / counts[:, None, None, None]).permute(0, 3, 1, 2))
        return value / counts

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
        (gradient,) = ctx.saved_tensors
        return upstream[:, None, None, None] * gradient, None
