"""The background of a clip with holes: a subspace of images, from the frames in which each pixel is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edlrr_cli.tasks.bgsep.decompose import Decomposition, decompose
from edlrr_cli.tasks.bgsep.keyframes import Keyframes
from edlrr_cli.tasks.bgsep.model import temporal_basis
from edlrr_cli.tasks.bgsep.robust import l1_fit
from edlrr_cli.tasks.clips.smooth import interpolate_smoothly

Pixels = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]
FillImage = Callable[[Pixels, Bools], Pixels]
"""Restores an image (h, w, c) on [0, 1] from the pixels that are known, (h, w)."""
Region = tuple[slice, slice]
"""Rows and columns of a frame."""

# Weight of the penalty, in units of that of principal component pursuit, and steps; those of the separation.
_WEIGHT, _STEPS = 3.0, 100
_NUM_SAMPLES = 1024
# Pixels that are fitted at once, which bounds the memory.
_CHUNK = 2**12
# A pixel known in fewer keyframes (if there are as many), also relative to the best known one, is restored as
# one of an image.
_MIN_SEEN, _MIN_SEEN_FRACTION = 2, 0.05
# An earlier background is continued where the median difference of the pixels that both reveal is smaller.
_SAME_SCENE = 5 / 255


@dataclass(frozen=True, eq=False)
class Background:
    """A subspace of images; the background of a frame is the combination that fits its known pixels.

    Attributes:
        images: Basis images of the region, shape (r, h, w, c).
        typical: Coefficients of a typical frame, shape (r,).
        samples: Indices of the pixels of the whole frame that determine the coefficients, shape (s,).
        sampled: Their values in the basis images, shape (r, s * c).
        revealed: Shape (h, w), True = pixel of the region that is known in enough keyframes.
        solution: Solution of the low-rank problem.
    """

    images: Tensor
    typical: Tensor
    samples: Tensor
    sampled: Tensor
    revealed: Tensor
    solution: Decomposition

    def coefficients(self, frames: Tensor, known: Tensor) -> Tensor:
        """Return the coefficients that fit the known pixels of frames, shape (b, r).

        Args:
            frames: Sampled values of the frames, shape (b, s, c), on [0, 1].
            known: Shape (b, s).
        """
        where = known.repeat_interleave(frames.shape[2], dim=1).float()
        fitted = l1_fit(self.sampled.mT, frames.flatten(1).mT, where=where.mT).mT
        return torch.where(where.any(1, keepdim=True), fitted, self.typical)

    @property
    def image(self) -> Tensor:
        """Return the background of the typical frame, shape (h, w, c)."""
        return torch.einsum("r,rhwc->hwc", self.typical, self.images)


def fit_background(
    keyframes: Keyframes, known: Tensor, region: Region, *, reg: str, gamma: float | None, seed: int
) -> Background:
    """Fit the background of a region to keyframes with holes.

    min_X  sum_known |V - X| + lambda R(X)  over sampled pixels gives the temporal basis, to which every pixel
    is fitted by least absolute deviations over the frames in which it is known; objects that cover it in less
    than half of them do not count.

    Args:
        keyframes: The k keyframes; values of missing pixels are ignored.
        known: Shape (k, h, w), True = known pixel.
        reg: Penalty, one of `edlrr_cli.lrr.names.REG_NAMES`.
        gamma: Shape of the penalty; None: its default.
        seed: Seed of the choice of pixels.

    Returns:
        The background; 0 at pixels that are known in no keyframe.

    Raises:
        NumericsError: The penalty left the range of its series.
    """
    counts = known.sum(0)
    samples = _samples(counts.flatten(), seed)
    V, where = _values(keyframes, known, samples)
    solution = decompose(V, known=where, reg=reg, gamma=gamma, weight=_WEIGHT, steps=_STEPS)
    basis = temporal_basis(solution.low_rank)
    rows = torch.arange(counts.numel(), device=known.device).view(counts.shape)[region]
    images = torch.cat(
        [_fitted(basis, keyframes, known, part) for part in torch.split(rows.flatten(), _CHUNK)], 1
    )
    enough = max(min(_MIN_SEEN, len(known)), _MIN_SEEN_FRACTION * int(counts.max()))
    return Background(
        images=images.view(-1, *rows.shape, keyframes.num_channels),
        typical=basis.median(dim=0).values,
        samples=samples,
        sampled=l1_fit(basis, V, where=where.float()),
        revealed=counts[region] >= enough,
        solution=solution,
    )


def _samples(counts: Tensor, seed: int) -> Tensor:
    """Draw pixels among the best known half."""
    best = torch.nonzero((counts >= counts.float().median()) & (counts > 0)).flatten()
    drawn = torch.randperm(len(best), generator=torch.Generator().manual_seed(seed))[:_NUM_SAMPLES]
    return best[drawn.to(best.device)]


def _fitted(basis: Tensor, keyframes: Keyframes, known: Tensor, pixels: Tensor) -> Tensor:
    V, where = _values(keyframes, known, pixels)
    return l1_fit(basis, V, where=where.float())


def _values(keyframes: Keyframes, known: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the values of all channels of some pixels, and whether they are known, shape (k, n * c)."""
    channels = torch.arange(keyframes.num_channels, device=pixels.device)
    indices = (pixels[:, None] * keyframes.num_channels + channels).flatten()
    return keyframes.values(indices), known.flatten(1)[:, indices // keyframes.num_channels]


def completed(
    background: Background, needed: Tensor, fill_image: FillImage, before: Background | None = None
) -> Background:
    """Return the background with the pixels that no keyframe reveals.

    They are those of an earlier background of the same scene, so that they do not change with time; otherwise
    the typical image is restored. The other components of the basis, and what is not needed, are interpolated
    smoothly.

    Args:
        needed: Shape (h, w), True = pixel of the region that a hole may uncover.
    """
    revealed = background.revealed
    if bool(revealed.all()):
        return background
    given = revealed | ~needed
    where = given[..., None]
    smooth = _interpolated(background.images, revealed)
    image = torch.einsum("r,rhwc->hwc", background.typical, smooth)
    if bool(given.all()):
        return replace(background, images=smooth)
    target = None if before is None else _continued(image, revealed, before)
    if target is None:
        filled = fill_image(image.clamp(0, 1).double().cpu().numpy(), given.cpu().numpy())
        target = torch.from_numpy(filled).to(image)
    images = smooth
    images[0] += torch.where(where, 0, (target - image) / background.typical[0])
    return replace(background, images=images)


def _interpolated(images: Tensor, known: Tensor) -> Tensor:
    """Return images (r, h, w, c) with the unknown pixels interpolated smoothly."""
    weights = known.to(images.dtype).expand(len(images), 1, *known.shape)
    return interpolate_smoothly(images.movedim(-1, 1), weights).movedim(1, -1)


def _continued(image: Tensor, revealed: Tensor, before: Background) -> Tensor | None:
    """Return an earlier background, adapted smoothly to this image; None if it shows another scene."""
    change = image - before.image
    common = revealed & before.revealed
    if not bool(common.any()) or float(change[common].abs().median()) > _SAME_SCENE:
        return None
    return before.image + _interpolated(change[None], common)[0]
