"""Blind estimation of the noise level of an image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.special import ndtr

from edlrr_cli.tasks.denoise.flat_parts import constant_squares, flat_neighborhoods

_BLOCK_PX = 16
_MAX_BLOCKS = 4000
# The estimate is this quantile of the variances of the blocks, below which blocks have no texture. For white
# noise it is this fraction of the true variance, as blocks scatter (simulated on 3000 x 3000 pixels).
_QUANTILE, _FRACTION = 0.15, 0.829
# A block is used if its mean is at least this many deviations from black and white, where noise is clipped;
# the fraction nearest to medium gray is always used. The deviation is iterated in these rounds.
_ROOM, _MIN_FRACTION = 1.5, 0.1
_ROUNDS = 8
# A block with more than this fraction of pixels at black and white crosses the edge of a clipped part.
_MAX_CLIPPED, _ENOUGH_BLOCKS = 0.12, 12
# With missing pixels: minimum number of wholly known blocks, and of differences in a block.
_MIN_WHOLE, _MIN_TRIPLES = 30, 12
# Blocks are adjacent; where too few are wholly known, they overlap with this step.
_OVERLAPPING_PX = 4
# Flat parts contain constant squares of this side; those of 8 x 8 come from JPEG.
_FLAT_PX = 12
# Outside flat parts a block is noisy if at most this fraction of its neighborhoods is flat, and it has at
# least this many distinct values; patterns (dither, text) have fewer.
_MAX_FLAT, _MIN_VALUES = 0.05, 4
# More flat neighborhoods than this outside the flat parts, in units of noisy blocks, show that the rest is
# clean, too; except in blocks within so many deviations of the extremes, where noise is clipped.
_MAX_CLEAN, _CLIPPED_WITHIN = 0.1, 0.25
# Noise level on [0, 1] that is comparable to rounding to 8 bits.
_NEGLIGIBLE = 0.3 / 255
# Gain of the standard deviation of white noise under differences of order 0, 1 and 2.
_GAINS = (1.0, 2**0.5, 6**0.5)


def estimate_noise_level(pixels: NDArray[Any], known: NDArray[np.bool_] | None = None) -> float:
    """Estimate the standard deviation of white Gaussian noise.

    The difference of two Laplacians is blind to smooth shades and straight edges; its variance is measured in
    blocks, and a low quantile excludes those with texture. If all values are within [0, 1], as in integer
    files, blocks near black and white, where noise is clipped, are excluded, and the loss of the others is
    corrected. Constant parts are excluded, too; but if the rest also has constant spots, as in drawings and
    text, there is no noise.

    Args:
        pixels: Shape (h, w, c), nominally in [0, 1]. Not modified.
        known: Shape (h, w), True = pixel to use, at least one; None for all. Where too few blocks are wholly
            known, second differences of adjacent known pixels are measured instead, less accurately.

    Returns:
        Root mean square over the channels, on the scale of the pixels; 0 for a constant image. Correlated
        noise, as after JPEG or demosaicking, is underestimated.

    Source: the operator: Immerkaer, "Fast noise variance estimation", 1996. Blocks and quantile are ours.

    Example:
        >>> noise = 0.1 * np.random.default_rng(0).standard_normal((256, 256, 1))
        >>> round(estimate_noise_level(0.5 + noise), 2)
        0.1
    """
    known = np.ones(pixels.shape[:2], bool) if known is None else known
    variances = [_variance(pixels[..., channel], known) for channel in range(pixels.shape[2])]
    return float(np.sqrt(np.mean(variances)))


def low_noise_notes(level: float, option: str, *, given: float | None) -> tuple[str, ...]:
    """Return a note for the user if the estimated noise is negligible, and no note otherwise.

    Args:
        level: Noise level, on [0, 1].
        given: The level from the settings; None: it was estimated.
    """
    if given is not None or level >= _NEGLIGIBLE:
        return ()
    found = f"the estimated noise is {255 * level:.2g} of 255, next to nothing"
    return (f"{found}; if the image is noisy, set its level with {option}",)


def _variance(channel: NDArray[Any], known: NDArray[np.bool_]) -> float:
    if min(channel.shape) < _BLOCK_PX + 2:
        return float(_variances(channel[None])[0]) if known.all() else _variance_of_triples(channel, known)
    flat = flat_neighborhoods(channel)
    flat_part = constant_squares(flat, _FLAT_PX)
    if flat_part.any():
        variance = _variance_beside(flat_part, flat, channel, known)
        if variance is not None:
            return variance
    for step_px in (_BLOCK_PX, _OVERLAPPING_PX):
        blocks = _blocks(channel, step_px)[_blocks(known, step_px).all((1, 2))]
        if known.all() or len(blocks) >= _MIN_WHOLE:
            return _variance_of_blocks(blocks, is_clipped=_is_clipped(channel[known]))
    return _variance_of_triples(channel, known)


def _variance_beside(
    flat_part: NDArray[np.bool_], flat: NDArray[np.bool_], channel: NDArray[Any], known: NDArray[np.bool_]
) -> float | None:
    """Return the variance outside the flat parts; None if too few pixels are left, or they are clean, too."""
    rest = known & ~flat_part
    for step_px in (_BLOCK_PX, _OVERLAPPING_PX):
        blocks = _blocks(channel, step_px)
        fractions = _blocks(flat & rest, step_px).mean((1, 2))
        noisy = _blocks(rest, step_px).all((1, 2)) & (fractions <= _MAX_FLAT)
        noisy[noisy] = _num_values(blocks[noisy]) >= _MIN_VALUES
        if noisy.sum() >= _MIN_WHOLE:
            values, means = channel[known], blocks.mean((1, 2))
            variance = _variance_of_blocks(blocks[noisy], is_clipped=_is_clipped(values))
            room = np.minimum(means - values.min(), values.max() - means)
            unexplained = fractions[~noisy & (room >= _CLIPPED_WITHIN * np.sqrt(variance))].sum()
            return variance if unexplained <= _MAX_CLEAN * noisy.sum() else None
    return None


def _is_clipped(values: NDArray[Any]) -> bool:
    """Whether all values are in [0, 1], so that noise is clipped at black and white."""
    return bool(values.min() >= 0 and values.max() <= 1)


def _num_values(blocks: NDArray[Any]) -> NDArray[np.int_]:
    """Return the number of distinct values of each block."""
    ordered = np.sort(blocks.reshape(len(blocks), (_BLOCK_PX + 2) ** 2), axis=1)
    return np.asarray((np.diff(ordered, axis=1) > 0).sum(1) + 1)


def _variance_of_blocks(blocks: NDArray[Any], *, is_clipped: bool) -> float:
    variances, means = _variances(blocks), blocks.mean((1, 2))
    variance = _typical(variances)
    if not is_clipped or variance == 0:
        return variance
    is_whole = ((blocks == 0) | (blocks == 1)).mean((1, 2)) <= _MAX_CLIPPED
    distances = np.minimum(means, 1 - means)
    order = np.argsort(-distances, kind="stable")
    least = max(int(_MIN_FRACTION * len(order)), 1)
    enough = least if is_whole.all() else min(least, _ENOUGH_BLOCKS)
    for _ in range(_ROUNDS):
        has_room = distances >= _ROOM * np.sqrt(variance)
        used = np.flatnonzero(has_room & is_whole)
        if len(used) < enough:
            used = order[: max(int(has_room.sum()), least)]
        variance = _typical(variances[used] / _remaining_fraction(means[used], np.sqrt(variance)))
    return variance


def _variance_of_triples(channel: NDArray[Any], known: NDArray[np.bool_]) -> float:
    """Return the variance from second differences of three known pixels in a row or a column, by blocks."""
    from scipy.stats import chi2

    sums, counts = (np.zeros([-(-size // _BLOCK_PX) for size in channel.shape]) for _ in range(2))
    for values, here, turned in ((channel, known, False), (channel.T, known.T, True)):
        triple = here[:-2] & here[1:-1] & here[2:]
        squares = np.square(np.diff(np.where(here, values, 0.0), 2, axis=0)) / _GAINS[2] ** 2
        y, x = (indices // _BLOCK_PX for indices in np.nonzero(triple)[:: -1 if turned else 1])
        np.add.at(sums, (y, x), squares[triple])
        np.add.at(counts, (y, x), 1)
    if counts.max() == 0:
        return 0.0
    enough = counts >= min(_MIN_TRIPLES, counts.max())
    sums, counts = sums[enough], counts[enough]
    # The variance of so few differences scatters more than that of a wholly known block.
    fraction = chi2.ppf(_QUANTILE, np.median(counts)) / np.median(counts)
    return float(np.quantile(sums / counts, _QUANTILE) / fraction)


def _blocks(channel: NDArray[Any], step_px: int) -> NDArray[Any]:
    """Return evenly spaced blocks with a margin of one pixel, shape (n, 18, 18)."""
    side = _BLOCK_PX + 2
    windows = sliding_window_view(channel, (side, side))
    step = max(step_px, int(np.ceil(np.sqrt(channel.size / _MAX_BLOCKS))))
    return windows[::step, ::step].reshape(-1, side, side)


def _variances(blocks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the noise variance of each block, assuming that it has no texture."""
    for axis in (1, 2):
        order = min(2, blocks.shape[axis] - 1)
        blocks = np.diff(blocks, order, axis=axis) / _GAINS[order]
    return np.asarray(np.square(blocks).mean((1, 2)))


def _remaining_fraction(means: NDArray[np.float64], deviation: float) -> NDArray[np.float64]:
    """Return the variance of normal variables after clipping to [0, 1], as a fraction of that before.

    Args:
        means: Means before clipping; those of blocks after clipping are close enough where they are used.
        deviation: Standard deviation before clipping.
    """
    if deviation == 0:
        return np.ones_like(means)
    a, b = -means / deviation, (1 - means) / deviation
    density_a, density_b = (np.exp(-np.square(z) / 2) / np.sqrt(2 * np.pi) for z in (a, b))
    inside = ndtr(b) - ndtr(a)
    # First and second moment about the mean, in units of the deviation.
    first = density_a - density_b + a * ndtr(a) + b * ndtr(-b)
    second = inside + a * density_a - b * density_b + a**2 * ndtr(a) + b**2 * ndtr(-b)
    return np.asarray(second - first**2)


def _typical(variances: NDArray[np.float64]) -> float:
    return float(np.quantile(variances, _QUANTILE)) / _FRACTION
