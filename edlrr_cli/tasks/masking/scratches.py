"""Scratches: lines much longer than wide, brighter or darker than what is on both sides of them.

Candidates are ridges of the contrast of lines. A logistic model decides by what scratches have and the edges
and branches of a scene have not: they are narrow, cover the image with one gray level of one opacity whatever
is below, and there are no such lines of the other polarity around. Those that are certain show the paint of
all scratches of the image, for which it is then searched.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from edlrr_cli.tasks.masking.evidence import Evidence, Values, is_gray
from edlrr_cli.tasks.masking.found import Found, certainty
from edlrr_cli.tasks.masking.lines import Floats, line_contrast
from edlrr_cli.tasks.masking.repainted import repainted
from edlrr_cli.tasks.masking.ridges import Paint, Pixels, Ridges, medians, ridges_of
from edlrr_cli.tasks.masking.texture import local_quantile

_LENGTH_PX, _NUM_ANGLES = 31, 24
# Texture is this quantile of the contrasts in blocks of this side; noise below the constant is no texture.
_QUANTILE, _BLOCK_PX, _LEAST_TEXTURE = 0.8, 24, 0.006
# A candidate is clear of the texture if it exceeds this multiple of it, has this length, and is so narrow
# that its opacity beside it is less than this fraction.
_CLEAR, _CLEAR_PX, _BESIDE = 1.8, 15, 0.35
# Side of the square in which polarities are compared.
_AROUND_PX = 31

COLOR = Evidence(
    {"opacity": 3.23, "balance": 0.92, "unsteadiness": -0.28, "chroma": -1.48, "chroma_below": 0.49}, -3.3
)
GRAY = Evidence({"length": 0.28, "opacity": 4.79, "balance": 0.92, "unsteadiness": -0.92}, -2.09)
# A candidate is accepted beyond the threshold. Scratches seldom come alone and have one polarity, so it is
# discounted down to where lines of the other polarity, plus so many pixels, reach a fraction of the length.
# The discount is less if so little length is beyond the threshold itself.
_THRESHOLD, _DISCOUNT, _OTHERS, _MARGIN_PX = 3.0, 4.0, 0.1, 50
_UNSURE_DISCOUNT, _SURE_PX = 3.0, 30
# Lines beyond the threshold minus one of these are of one paint if they have the same opacity up to this
# fraction, and if they are long in total: this fraction of the diagonal, this one of all lines of the
# polarity, and so many times those of the other polarity. Scenes with as many have both polarities.
_DISCOUNTS, _ALIKE, _MANY, _MOST, _TIMES = (1.0, 2.0, 3.0, 4.0), 0.05, 0.8, 0.5, 8.0
# Many lines are those of a grid, such as a facade, if their directions have more than this resultant length
# up to right angles, and less up to half turns. Measured: 1.0 and 0.51 on a facade, at most 0.76 of arcs.
_GRID = 0.9
# Lines that cover more of the image are those of the scene, such as a lattice.
_MAX_FRACTION = 0.12


def find_scratches(pixels: Pixels, *, sensitivity: float = 1.0) -> Found:
    """Find long lines that are brighter or darker than what is on both sides of them.

    Args:
        pixels: Shape (h, w, c), c = 1 or 3, in [0, 1]. Not modified.
        sensitivity: Divides the threshold of the evidence.
    """
    evidence = GRAY if is_gray(pixels) else COLOR
    threshold = _THRESHOLD / sensitivity
    paints = Paint.of(pixels), Paint.of(1 - pixels)
    both = candidates(*paints)
    logits = [np.where(is_clear(ridges), evidence.logits(ridges.features), -np.inf) for ridges in both]
    hole = np.zeros(pixels.shape[:2], bool)
    accepted: list[float] = []
    notes: tuple[str, ...] = ()
    many_px = _MANY * float(np.hypot(pixels.shape[0], pixels.shape[1]))
    for own, other in ((0, 1), (1, 0)):
        ridges, lengths = both[own], both[own].features["length"]
        others = logits[other], both[other].features["length"]
        is_scratch = logits[own] > _discounted(threshold, logits[own], lengths, *others)
        is_scratch |= _of_one_paint(threshold, logits[own], ridges, *others, many_px=many_px)
        if not is_scratch.any():
            continue
        certain = ridges.where(is_scratch)
        is_many = lengths[is_scratch].sum() >= many_px
        found = repainted(paints[own], certain, with_others=is_many)
        if found.mean() > _MAX_FRACTION or (is_many and _is_grid(certain)):
            notes = ("lines that cover much of the image, as a lattice does, were not taken for scratches",)
        else:
            hole |= found
            accepted.extend(logits[own][is_scratch])
    if not hole.any():
        return Found(hole, 0.0, notes)
    return Found(hole, certainty(float(np.median(accepted)), threshold), notes)


def _discounted(
    threshold: float, logits: Values, lengths: Values, other_logits: Values, other_lengths: Values
) -> float:
    """Return the threshold, lower if candidates are many, and those of the other polarity are few."""
    is_sure = lengths[logits > threshold].sum() >= _SURE_PX
    lowest = threshold - (_DISCOUNT if is_sure else _UNSURE_DISCOUNT)
    for least in np.sort(logits[(logits > lowest) & (logits < threshold)]):
        own, other = lengths[logits >= least].sum(), other_lengths[other_logits >= least].sum()
        if other + _MARGIN_PX <= _OTHERS * own:
            return float(np.nextafter(least, -np.inf))
    return threshold


def _of_one_paint(
    threshold: float,
    logits: Values,
    ridges: Ridges,
    other_logits: Values,
    other_lengths: Values,
    *,
    many_px: float,
) -> NDArray[np.bool_]:
    """Return the candidates that are many and have one opacity, as scratches of one paint, shape (n,)."""
    opacity, length = ridges.features["opacity"], ridges.features["length"]
    for discount in _DISCOUNTS:
        near = logits > threshold - discount
        alike = near & (np.abs(opacity[:, None] - opacity) < _ALIKE * opacity[:, None]) & near[:, None]
        lengths = alike @ length
        best = int(lengths.argmax()) if len(lengths) else -1
        others = other_lengths[other_logits > threshold - discount].sum()
        if best >= 0 and lengths[best] >= max(many_px, _MOST * length[near].sum(), _TIMES * others):
            return np.asarray(alike[best])
    return np.zeros(len(logits), bool)


def _is_grid(ridges: Ridges) -> bool:
    """Whether lines have two directions, at right angles, which those of a facade have."""
    orientation, length = ridges.features["orientation"], ridges.features["length"]
    one, two = (abs(length @ np.exp(1j * folds * orientation)) / length.sum() for folds in (2, 4))
    return bool(one < _GRID < two)


def is_clear(ridges: Ridges) -> NDArray[np.bool_]:
    """Return which candidates are clear of the texture, shape (n,)."""
    ratio, length, beside = (ridges.features[name] for name in ("ratio", "length", "beside"))
    return (ratio >= _CLEAR) & (length >= _CLEAR_PX) & (beside < _BESIDE)


def candidates(bright: Paint, dark: Paint) -> tuple[Ridges, Ridges]:
    """Return the bright and the dark candidates.

    Args:
        bright: Of the image.
        dark: Of its negative.
    """
    gray = bright.values.mean(axis=2)
    contrasts = line_contrast(gray, length_px=_LENGTH_PX, num_angles=_NUM_ANGLES)
    texture = local_quantile(np.maximum(*contrasts), _QUANTILE, _BLOCK_PX) + _LEAST_TEXTURE
    return (
        _with_balance(ridges_of(contrasts[0], texture, bright), *contrasts),
        _with_balance(ridges_of(contrasts[1], texture, dark), *contrasts[::-1]),
    )


def _with_balance(ridges: Ridges, own: Floats, other: Floats) -> Ridges:
    """Return ridges with their contrast over that of the other polarity around as feature ``balance``."""
    balance = own / (uniform_filter(other, _AROUND_PX) + 0.002)
    return Ridges(ridges.skeletons, ridges.features | medians(ridges.skeletons, {"balance": balance}))
