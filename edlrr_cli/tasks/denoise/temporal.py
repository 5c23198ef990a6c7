"""Denoising of frames from their neighbors, for white noise: averages over time, then low rank of patches."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, repeat
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from edlrr_cli.tasks.denoise.lowrank import denoise_lowrank_in

RADIUS = 2
"""Neighbors of a frame on either side that are used at once."""

# Frames are compared over windows of this side. They show the same where the mean square of the difference of
# their pilots is below the first fraction of the variance of the noise. The camera is still if noisy frames
# differ by their noise alone, up to the second fraction in the median. Measured: see docs/decisions.md.
_WINDOW_PX, _SAME, _MAX_EXCESS = 5, 0.5, 0.15

Network = Callable[[Tensor, float], Tensor]
"""A network: image, shape (c, h, w), and noise level -> clean image."""

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Estimate:
    """A frame and what is known about its clean pixels.

    Attributes:
        noisy: Shape (c, h, w), float32.
        sigma: Noise level of the frame.
        clean: Shape of the frame, not clipped.
        is_still: Whether the neighbors show the same as the frame in most pixels.
    """

    noisy: Tensor
    sigma: float
    clean: Tensor
    is_still: bool = True


def denoise_temporal(
    frames: Iterable[tuple[Tensor, float]], network: Network, *, strength: float = 1.0
) -> Iterator[Estimate]:
    """Denoise frames from `RADIUS` neighbors on either side, twice.

    The network's results, the pilots, show where neighbors are the same as the frame. Where the camera is
    still, they are averaged there; the network denoises the average, whose noise is lower, and its result is
    the next pilot. Pilots guide the low rank of patches that are similar in the frame and its neighbors; with
    a fast camera most of these patches are of the frame itself.

    Args:
        frames: Images of one shape (c, h, w), float32, and their noise levels, more than 0. Not modified.
        strength: Factor of the noise level that is removed.

    Yields:
        The frames in order; each depends on 2 `RADIUS` frames on either side.

    Source: patches in several frames: Dabov, Foi, Egiazarian, "Video denoising by sparse 3D transform-domain
        collaborative filtering", 2007. Averages as the first stage are ours.
    """

    def scaled(image: Tensor, sigma: float) -> Tensor:
        return network(image, strength * sigma)

    pilots = (Estimate(noisy, sigma, scaled(noisy, sigma)) for noisy, sigma in frames)
    averaged = (_from_average(window, at, scaled) for window, at in neighborhoods(pilots, RADIUS))
    return (_from_patches(window, at, strength) for window, at in neighborhoods(averaged, RADIUS))


def _from_average(window: list[Estimate], at: int, network: Network) -> Estimate:
    """Return the frame denoised by the network after averaging what is the same, if the camera is still."""
    own = window[at]
    if not _is_still(window, own):
        return replace(own, is_still=False)
    weights = torch.stack([_similarity(each.clean, own) for each in window])
    total = weights.sum(0)
    average = sum(weight * each.noisy for weight, each in zip(weights, window, strict=True)) / total
    remaining = float((weights.square().sum(0).sqrt() / total).mean())
    return replace(own, clean=network(average, remaining * own.sigma))


def _similarity(pilot: Tensor, own: Estimate) -> Tensor:
    """Return the weight of another frame's pixels, shape (h, w), 1 where both show the same."""
    return torch.exp(1 - (_difference(pilot, own.clean) / (_SAME * own.sigma**2)).clamp_min(1))


def _is_still(window: list[Estimate], own: Estimate) -> bool:
    """Whether the neighbors show the same as the frame in most pixels, or there are none."""
    others = [each for each in window if each is not own]
    if not others:
        return True
    differences = [float(_difference(each.noisy, own.noisy).median()) for each in others]
    return sum(differences) < (1 + _MAX_EXCESS) * 2 * own.sigma**2 * len(others)


def _difference(first: Tensor, second: Tensor) -> Tensor:
    """Return the mean squares of the difference over windows, shape (h, w)."""
    squares = (first - second).square().mean(0, keepdim=True)[None]
    side = min(_WINDOW_PX, *(size - 1 + size % 2 for size in squares.shape[2:]))
    return avg_pool2d(squares, side, 1, side // 2, count_include_pad=False)[0, 0]


def _from_patches(window: list[Estimate], at: int, strength: float) -> Estimate:
    """Return the frame after lowering the rank of groups of patches from all frames of a window."""
    noisy, pilots = (
        torch.stack(images) for images in zip(*((e.noisy, e.clean) for e in window), strict=True)
    )
    return replace(window[at], clean=denoise_lowrank_in(noisy, pilots, strength * window[at].sigma, index=at))


def neighborhoods(items: Iterable[T], radius: int) -> Iterator[tuple[list[T], int]]:
    """Yield each item with its neighbors, fewer at the ends, and its index among them.

    Example:
        >>> list(neighborhoods("abcd", 1))
        [(['a', 'b'], 0), (['a', 'b', 'c'], 1), (['b', 'c', 'd'], 1), (['c', 'd'], 1)]
    """
    held: deque[T | None] = deque(maxlen=2 * radius + 1)
    for number, item in enumerate(chain(items, repeat(None, radius))):
        held.append(item)
        if number >= radius:
            yield [each for each in held if each is not None], min(number - radius, radius)
