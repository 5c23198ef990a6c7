"""Background models of a window, fitted to its keyframes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from edlrr_cli.tasks.bgsep.config import Config
from edlrr_cli.tasks.bgsep.consensus import best_course, visible
from edlrr_cli.tasks.bgsep.decompose import Decomposition, decompose
from edlrr_cli.tasks.bgsep.difference import blur, difference, threshold, variation
from edlrr_cli.tasks.bgsep.ghosts import without_ghosts
from edlrr_cli.tasks.bgsep.keyframes import Keyframes
from edlrr_cli.tasks.bgsep.robust import consensus_fit, l1_fit
from edlrr_cli.tasks.bgsep.tuning import DEFAULT, Tuning

# Number of sampled pixels, from which the temporal basis of the background is found.
_NUM_SAMPLES = 1024
# Minimum singular value of a background component relative to the first, and maximum number of components.
_MIN_FRACTION, _MAX_COMPONENTS = 1e-2, 6


class Model(Protocol):
    """Background model of a window.

    Attributes:
        noise: Variation of each pixel while nothing covers it, in gray levels of 255, shape (h, w).
        solution: Solution of the low-rank problem; None for a method without one.
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
            first: Index of the first frame in the window.
        """


@dataclass(frozen=True, eq=False)
class SubspaceModel:
    """A basis of images; the background of a frame is the linear combination that fits its sampled values.

    Attributes:
        images: Basis images, shape (r, n).
        samples: Indices of the sampled values, shape (s,).
        usual: Coefficients of a typical frame, shape (r, 1).
    """

    images: Tensor
    samples: Tensor
    usual: Tensor
    noise: Tensor
    solution: Decomposition

    def backgrounds(self, frames: Tensor, first: int) -> Tensor:
        """Return the fitted combinations of the images."""
        coefficients = consensus_fit(
            self.images[:, self.samples].mT, frames[:, self.samples].mT, self.usual
        ).mT
        return coefficients @ self.images


@dataclass(frozen=True, eq=False)
class FullModel:
    """A background for every frame: the low-rank matrix itself."""

    noise: Tensor
    solution: Decomposition

    def backgrounds(self, frames: Tensor, first: int) -> Tensor:
        """Return rows of the low-rank matrix; frames beyond the last get the last row."""
        last = len(self.solution.low_rank) - 1
        return self.solution.low_rank[torch.arange(first, first + len(frames)).clamp_max(last)]


@dataclass(frozen=True, eq=False)
class MedianModel:
    """The temporal median as the background of all frames.

    Attributes:
        image: Temporal median, shape (n,).
    """

    image: Tensor
    noise: Tensor
    solution: None = None

    def backgrounds(self, frames: Tensor, first: int) -> Tensor:
        """Return the image for each frame."""
        return self.image.expand_as(frames)


def fit(keyframes: Keyframes, config: Config, tuning: Tuning = DEFAULT) -> Model:
    """Fit the background model of a window to its keyframes.

    Args:
        keyframes: All frames of the window if ``config.fit`` is ``"full"``, a subset otherwise.

    Raises:
        NumericsError: The penalty left the range of its series.
    """
    if config.method == "median":
        return _median(keyframes)
    return _full(keyframes, config) if config.fit == "full" else _subspace(keyframes, config, tuning)


def _median(keyframes: Keyframes) -> MedianModel:
    image = torch.cat([keyframes.values(chunk).median(dim=0).values for chunk in keyframes.chunks()])
    return MedianModel(image, variation(_blurred(keyframes, lambda indices: image)))


def _full(keyframes: Keyframes, config: Config) -> FullModel:
    solution = _solve(keyframes.values(slice(None)), config)
    return FullModel(variation(_blurred(keyframes, lambda indices: solution.low_rank[indices])), solution)


def _subspace(keyframes: Keyframes, config: Config, tuning: Tuning) -> SubspaceModel:
    """Find the temporal basis of the background from sampled pixels, then fit every pixel to it.

    Several components could model an object that comes or goes. So foreground and ghosts are detected with
    the first component only, and the others are found without the foreground.
    """
    samples = _samples(keyframes, config.seed)
    solution = _solve(keyframes.values(samples), config)
    basis = temporal_basis(solution.low_rank)
    steady = best_course(keyframes, (torch.ones_like(basis[:, :1]), basis[:, :1]), tuning)
    bare = visible(keyframes, steady, tuning)
    images = _uncovered(keyframes, steady, bare)
    noise, masks = _foreground(keyframes, steady, images, bare, tuning)
    cleared = without_ghosts(images, steady, keyframes, masks)
    if cleared is not images:
        images = cleared
        noise, masks = _foreground(keyframes, steady, images, bare, tuning)
    if basis.shape[1] > 1:
        covered = masks.flatten(1).repeat_interleave(keyframes.num_channels, dim=1)

        def seen(indices: Tensor | slice) -> Tensor:
            return torch.where(covered[:, indices], steady @ images[:, indices], keyframes.values(indices))

        solution = _solve(seen(samples), config)
        basis = temporal_basis(solution.low_rank)
        images = torch.cat([l1_fit(basis, seen(chunk)) for chunk in keyframes.chunks()], dim=1)
        steady = basis
        noise, masks = _foreground(keyframes, basis, images, bare, tuning)
    return SubspaceModel(images, samples, steady.median(0).values[:, None], noise, solution)


def _uncovered(keyframes: Keyframes, basis: Tensor, seen: Tensor) -> Tensor:
    """Return images fitted to the keyframes where they show the background, shape (r, n)."""
    weights = seen.flatten(1)

    def fitted(chunk: slice) -> Tensor:
        step = keyframes.num_channels
        where = weights[:, chunk.start // step : chunk.stop // step].float().repeat_interleave(step, dim=1)
        return l1_fit(basis, keyframes.values(chunk), where=where)

    return torch.cat([fitted(chunk) for chunk in keyframes.chunks()], dim=1)


def _foreground(
    keyframes: Keyframes, basis: Tensor, images: Tensor, seen: Tensor, tuning: Tuning
) -> tuple[Tensor, Tensor]:
    """Return the variation, shape (h, w), and the foreground of the keyframes, shape (k, h, w)."""
    blurred = _blurred(keyframes, lambda indices: basis[indices] @ images)
    noise = variation(blurred, seen)
    return noise, blurred > threshold(noise, tuning)


def _solve(V: Tensor, config: Config) -> Decomposition:
    return decompose(
        V, reg=config.reg, gamma=config.gamma, weight=config.weight, solver=config.solver, steps=config.steps
    )


def _samples(keyframes: Keyframes, seed: int) -> Tensor:
    """Draw pixels that count, and return the indices of the values of all their channels."""
    height, width = keyframes.size_px
    counted = None if keyframes.counted is None else keyframes.counted.cpu().flatten().nonzero()[:, 0]
    pixels = torch.arange(height * width) if counted is None else counted
    drawn = pixels[torch.randperm(len(pixels), generator=torch.Generator().manual_seed(seed))[:_NUM_SAMPLES]]
    channels = torch.arange(keyframes.num_channels)
    return (drawn[:, None] * keyframes.num_channels + channels).flatten().to(keyframes.pixels.device)


def temporal_basis(X: Tensor) -> Tensor:
    """Return the left singular vectors of the components of X, shape (k, r), with a mean square of 1."""
    squares, U = torch.linalg.eigh(X.double() @ X.double().mT)
    sigma, U = squares.clamp_min(0).sqrt().flip(0), U.flip(1)
    rank = max(int((sigma > _MIN_FRACTION * sigma[0]).sum()), 1)
    basis: Tensor = (U[:, : min(rank, _MAX_COMPONENTS)] * len(X) ** 0.5).to(X.dtype)
    return basis


def _blurred(keyframes: Keyframes, background: Callable[[slice], Tensor]) -> Tensor:
    """Return the blurred differences of all keyframes from their background, shape (k, h, w)."""
    shape = (*keyframes.size_px, keyframes.num_channels)
    return torch.cat(
        [
            blur(
                difference(frames.view(-1, *shape), background(indices).expand_as(frames).reshape(-1, *shape))
            )
            for indices, frames in keyframes.batches()
        ]
    )
