"""Large pictures, restored in windows around their holes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np

from edlrr_cli.tasks.inpaint import Bools, Pixels, Result

# Pictures up to this side are restored whole; of larger ones the holes in each cell of about this side, with
# a margin around them that is seen, and blended with the neighbour's.
_WHOLE_PX, _CELL_PX, _MARGIN_PX = 512, 320, 48
# What is seen grows until this share of it is known, or half of the whole picture's.
_MIN_KNOWN = 0.25

_Window = tuple[slice, slice]


def restore_in_windows(image: Pixels, known: Bools, restore: Callable[[Pixels, Bools], Result]) -> Result:
    """Restore a picture, a large one in windows; where there is no hole nothing is done.

    Args:
        image: Shape (h, w, c). Not modified.
        known: Shape (h, w), True = known pixel; at least one, and at least one missing.
        restore: Restores one window whole.

    Returns:
        Of several windows: penalty and data term are sums, steps and stop of the one that took most, shares,
        scale and the like means, weighted by the missing pixels.
    """
    if max(known.shape) <= _WHOLE_PX:
        return restore(image, known)
    canvas = _Canvas(image.shape)
    results, counts = [], []
    for window in _windows(known):
        result = restore(image[window], known[window])
        canvas.add(window, result)
        results.append(result)
        counts.append(float((~known[window]).sum()))
    restored = np.where(known[..., None], image, canvas.restored)
    error = None if results[0].error is None else np.where(known, 0.0, canvas.error)
    return replace(_joined(results, counts), restored=restored, error=error)


class _Canvas:
    """Overlapping windows, blended."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._total, self._squares = np.zeros(shape), np.zeros(shape[:2])
        self._weight = np.full(shape[:2], np.finfo(float).tiny)

    def add(self, window: _Window, result: Result) -> None:
        ramp = _ramp(window, self._weight.shape)
        self._total[window] += ramp[..., None] * result.restored
        self._weight[window] += ramp
        if result.error is not None:
            self._squares[window] += ramp * np.square(result.error)

    @property
    def restored(self) -> Pixels:
        return np.asarray(self._total / self._weight[..., None])

    @property
    def error(self) -> Pixels:
        return np.asarray(np.sqrt(self._squares / self._weight))


def _windows(known: Bools) -> Iterator[_Window]:
    """Yield a window for the holes in each cell of a grid, with enough known pixels around them."""
    enough = min(_MIN_KNOWN, known.mean() / 2)
    for rows in _cells(known.shape[0]):
        for columns in _cells(known.shape[1]):
            hole = ~known[rows, columns]
            if not hole.any():
                continue
            box = _extent(hole, 0, rows.start), _extent(hole, 1, columns.start)
            margin = _MARGIN_PX
            window = _grown(box, margin, known.shape)
            while known[window].mean() < enough and known[window].size < known.size:
                margin *= 2
                window = _grown(box, margin, known.shape)
            yield window


def _extent(hole: Bools, axis: int, start: int) -> slice:
    places = np.flatnonzero(hole.any(1 - axis))
    return slice(start + int(places[0]), start + int(places[-1]) + 1)


def _cells(size: int) -> list[slice]:
    edges = np.linspace(0, size, math.ceil(size / _CELL_PX) + 1).round().astype(int)
    return [slice(int(first), int(last)) for first, last in pairwise(edges)]


def _grown(box: _Window, margin: int, shape: tuple[int, ...]) -> _Window:
    rows, columns = (
        slice(max(side.start - margin, 0), min(side.stop + margin, size))
        for side, size in zip(box, shape, strict=True)
    )
    return rows, columns


def _ramp(window: _Window, shape: tuple[int, ...]) -> Pixels:
    """Return weights that fall towards sides of the window within the picture, shape of the window."""
    down, across = (_ramp_along(side, size) for side, size in zip(window, shape, strict=True))
    return np.asarray(np.outer(down, across))


def _ramp_along(side: slice, size: int) -> Pixels:
    places = np.arange(side.start, side.stop)
    before = np.inf if side.start == 0 else places - side.start + 1
    after = np.inf if side.stop == size else side.stop - places
    ramp = np.minimum(np.minimum(before, after), _MARGIN_PX) / _MARGIN_PX
    return np.asarray(np.broadcast_to(ramp, len(places)))


def _joined(results: list[Result], counts: list[float]) -> Result:
    def mean(values: list[float]) -> float:
        return float(np.average(values, weights=counts))

    names = list(dict(pair for result in results for pair in result.shares))
    judged = [result.held_out_psnr for result in results if result.held_out_psnr is not None]
    longest = max(results, key=lambda result: result.iterations)
    return replace(
        longest,
        scale=mean([result.scale for result in results]),
        data_term=sum(result.data_term for result in results),
        penalty=sum(result.penalty for result in results),
        effective_rank_before=mean([result.effective_rank_before for result in results]),
        effective_rank_after=mean([result.effective_rank_after for result in results]),
        weight=mean([result.weight for result in results]),
        held_out_psnr=float(-10 * np.log10(np.mean(10 ** (-np.array(judged) / 10)))) if judged else None,
        shares=tuple(
            (name, mean([dict(result.shares).get(name, 0.0) for result in results])) for name in names
        ),
    )
