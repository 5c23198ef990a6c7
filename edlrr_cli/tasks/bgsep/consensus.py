"""Visibility of the background: the keyframes whose neighborhood of a pixel looks alike most often."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from edlrr_cli.tasks.bgsep.keyframes import Keyframes

# Frames are reduced to about this many pixels on their shorter side.
_SIDE_PX = 72
# Width of the compared neighborhoods and their distance, in reduced pixels.
_PATCH_PX, _STRIDE_PX = 6, 2
# Patches are alike within a root mean square difference of _LEVELS gray levels plus _FACTOR times the noise, and
# are taken for the same within _REACH times of it.
_LEVELS, _FACTOR, _REACH = 2.0, 0.5, 3.0
_ROUNDS, _NEAR, _LEAST = 6, 7, 0.05
# Where the others are less than _GAP times as different in the mean over a region of _REGION patches, the
# background itself moves, such as foliage. Patches that are near more often do not count.
_GAP, _REGION, _STEADY = 3.0, 13, 0.7
# This quantile of the distances of all pairs of keyframes is the noise of a patch.
_QUANTILE = 0.02
# Patches per chunk.
_CHUNK = 256


def visible(keyframes: Keyframes, course: Tensor) -> tuple[Tensor, float]:
    """Find the keyframes that show the background, pixel by pixel.

    What is seen again and again is background, even if it is covered most of the time, since what covers it
    differs: of the patches that a pixel's neighborhood shows over time, the one with the most similar others
    is the background.

    Args:
        keyframes: The k keyframes.
        course: Brightness of the keyframes, by which they are divided, shape (k, 1).

    Returns:
        Bool, shape (k, h, w), and the mean number of similar keyframes.

    Source: Patches for the initialization of a background: Colombari, Fusiello, "Patch-based background
        initialization in heavily cluttered video", 2010. The density is that of mean shift: Comaniciu, Meer,
        "Mean shift: a robust approach toward feature space analysis", 2002.
    """
    reduced, factor = _reduced(keyframes, course)
    patches, grid = _patches(reduced)
    distances = torch.cat([torch.cdist(chunk, chunk) for chunk in torch.split(patches, _CHUNK)])
    distances /= patches.shape[-1] ** 0.5
    bandwidth = _LEVELS + _FACTOR * _noise(distances)
    alike = torch.cat([(-((chunk / bandwidth) ** 2)).exp_() for chunk in distances.split(_CHUNK)])
    density = alike.sum(-1)
    support = float(density.amax(1).mean())
    for _ in range(_ROUNDS):
        together = _around(alike[torch.arange(len(alike)), density.argmax(1)], grid)
        density = (alike @ together[..., None])[..., 0] * together
    off = distances[torch.arange(len(distances)), density.argmax(1)] / (_REACH * bandwidth)
    seen = _without_flicker(off, grid).T.reshape(-1, *grid)
    size = _STRIDE_PX * factor
    height, width = keyframes.size_px
    seen = seen.repeat_interleave(size, dim=1)[:, :height].repeat_interleave(size, dim=2)[:, :, :width]
    return seen, support


def _reduced(keyframes: Keyframes, course: Tensor) -> tuple[Tensor, int]:
    """Return the keyframes in gray levels, (k, c, h', w'), reduced by a factor, and the factor."""
    factor = max(round(min(keyframes.size_px) / _SIDE_PX), 1)
    shape = (*keyframes.size_px, keyframes.num_channels)
    parts = [
        avg_pool2d((frames / course[indices]).view(-1, *shape).permute(0, 3, 1, 2), factor, ceil_mode=True)
        for indices, frames in keyframes.batches()
    ]
    return 255 * torch.cat(parts), factor


def _patches(frames: Tensor) -> tuple[Tensor, tuple[int, int]]:
    """Return the patches around a grid of points, (points, k, values), and the size of the grid."""
    margin = (_PATCH_PX - _STRIDE_PX) // 2
    height, width = frames.shape[2:]
    sides = [margin, margin + -width % _STRIDE_PX, margin, margin + -height % _STRIDE_PX]
    windows = pad(frames, sides, mode="replicate")
    windows = windows.unfold(2, _PATCH_PX, _STRIDE_PX).unfold(3, _PATCH_PX, _STRIDE_PX)
    grid = (windows.shape[2], windows.shape[3])
    return windows.permute(2, 3, 0, 1, 4, 5).reshape(grid[0] * grid[1], len(frames), -1), grid


def _around(seen: Tensor, grid: tuple[int, int]) -> Tensor:
    """Return the mean over the neighboring patches, shape (points, k)."""
    maps = seen.T.reshape(1, -1, *grid)
    means = avg_pool2d(maps, _NEAR, stride=1, padding=_NEAR // 2, count_include_pad=False)
    return means.flatten(2)[0].T + _LEAST


def _without_flicker(off: Tensor, grid: tuple[int, int]) -> Tensor:
    """Return which patches are near, (points, k); all are in regions where the others do not differ clearly."""
    near = off < 1
    others = torch.where(near, torch.nan, off).nanmedian(dim=1).values
    weights = (near.float().mean(1) < _STEADY).float()
    totals = torch.stack([others.nan_to_num(1).log() * weights, weights]).view(2, 1, *grid)
    sums = avg_pool2d(totals, _REGION, stride=1, padding=_REGION // 2, count_include_pad=True)
    moves = sums[0] < math.log(_GAP) * sums[1]
    return near | moves.flatten()[:, None]


def _noise(distances: Tensor) -> Tensor:
    """Return the distance of patches that show the same, the median over the points."""
    first, second = torch.triu_indices(*distances.shape[1:], offset=1)
    pairs = distances[:, first, second]
    rank = max(int(_QUANTILE * pairs.shape[1]), 1)
    return pairs.kthvalue(rank, dim=1).values.median()
