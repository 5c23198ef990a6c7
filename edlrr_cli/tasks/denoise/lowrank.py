"""Denoising without a network: the low-rank penalty on groups of similar patches."""

from __future__ import annotations

from functools import partial
from itertools import islice

import torch
from torch import Tensor

from edlrr_cli.lrr.linear_algebra import shaped_like, wide_of
from edlrr_cli.lrr.matrices.groups import Groups, find_groups
from edlrr_cli.lrr.series import Function, make_function
from edlrr_cli.parallel import num_workers, run_single_threaded, single_threaded_calls
from edlrr_cli.tasks.denoise.config import DEFAULT_REG
from edlrr_cli.tasks.denoise.tiles import Progress

# Measured: see docs/decisions.md. Finer grids, wider searches and more passes gain a few hundredths of a dB.
_PATCH_PX, _STRIDE_PX, _SEARCH_PX = 6, 4, 18
_NUM_FIRST, _NUM_LATER, _NUM_LATER_COLOR = 60, 36, 72
# After the first pass, smooth parts of very noisy images need larger patches.
_LARGE_PATCH_PX, _LARGE_FROM = 8, 40 / 255
_NUM_PASSES = 3
# In the first pass, singular values below the first fraction of the largest of pure noise vanish. In the
# others, a singular value is halved if its square in the estimate is the second fraction of the mean square
# of those of noise.
_EDGE_FRACTION, _NOISE_FRACTION = 0.95, 0.9
_NUM_REWEIGHTED = 8
_GRID = 2000
# Groups per batch of decompositions.
_CHUNK = 1024
_TINY = 1e-30
_CUTOFF = 1e-6


def denoise_lowrank(
    image: Tensor,
    sigma: float,
    *,
    reg: str = DEFAULT_REG,
    gamma: float | None = None,
    pilot: Tensor | None = None,
    progress: Progress | None = None,
) -> Tensor:
    """Lower the rank of groups of similar patches.

        min over X of |X - Y|^2 / 2 + lambda t^2 R(X / t),   R(S) = sum_i h(sigma_i(S)),

    for every group Y of the noisy image; t is the largest singular value of noise of that level. Groups
    overlap, and each pixel is the weighted mean of its estimates. The first pass solves this for patches that
    are similar in the noisy image, minus their mean patch. The others take patches that are similar in the
    estimate, minus their mean level, replace R by a quadratic majorizer at the estimate, see `_reweighted`,
    and solve for the noisy image again.

    Args:
        image: Noisy image, shape (c, h, w), floating; all channels of a patch form one column. Not modified.
        sigma: Standard deviation of the noise, on the scale of the image, more than 0.
        reg: Penalty, one of `edlrr_cli.lrr.names.REG_NAMES`.
        gamma: Shape of the penalty, in units of t; None for its default.
        pilot: An estimate of the clean image, shape of the image, from which one of the later passes starts;
            None: all passes from the noisy image.

    Returns:
        Shape and dtype of the image, not clipped.

    Source: the first pass: Gu et al., "Weighted nuclear norm minimization and its applications to low level
        vision", 2017, for any h. A second pass that filters the noisy image again, guided by the estimate:
        Dabov et al. 2007. The majorizers: Mohan, Fazel, "Iterative reweighted algorithms for matrix rank
        minimization", 2012; the mean of both sides is ours.
    """
    h = make_function(reg, gamma)
    noisy = _channels_last(image[None])
    estimate = noisy if pilot is None else _channels_last(pilot[None])
    numbers = range(_NUM_PASSES) if pilot is None else (1,)
    with single_threaded_calls():
        for done, number in enumerate(numbers, start=1):
            groups = _similar(estimate, sigma, number)
            total, weight_sum = _sums(noisy, estimate, groups, sigma, h, number)
            estimate = total / weight_sum
            if progress is not None:
                progress(done, len(numbers))
    return _channels_first(estimate)[0]


