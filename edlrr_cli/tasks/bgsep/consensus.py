"""Visibility of the background: the keyframes whose neighborhood of a pixel looks alike most often."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from edlrr_cli.tasks.bgsep.keyframes import Keyframes
from edlrr_cli.tasks.bgsep.tuning import Tuning

# Frames are reduced to about this many pixels.
_AREA_PX = 72 * 96
# Width of a patch and distance of neighboring ones, in reduced pixels; patches per chunk.
_PATCH_PX, _STRIDE_PX, _CHUNK = 6, 2, 256
# Patches are alike within a root mean square difference of a few gray levels plus _FACTOR times the noise:
# the difference of the most similar pairs of keyframes, this quantile. Within _REACH times that they show the
# same.
_FACTOR, _QUANTILE, _REACH = 0.5, 0.02, 3.0
# Rounds of the agreement with the neighborhood, its width in patches, and the weight of a keyframe that shows
# the background nowhere in it.
_ROUNDS, _NEAR, _LEAST = 6, 7, 0.05
# Where the other keyframes differ little in the mean over a region of _REGION patches, the background itself
# moves, such as foliage. Patches that show the same more often than _STEADY do not count.
_REGION, _STEADY = 13, 0.7
# Every how many patches are compared for the brightness, and the least brightness relative to the median.
_EVERY, _LEAST_GAIN = 7, 0.1


def best_course(keyframes: Keyframes, courses: Sequence[Tensor], tuning: Tuning) -> Tensor:
    """Return the course of the brightness with which most keyframes look alike, of the given ones.

    Args:
        courses: Brightness of the keyframes, up to a factor, each of shape (k, 1).
    """
    samples = [_distances(_patches(_reduced(keyframes, course))[0][::_EVERY]) for course in courses]
    bandwidth = torch.stack([_bandwidth(distances, tuning) for distances in samples]).amin()
    support = [float(_alike(distances, bandwidth).sum(-1).amax(1).mean()) for distances in samples]
    return courses[support.index(max(support))]


def visible(keyframes: Keyframes, course: Tensor, tuning: Tuning) -> Tensor:
    """Find the keyframes that show the background, pixel by pixel.

    What appears again and again is background, even if it is covered most of the time, since what covers it
    differs. Of all patches that a position shows over time, the one that most others resemble is the
    background, preferably in keyframes in which the background is visible in the neighborhood as well.

    Args:
        keyframes: The k keyframes.
        course: Brightness of the keyframes, up to a factor, shape (k, 1).

    Returns:
        Bool, shape (k, h, w).

    Source: Patches for the initialization of a background: Colombari, Fusiello, "Patch-based background
        initialization in heavily cluttered video", 2010. The density is that of mean shift: Comaniciu, Meer,
        "Mean shift: a robust approach toward feature space analysis", 2002. Their combination is our own.
    """
    patches, grid = _patches(_reduced(keyframes, course))
    distances = _distances(patches)
    bandwidth = _bandwidth(distances, tuning)
    alike = _alike(distances, bandwidth)
    density, points = alike.sum(-1), torch.arange(len(alike))
    for _ in range(_ROUNDS):
        around = _around(alike[points, density.argmax(1)], grid)
        density = (alike @ around[..., None])[..., 0] * around
    off = distances[points, density.argmax(1)] / (_REACH * bandwidth)
    seen = _without_flicker(off, grid, tuning.gap).T.reshape(-1, *grid)
    size, (height, width) = _STRIDE_PX * _reduction(keyframes), keyframes.size_px
    return seen.repeat_interleave(size, dim=1)[:, :height].repeat_interleave(size, dim=2)[:, :, :width]


def _reduction(keyframes: Keyframes) -> int:
    return max(round(math.sqrt(math.prod(keyframes.size_px) / _AREA_PX)), 1)


def _reduced(keyframes: Keyframes, course: Tensor) -> Tensor:
    """Return the keyframes in gray levels of 255 with equal brightness, reduced, shape (k, c, h', w')."""
    factor, shape = _reduction(keyframes), (*keyframes.size_px, keyframes.num_channels)
    gains = (course / course.median()).nan_to_num(1.0).clamp_min(_LEAST_GAIN)
    parts = [
        avg_pool2d((frames / gains[indices]).view(-1, *shape).permute(0, 3, 1, 2), factor, ceil_mode=True)
        for indices, frames in keyframes.batches()
    ]
    return 255 * torch.cat(parts)


def _patches(frames: Tensor) -> tuple[Tensor, tuple[int, int]]:
    """Return the patches around a grid of points, (points, k, values), and the size of the grid."""
    margin = (_PATCH_PX - _STRIDE_PX) // 2
    height, width = frames.shape[2:]
    sides = [margin, margin + -width % _STRIDE_PX, margin, margin + -height % _STRIDE_PX]
    windows = pad(frames, sides, mode="replicate")
    windows = windows.unfold(2, _PATCH_PX, _STRIDE_PX).unfold(3, _PATCH_PX, _STRIDE_PX)
    grid = (windows.shape[2], windows.shape[3])
    return windows.permute(2, 3, 0, 1, 4, 5).reshape(grid[0] * grid[1], len(frames), -1), grid


def _distances(patches: Tensor) -> Tensor:
    """Return the root mean square difference of all pairs, shape (points, k, k)."""
    parts = [torch.cdist(chunk, chunk) for chunk in torch.split(patches, _CHUNK)]
    return torch.cat(parts).div_(patches.shape[-1] ** 0.5)


def _bandwidth(distances: Tensor, tuning: Tuning) -> Tensor:
    """Return the difference of patches that show the same; their noise is the median over the points."""
    count = distances.shape[1]
    first, second = torch.triu_indices(count, count, offset=1)
    pairs = distances[:, first, second]
    rank = max(int(_QUANTILE * pairs.shape[1]), 1)
    return tuning.levels + _FACTOR * pairs.kthvalue(rank, dim=1).values.median()


def _alike(distances: Tensor, bandwidth: Tensor) -> Tensor:
    return torch.cat([(-((chunk / bandwidth) ** 2)).exp_() for chunk in torch.split(distances, _CHUNK)])


def _around(seen: Tensor, grid: tuple[int, int]) -> Tensor:
    """Return the mean over the neighboring patches, shape (points, k)."""
    maps = seen.T.reshape(1, -1, *grid)
    means = avg_pool2d(maps, _NEAR, stride=1, padding=_NEAR // 2, count_include_pad=False)
    return means.flatten(2)[0].T + _LEAST


def _without_flicker(off: Tensor, grid: tuple[int, int], gap: float) -> Tensor:
    """Return which patches show the background, (points, k): the near ones; all where the background moves.

    Args:
        off: Distances from the background, in units of the largest that is near.
    """
    near = off < 1
    others = torch.where(near, torch.nan, off).nanmedian(dim=1).values
    weights = (near.float().mean(1) < _STEADY).float()
    totals = torch.stack([others.nan_to_num(1).log() * weights, weights]).view(2, 1, *grid)
    sums = avg_pool2d(totals, _REGION, stride=1, padding=_REGION // 2, count_include_pad=True)
    moves = sums[0] < math.log(gap) * sums[1]
    return near | moves.flatten()[:, None]
