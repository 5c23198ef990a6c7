"""Known pixels that are hidden from the restoration, in the shape of the real holes, to judge it by."""

from __future__ import annotations

import numpy as np

from edlrr_cli.tasks.inpaint.picture import Bools, seen_of

_MAX_TRIES = 2000


def held_out(
    known: Bools, share: float, generator: np.random.Generator, visible: Bools | None = None
) -> Bools:
    """Choose known pixels to hide: copies of whole holes, put down where everything is known.

    A hidden pixel with known neighbours is easier than the inside of a hole, so the copies keep the holes'
    shape. Where holes are too large, or too dense to find free ground, single pixels make up the rest.

    Args:
        known: Shape (h, w), True = known pixel. Not modified.
        share: Of the known pixels, at most; at least one pixel always stays.
        generator: Source of the choice.
        visible: Shape (h, w), False = transparent pixel, which is not hidden; None: all pixels are visible.

    Returns:
        Shape (h, w), True = hidden; a subset of ``known`` and of ``visible``.
    """
    seen = seen_of(known, visible)
    candidates = np.flatnonzero(seen)
    budget = min(round(share * candidates.size), candidates.size - 1)
    hidden = np.zeros_like(known)
    for hole in _small_holes(known, budget, generator) if budget > 0 else ():
        _put_down(hole, seen, hidden, budget - int(hidden.sum()), generator)
    rest = np.flatnonzero(seen & ~hidden)
    single = generator.choice(rest, size=budget - int(hidden.sum()), replace=False)
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


def _put_down(hole: Bools, known: Bools, hidden: Bools, budget: int, generator: np.random.Generator) -> None:
    """Hide a copy of a hole at one random place, if all of it is known there and the budget allows."""
    if hole.sum() > budget:
        return
    y, x = (
        int(generator.integers(size - extent + 1))
        for size, extent in zip(known.shape, hole.shape, strict=True)
    )
    place = np.s_[y : y + hole.shape[0], x : x + hole.shape[1]]
    if (known[place] & ~hidden[place])[hole].all():
        hidden[place] |= hole