def denoise_lowrank_in(frames: Tensor, pilots: Tensor, sigma: float, *, index: int) -> Tensor:
    """Lower the rank of groups of similar patches of several frames, by one later pass of `denoise_lowrank`.

    Args:
        frames: Noisy frames, shape (n, c, h, w), floating. Not modified.
        pilots: Estimates of the clean frames, shape of the frames.
        sigma: Standard deviation of the noise, more than 0.
        index: The frame to denoise: for each of its patches a group of the most similar ones in all frames.

    Returns:
        The frame, shape (c, h, w), not clipped.
    """
    noisy, estimate = _channels_last(frames), _channels_last(pilots)
    with single_threaded_calls():
        groups = _similar(estimate, sigma, 1, index=index)
        total, weight_sum = _sums(noisy, estimate, groups, sigma, make_function(DEFAULT_REG, None), 1)
    return _channels_first((total[index] / weight_sum[index])[None])[0]


def _channels_last(images: Tensor) -> Tensor:
    return images.permute(0, 2, 3, 1).contiguous()


def _channels_first(images: Tensor) -> Tensor:
    return images.permute(0, 3, 1, 2).contiguous()


def _similar(images: Tensor, sigma: float, number: int, *, index: int = 0) -> Groups:
    """Return the groups of a pass, for images (n, h, w, c); the patches of one are searched in all."""
    num_images, height, width, num_channels = images.shape
    patch_px = _LARGE_PATCH_PX if number and sigma > _LARGE_FROM else _PATCH_PX
    patch_px = min(patch_px, height, width)
    num_later = _NUM_LATER if num_images == num_channels == 1 else _NUM_LATER_COLOR
    return find_groups(
        _channels_first(images),
        patch_px=patch_px,
        stride_px=min(_STRIDE_PX, patch_px),
        search_px=_SEARCH_PX,
        num_similar=num_later if number else _NUM_FIRST,
        # Odd grids are shifted by half a stride.
        first_px=number % 2 * min(_STRIDE_PX, patch_px) // 2,
        index=index,
    )


def _sums(
    images: Tensor, estimate: Tensor, found: Groups, sigma: float, h: Function, number: int
) -> tuple[Tensor, Tensor]:
    """Return the sums of the weighted patches of the next estimate, (n, h, w, c), and of their weights.

    Args:
        images: Shape (n, h, w, c).
        estimate: Shape of the images, for the majorizer.
    """
    total, weight_sum = torch.zeros_like(images), torch.zeros_like(images[..., :1])
    num_channels = images.shape[3]

    def filtered(groups: Groups) -> tuple[Tensor, Tensor]:
        Y = groups.gather(images).mT
        if number == 0:
            offset = Y.mean(2, keepdim=True)
            X, weights = _shrunk(Y - offset, sigma, h)
        else:
            S, offset = groups.gather(estimate).mT, _levels(Y, num_channels)
            X, weights = _reweighted(Y - offset, S - _levels(S, num_channels), sigma, h)
        return (X + offset).mT, weights

    chunks = found.chunks(_CHUNK)
    num_parallel = num_workers() if images.device.type == "cpu" else 1
    while batch := list(islice(chunks, num_parallel)):
        results = run_single_threaded([partial(filtered, groups) for groups in batch])
        for groups, (matrices, weights) in zip(batch, results, strict=True):
            groups.add_to(total, weight_sum, matrices, weights)
    return total, weight_sum


