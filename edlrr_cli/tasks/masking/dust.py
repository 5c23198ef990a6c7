"""Dust in an image itself: specks and hairs, brighter or darker than all that surrounds them.

Candidates are peaks of a top-hat that exceed the texture around. A logistic model decides by what dust has
and texture has not: it is small and thin, it covers the image with one gray level, whatever the colors below,
and it leaves the range of the values around it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import (
    find_objects,
    label,
    maximum_filter,
    maximum_position,
    minimum_filter,
    uniform_filter,
)

from edlrr_cli.tasks.denoise.noise_level import estimate_noise_level
from edlrr_cli.tasks.masking.evidence import Evidence, Values, is_gray
from edlrr_cli.tasks.masking.extent import inside, with_rim
from edlrr_cli.tasks.masking.found import Bools, Found, certainty
from edlrr_cli.tasks.masking.texture import bright_detail, local_quantile

Pixels = NDArray[np.float64]
Labels = NDArray[np.int32]

# Half the width of the widest speck.
_RADIUS_PX = 5
# Texture is this quantile of the top-hats in blocks of this side; noise below the constant is no texture.
_QUANTILE, _BLOCK_PX, _LEAST_TEXTURE = 0.9, 16, 0.008
# A candidate has a pixel beyond the first multiple of the texture. Candidates are separated where they fall
# below the second, or below half of their peak.
_CORE, _FLOOR, _REACH_PX = 1.2, 0.7, 3
# A candidate has a pixel beyond so many deviations of the noise, too; a top-hat counts from its least values.
_NOISE = 8.0
# The rim of dust has at least this fraction of its peak.
_EDGE = 0.25
# Candidates with a longer side than this are parts of the image.
_LONGEST_PX = 90
# Side of the square that is the surroundings of a pixel.
_AROUND_PX = 13
# No paint is seen on what is nearly white.
_LEAST_ROOM = 0.08

COLOR = Evidence(
    {
        "ratio": 2.12,
        "beyond": 0.13,
        "opacity": 3.42,
        "area": -0.38,
        "width": -3.12,
        "chroma": -0.72,
        "spread": -0.74,
    },
    -1.82,
)
GRAY = Evidence({"ratio": 2.57, "beyond": 0.21, "opacity": 5.73, "area": -0.46, "width": -3.23}, 1.95)
_THRESHOLD = 4.5


@dataclass(frozen=True, eq=False)
class Specks:
    """The candidates of one polarity.

    Attributes:
        labels: From 1, shape (h, w).
        tophat: Contrast to the surroundings, shape (h, w).
        features: Shape (n,) each.
    """

    labels: Labels
    tophat: Pixels
    features: dict[str, Values]


def find_dust(pixels: Pixels, *, sensitivity: float = 1.0) -> Found:
    """Find specks and hairs that are brighter or darker than their surroundings.

    Args:
        pixels: Shape (h, w, c), c = 1 or 3, in [0, 1]. Not modified.
        sensitivity: Divides the threshold of the evidence.
    """
    evidence, threshold = GRAY if is_gray(pixels) else COLOR, _THRESHOLD / sensitivity
    hole = np.zeros(pixels.shape[:2], bool)
    accepted: list[float] = []
    for specks in candidates(pixels):
        logits = evidence.logits(specks.features)
        hole |= _extent(specks, logits > threshold)
        accepted.extend(logits[logits > threshold])
    if not accepted:
        return Found(hole, 0.0)
    return Found(hole, certainty(float(np.median(accepted)), threshold))


def _extent(specks: Specks, is_dust: NDArray[np.bool_]) -> Bools:
    """Return the pixels of those candidates that are dust, with their soft edges."""
    core = np.concatenate([[False], is_dust])[specks.labels]
    return with_rim(core, specks.tophat, edge=_EDGE)


def candidates(pixels: Pixels) -> tuple[Specks, Specks]:
    """Return the bright candidates, and the dark ones, which are bright in the negative."""
    polarities = pixels, 1 - pixels
    tophats = [bright_detail(values.mean(axis=2), _RADIUS_PX) for values in polarities]
    texture = local_quantile(np.maximum(*tophats), _QUANTILE, _BLOCK_PX) + _LEAST_TEXTURE
    bright, dark = (
        _specks(values, tophat, texture) for values, tophat in zip(polarities, tophats, strict=True)
    )
    return bright, dark


def _specks(values: Pixels, tophat: Pixels, texture: Pixels) -> Specks:
    """Return the bright candidates."""
    noise = estimate_noise_level(values.mean(axis=2, keepdims=True))
    core = tophat > np.maximum(_CORE * texture, _NOISE * noise)
    hole = inside(core, tophat, floor=_FLOOR * texture, reach_px=_REACH_PX)
    labels, _ = label(hole, np.ones((3, 3)))
    lengths = np.array([max(part.stop - part.start for part in where) for where in find_objects(labels)])
    small = lengths <= _LONGEST_PX
    labels = np.concatenate([[0], np.where(small, np.cumsum(small), 0)]).astype(np.int32)[labels]
    features = _features(labels, lengths[small].astype(float), values, tophat, texture)
    return Specks(labels, tophat, features)


def _features(
    labels: Labels, lengths: Values, values: Pixels, tophat: Pixels, texture: Pixels
) -> dict[str, Values]:
    """Return the features of bright candidates by name, shape (n,) each.

    ``ratio`` is their contrast over the texture; ``beyond`` how far their peak is above the values around, in
    units of the range of those; ``opacity`` that of white paint of this contrast; ``chroma`` the range of the
    channels at the peak; ``spread`` the range of the opacities of the channels, which is 0 for gray paint.
    """
    count = len(lengths)
    area = np.bincount(labels.ravel(), minlength=count + 1)[1:].astype(float)
    peaks = maximum_position(tophat, labels, np.arange(1, count + 1)) if count else []
    at = tuple(np.array(peaks, int).reshape(count, 2).T)
    without = values.mean(axis=2) - tophat
    highest, lowest = maximum_filter(without, _AROUND_PX)[at], minimum_filter(without, _AROUND_PX)[at]
    peak, contrast = values[at], tophat[at]
    below = np.stack([_background(values[..., channel])[at] for channel in range(values.shape[2])], axis=1)
    opacities = (peak - below) / np.maximum(1 - below, _LEAST_ROOM)
    return {
        "ratio": contrast / texture[at],
        "beyond": (peak.mean(axis=1) - highest) / (highest - lowest + 0.02),
        "opacity": contrast / np.maximum(1 - without[at], _LEAST_ROOM),
        "area": area,
        "width": area / (lengths + 1),
        "chroma": np.ptp(peak, axis=1),
        "spread": np.ptp(opacities, axis=1),
    }


def _background(channel: Pixels) -> Pixels:
    """Return what a channel is without bright specks, smoothed."""
    smooth: Pixels = uniform_filter(channel - bright_detail(channel, _RADIUS_PX), _AROUND_PX // 2)
    return smooth
