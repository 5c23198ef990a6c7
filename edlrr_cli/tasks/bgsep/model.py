"""The background of one window, as its key frames show it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from edlrr_cli.tasks.bgsep.config import Config
from edlrr_cli.tasks.bgsep.decompose import Decomposition, decompose
from edlrr_cli.tasks.bgsep.difference import blur, difference, threshold, variation
from edlrr_cli.tasks.bgsep.ghosts import without_ghosts
from edlrr_cli.tasks.bgsep.keys import Keys
from edlrr_cli.tasks.bgsep.robust import l1_fit

# Pixels that decide how the background changes.
_NUM_SAMPLES = 1024
# A component of the background has at least this share of the first one; there are not more than so many.
_MIN_SHARE, _MAX_COMPONENTS = 1e-2, 6


class Model(Protocol):
    """What is known of the background of a window.

    Attributes:
        noise: Variation of each pixel while nothing covers it, in gray levels of 255, shape (h, w).
        solution: Of the low-rank problem; None for a method without one.
    """

    @property
    def noise(self) -> Tensor:
        """Return the variation."""

    @property
    def solution(self) -> Decomposition | None:
        """Return the solution."""

    def backgrounds(self, frames: Tensor, first: int) -> Tensor:
        """Return the background of each frame.

        Args:
            frames: Shape (b, n), n = h * w * c, values on [0, 1].
            first: Place of the first of them in the window.
        """


@dataclass(frozen=True, eq=False)
class SubspaceModel:
    """A few images, of which every frame has its own mixture: that which fits its sampled values best.

    Attributes:
        images: Shape (r, n).
        samples: Places of the sampled values, shape (s,).
        noise: See `Model`.
        solution: See `Model`.
    """

    images: Tensor
    samples: Tensor
    noise: Tensor
    solution: Decomposition

    def backgrounds(self, frames: Tensor, first: int) -> Tensor:
        """Mix the images."""
        course = l1_fit(self.images[:, self.samples].mT, frames[:, self.samples].mT).mT
        return course @ self.images


@dataclass(frozen=True, eq=False)
class FullModel:
    """A background for every frame: the low-rank matrix itself.

    Attributes:
        noise: See `Model`.
        solution: See `Model`.
    """

    noise: Tensor
    solution: Decomposition

    def backgrounds(self, frames: Tensor, first: int) -> Tensor:
        """Look them up; a frame beyond the last has that of the last."""
        last = len(self.solution.low_rank) - 1
        return self.solution.low_rank[torch.arange(first, first + len(frames)).clamp_max(last)]


@dataclass(frozen=True, eq=False)
class MedianModel:
    """One image for all frames.

    Attributes:
        image: Shape (n,).
        noise: See `Model`.
    """

    image: Tensor
    noise: Tensor
    solution: None = None

    def backgrounds(self, frames: Tensor, first: int) -> Tensor:
        """Repeat the image."""
        return self.image.expand_as(frames)


def fit(keys: Keys, config: Config) -> Model:
    """Fit the background of a window to its key frames.

    Args:
        keys: All frames of the window if ``config.fit`` is ``"full"``, some otherwise.
        config: Settings; ``method`` is ``"lrr"`` or ``"median"``.

    Raises:
        NumericsError: The penalty left the range of its series.
    """
    if config.method == "median":
        return _median(keys)
    return _full(keys, config) if config.fit == "full" else _subspace(keys, config)


def _median(keys: Keys) -> MedianModel:
    image = torch.cat([keys.values(chunk).median(dim=0).values for chunk in keys.chunks()])
    return MedianModel(image, variation(_blurred(keys, lambda places: image)))


def _full(keys: Keys, config: Config) -> FullModel:
    solution = _solve(keys.values(slice(None)), config)
    return FullModel(variation(_blurred(keys, lambda places: solution.low_rank[places])), solution)


def _subspace(keys: Keys, config: Config) -> SubspaceModel:
    """Find the course of the background in time on some pixels, then the part of every pixel in it.

    A course of several components could follow a thing that comes or goes. So the first of them alone tells
    foreground and ghosts, and the others are found where there is none.
    """
    samples = _samples(keys, config.seed)
    solution = _solve(keys.values(samples), config)
    course = _course(solution.low_rank)
    steady = course[:, :1]
    images = torch.cat([l1_fit(steady, keys.values(chunk)) for chunk in keys.chunks()], dim=1)
    noise, masks = _foreground(keys, steady, images)
    cleared = without_ghosts(images, steady, keys, masks)
    if cleared is not images:
        images = cleared
        noise, masks = _foreground(keys, steady, images)
    if course.shape[1] > 1:
        covered = masks.flatten(1).repeat_interleave(keys.num_channels, dim=1)

        def seen(places: Tensor | slice) -> Tensor:
            return torch.where(covered[:, places], steady @ images[:, places], keys.values(places))

        solution = _solve(seen(samples), config)
        course = _course(solution.low_rank)
        images = torch.cat([l1_fit(course, seen(chunk)) for chunk in keys.chunks()], dim=1)
        noise, masks = _foreground(keys, course, images)
    return SubspaceModel(images, samples, noise, solution)


def _foreground(keys: Keys, course: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
    """Return the variation, shape (h, w), and the foreground of the key frames, shape (k, h, w)."""
    blurred = _blurred(keys, lambda places: course[places] @ images)
    noise = variation(blurred)
    return noise, blurred > threshold(noise)


def _solve(V: Tensor, config: Config) -> Decomposition:
    return decompose(
        V,
        reg=config.reg,
        gamma=config.gamma,
        weight=config.weight,
        solver=config.solver,
        steps=config.steps,
    )


def _samples(keys: Keys, seed: int) -> Tensor:
    """Draw pixels, and return the places of all their values."""
    height, width = keys.size_px
    drawn = torch.randperm(height * width, generator=torch.Generator().manual_seed(seed))[:_NUM_SAMPLES]
    channels = torch.arange(keys.num_channels)
    return (drawn[:, None] * keys.num_channels + channels).flatten().to(keys.pixels.device)


def _course(X: Tensor) -> Tensor:
    """Return the left singular vectors of the components, shape (k, r), with a mean square of 1."""
    squares, U = torch.linalg.eigh(X.double() @ X.double().mT)
    sigma, U = squares.clamp_min(0).sqrt().flip(0), U.flip(1)
    rank = max(int((sigma > _MIN_SHARE * sigma[0]).sum()), 1)
    course: Tensor = (U[:, : min(rank, _MAX_COMPONENTS)] * len(X) ** 0.5).to(X.dtype)
    return course


def _blurred(keys: Keys, background: Callable[[slice], Tensor]) -> Tensor:
    """Return the blurred differences of all key frames, shape (k, h, w)."""
    shape = (*keys.size_px, keys.num_channels)
    return torch.cat(
        [
            blur(
                difference(frames.view(-1, *shape), background(places).expand_as(frames).reshape(-1, *shape))
            )
            for places, frames in keys.batches()
        ]
    )