def _levels(matrices: Tensor, num_channels: int) -> Tensor:
    """Return the mean of each channel of a group, shape (g, m, 1); shrinking it would darken the image."""
    means = torch.unflatten(matrices, 1, (-1, num_channels)).mean((1, 3))
    return means.repeat(1, matrices.shape[1] // num_channels)[:, :, None]


def _shrunk(noisy: Tensor, sigma: float, h: Function) -> tuple[Tensor, Tensor]:
    """Return argmin_X |X - Y|^2 / 2 + lambda t^2 R(X / t), and a weight for each matrix.

    Args:
        noisy: Y, shape (g, m, k).

    Returns:
        Shape (g, m, k), and weights (g,), which decrease with the remaining noise.
    """
    Y = wide_of(noisy)
    edge = _edge(Y, sigma)
    U, singular = _left(Y)
    U = U.to(Y.dtype)
    kept = edge * shrunk_values(singular / edge, h)
    factors = (kept / singular.clamp_min(_TINY)).to(Y.dtype)
    X = (U * factors[:, None, :]) @ (U.mT @ Y)
    return shaped_like(X, noisy), 1 / (1 + factors.square().sum(1))


def _reweighted(noisy: Tensor, estimate: Tensor, sigma: float, h: Function) -> tuple[Tensor, Tensor]:
    """Return argmin_X |X - Y|^2 / 2 + lambda t^2 q(X / t), with a quadratic majorizer q of R at S.

    With S = U diag(s) V^T, tr(M S S^T) and tr(S^T S N), M and N with eigenvalues w_i = h'(s_i) / s_i, give
    majorizers on the rows and on the columns; their mean filters in both subspaces. The minimum is

        X_ij = Y_ij / (1 + lambda (w_i + w_j) / 2)   in the bases U and V,

    and 0 outside them; for h = log(x) it is the Wiener filter.

    Args:
        noisy: Y, shape (g, m, k).
        estimate: S, the same patches of the estimate.

    Returns:
        Shapes (g, m, k) and (g,), as `_shrunk` returns them.
    """
    Y, S = wide_of(noisy), wide_of(estimate)
    edge = _edge(Y, sigma)
    U, singular = _left(S)
    # Components left out here are below the precision of pixels. The others must be orthogonal to components
    # a million times as large, which takes float64.
    inverse = torch.where(singular > _CUTOFF * singular[:, -1:], 1 / singular, 0)
    U, V = U.to(S.dtype), (S.double().mT @ (U * inverse[:, None, :])).to(S.dtype)
    half = sigma * (_NOISE_FRACTION * sum(Y.shape[1:]) / 2) ** 0.5
    # A penalty that is flat at the noise level keeps everything above its bend, and nothing below.
    reference = _weights(singular.new_tensor(half / edge), h).clamp_min(_TINY)
    weights = (_weights(singular / edge, h) / reference).to(Y.dtype)
    factors = 1 / (1 + (weights[:, :, None] + weights[:, None, :]) / 2)
    X = U @ (factors * (U.mT @ Y @ V)) @ V.mT
    return shaped_like(X, noisy), 1 / (1 + factors.square().sum((1, 2)) / Y.shape[1])


def shrunk_values(y: Tensor, h: Function) -> Tensor:
    """Return argmin_s (s - y)^2 / 2 + lambda h(s) for every y >= 0, any shape.

    lambda is such that the minimum is 0 up to y = 0.95. Above, the penalty is repeatedly replaced by its
    tangent, which majorizes it.
    """
    strength = _strength(h)
    values = y
    for _ in range(_NUM_REWEIGHTED):
        values = (y - strength * _slope(values, h)).clamp_min(0)
    return torch.where(y > _EDGE_FRACTION, values, 0)


def _strength(h: Function) -> float:
    """Return the least lambda with s^2 / 2 - s y + lambda h(s) >= 0 for all s, where y = 0.95."""
    s = torch.linspace(0, min(2 * _EDGE_FRACTION, h.x_max), _GRID, dtype=torch.float64)[1:]
    return float((s * (_EDGE_FRACTION - s / 2) / h.value(s)).max())


def _weights(s: Tensor, h: Function) -> Tensor:
    s = s.clamp_min(_TINY)
    return _slope(s, h) / s


def _slope(s: Tensor, h: Function) -> Tensor:
    """Return h'(s); a series is extended linearly beyond its range."""
    return h.derivative(s.clamp(max=h.x_max)).clamp_min(0)


def _edge(Y: Tensor, sigma: float) -> float:
    """Return t, about the largest singular value of noise: sigma (sqrt(m) + sqrt(k))."""
    return float(sigma * (Y.shape[1] ** 0.5 + Y.shape[2] ** 0.5))


def _left(Y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the left singular vectors and the singular values, in float64, from the Gram matrix."""
    # In float64, since a Gram matrix squares the condition number.
    eigenvalues, U = torch.linalg.eigh(Y.double() @ Y.double().mT)
    return U, eigenvalues.clamp_min(0).sqrt()
