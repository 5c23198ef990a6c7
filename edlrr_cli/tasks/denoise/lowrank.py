"""Denoising without a network: the low-rank penalty on groups of similar patches."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from edlrr_cli.lrr.series import make_function
from edlrr_cli.lrr.spectral import Function
from edlrr_cli.tasks.denoise.patch_groups import Groups, find_groups

#: Called after each pass with how many there were and how many there are.
Progress = Callable[[int, int], None]

DEFAULT_REG = "exact-gamma"

_NUM_PASSES = 4
_LAMBDA = 0.3
_FEEDBACK = 0.1
_LEFT_OVER = 0.6
_STRIDE_PX, _SEARCH_PX = 4, 15
_CHUNK = 1024
_NUM_INNER = 4


def denoise_lowrank(
    image: Tensor,
    sigma: float,
    *,
    reg: str = DEFAULT_REG,
    gamma: float | None = None,
    progress: Progress | None = None,
) -> Tensor:
    """Lower the rank of groups of similar patches, pass by pass.

    In each pass every group S of k patches with m values, less its mean patch, becomes

        argmin_S |S - Y|^2 / 2 + lambda t^2 R(S / t),  t = sigma (sqrt(m) + sqrt(k)),

    where t is the largest singular value of the noise alone; the groups are averaged, those of low rank
    weighing more, and a tenth of what was taken off is given back before the next pass.

    Args:
        image: Noisy, shape (c, h, w), floating; all channels of a patch are one column. Not modified.
        sigma: Standard deviation of the noise, on the scale of the image, more than 0.
        reg: Penalty, one of `edlrr_cli.lrr.names.REG_NAMES`.
        gamma: Its shape; None for its default.
        progress: Called after each pass.

    Returns:
        Shape and dtype of the image, not clipped.

    Source: the passes: Gu et al., "Weighted nuclear norm minimization and its applications to low level
        vision", 2017, where the penalty is a logarithm.
    """
    h = make_function(reg, gamma)
    patch_px = min(_patch_px(sigma), *image.shape[1:])
    result, left = image, sigma
    groups = None
    for number in range(_NUM_PASSES):
        given = result + _FEEDBACK * (image - result)
        if number:
            removed = float((given - image).square().mean())
            left = _LEFT_OVER * max(sigma**2 - removed, 0.0) ** 0.5
        if number % 2 == 0 or groups is None:
            groups = find_groups(
                given,
                patch_px=patch_px,
                stride_px=_STRIDE_PX,
                search_px=_SEARCH_PX,
                num_similar=_num_similar(sigma),
            )
        result = _pass(given, left, h, groups)
        if progress is not None:
            progress(number + 1, _NUM_PASSES)
    return result


def _patch_px(sigma: float) -> int:
    """Return larger patches for stronger noise, as published for weighted nuclear norms."""
    return 6 if sigma <= 20 / 255 else 7 if sigma <= 40 / 255 else 8


def _num_similar(sigma: float) -> int:
    return 70 if sigma <= 20 / 255 else 90 if sigma <= 40 / 255 else 120


def _pass(image: Tensor, sigma: float, h: Function, groups: Groups) -> Tensor:
    total, weight = torch.zeros_like(image), torch.zeros_like(image[0])
    for chunk in groups.chunks(_CHUNK):
        matrices, trust = _shrink(chunk.gather(image), sigma, h)
        chunk.add_to(total, weight, matrices, trust)
    return total / weight


def _shrink(matrices: Tensor, sigma: float, h: Function) -> tuple[Tensor, Tensor]:
    """Return matrices of lower rank, and how far to trust each, shape (g,)."""
    mean = matrices.mean(2, keepdim=True)
    Y = matrices - mean
    rows, columns = Y.shape[1:]
    edge = sigma * (rows**0.5 + columns**0.5)
    wide = Y if rows <= columns else Y.mT
    # In float64: the Gram matrix squares the condition number.
    eigenvalues, U = torch.linalg.eigh(wide.double() @ wide.double().mT)
    singular = eigenvalues.clamp_min(0).sqrt()
    kept = shrunk_values(singular, edge, h)
    factor = (kept / singular.clamp_min(torch.finfo(torch.float64).tiny)).to(Y.dtype)
    U = U.to(Y.dtype)
    low = (U * factor[:, None, :]) @ (U.mT @ wide)
    rank = (kept > 0).sum(1)
    trust = 1 / (1 + rank.to(Y.dtype))
    return (low if rows <= columns else low.mT) + mean, trust


def shrunk_values(singular: Tensor, edge: float, h: Function) -> Tensor:
    """Return argmin_s (s - y)^2 / 2 + lambda t^2 h(s / t) for every singular value y.

    By reweighting: the penalty is replaced by its tangent, from above, and 0 is where that leads below it.

    Args:
        singular: y, any shape, not negative.
        edge: t, the largest singular value of noise alone.
        h: The penalty; a series is taken no farther than its range.
    """
    values = singular
    for _ in range(_NUM_INNER):
        slope = h.derivative((values / edge).clamp(max=h.x_max))
        values = (singular - _LAMBDA * edge * slope).clamp_min(0)
    return values
