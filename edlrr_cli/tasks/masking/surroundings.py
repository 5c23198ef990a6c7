"""What distinguishes small bright specks of paint from texture: how alone they are, and how gray."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, find_objects

from edlrr_cli.tasks.masking.evidence import Values
from edlrr_cli.tasks.masking.found import Bools

Pixels = NDArray[np.float64]
Labels = NDArray[np.int32]

# Surroundings are a rectangle with this margin; the soft edges of a speck are so many pixels wide.
_MARGIN_PX, _SOFT_PX = 6, 2
_SQUARE = np.ones((3, 3), bool)
_LEAST_ROOM = _LEAST = 0.02
_LEAST_CONTRAST = 1e-3
NAMES = ("around", "counter", "unevenness", "residual")


def surroundings(labels: Labels, values: Pixels, contrast: Pixels, counter: Pixels) -> dict[str, Values]:
    """Return features of bright specks in units of their contrast, shape (n,) each.

    ``around`` is the greatest contrast in their surroundings; ``counter`` that of dark detail there;
    ``unevenness`` the deviation of the gray values just outside of them; ``residual`` what is left of the
    contrasts of the channels after the white paint that fits best.

    Args:
        labels: From 1, without gaps, shape (h, w).
        values: Shape (h, w, c).
        contrast: Of bright detail, shape (h, w).
        counter: Of dark detail, shape (h, w).
    """
    rows = []
    for number, where in enumerate(find_objects(labels), start=1):
        near = tuple(slice(max(part.start - _MARGIN_PX, 0), part.stop + _MARGIN_PX) for part in where)
        speck = labels[near] == number
        rows.append(_features(speck, values[near], contrast[near], counter[near]))
    columns = np.maximum(np.array(rows).reshape(-1, len(NAMES)).T, _LEAST)
    return dict(zip(NAMES, columns, strict=True))


def _features(speck: Bools, values: Pixels, contrast: Pixels, counter: Pixels) -> tuple[float, ...]:
    soft = binary_dilation(speck, _SQUARE, iterations=_SOFT_PX)
    ring = soft & ~binary_dilation(speck, _SQUARE)
    at = np.unravel_index(int(np.where(speck, contrast, -1).argmax()), speck.shape)
    peak = max(float(contrast[at]), _LEAST_CONTRAST)
    if not ring.any():
        return 1.0, 1.0, 1.0, 1.0
    below = np.median(values[ring], axis=0)
    room = np.maximum(1 - below, _LEAST_ROOM)
    opacity = room @ (values[at] - below) / (room @ room)
    residual = np.sqrt(np.mean((values[at] - below - opacity * room) ** 2))
    around = contrast[~soft].max(initial=0.0)
    unevenness = values.mean(axis=2)[ring].std()
    return float(around) / peak, float(counter.max()) / peak, float(unevenness) / peak, float(residual) / peak
