"""Held-out pixels: known pixels hidden from the restoration, in the shape of the holes, to evaluate it."""

from __future__ import annotations

import numpy as np

from edlrr_cli.tasks.inpaint.problem import Bools, seen_of

_MAX_TRIES = 2000


def held_out(
    known: Bools, fraction: float, generator: np.random.Generator, visible: Bools | None = None
) -> Bools:
    """Choose known pixels to hide: copies of whole holes, placed where all pixels are known.

    A hidden pixel with known neighbors is easier to restore than the inside of a hole, so the copies keep
    the shape of the holes. Where holes are too large or too dense to place, single pixels make up the rest.

    Args:
        known: Shape (h, w), True = known pixel. Not modified.
        fraction: Maximum fraction of the known pixels to hide; at least one pixel is never hidden.
        generator: Source of randomness.
        visible: Shape (h, w), False = transparent pixel, which is not hidden; None: all pixels are visible.

    Returns:
        Shape (h, w), True = hidden; a subset of ``known`` and of ``visible``.
    """
    seen = seen_of(known, visible)
    candidates = np.flatnonzero(seen)
    budget = min(round(fraction * candidates.size), candidates.size - 1)
    hidden, left = np.zeros_like(known), budget
    for hole in _small_holes(known, budget, generator) if budget > 0 else ():
        left -= _hide_copy(hole, seen, hidden, left, generator)
    rest = np.flatnonzero(seen & ~hidden)
    single = generator.choice(rest, size=left, replace=False)
    hidden.flat[single] = True
    return hidden


def _small_holes(known: Bools, budget: int, generator: np.random.Generator) -> list[Bools]:
    """Return the holes of at most ``budget`` pixels, each in its bounding box, in random order."""
    from scipy import ndimage

    labels, _ = ndimage.label(~known)
    boxes = ndimage.find_objects(labels)
    order = generator.permutation(len(boxes))[:_MAX_TRIES]
    holes = [labels[boxes[i]] == i + 1 for i in order]
    return [hole for hole in holes if hole.sum() <= budget]


def _hide_copy(hole: Bools, known: Bools, hidden: Bools, budget: int, generator: np.random.Generator) -> int:
    """Hide a copy of a hole at one random position, if all its pixels are known and the budget allows.

    Returns:
        The number of pixels hidden.
    """
    num_px = int(hole.sum())
    if num_px > budget:
        return 0
    y, x = (
        int(generator.integers(size - extent + 1))
        for size, extent in zip(known.shape, hole.shape, strict=True)
    )
    box = np.s_[y : y + hole.shape[0], x : x + hole.shape[1]]
    if not (known[box] & ~hidden[box])[hole].all():
        return 0
    hidden[box] |= hole
    return num_px
