"""Restoration of large images in windows around their holes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from threading import Event

import numpy as np

from edlrr_cli.parallel import map_in_threads
from edlrr_cli.tasks.inpaint.geometry import Window, area_of, box_of, cells_of, grown
from edlrr_cli.tasks.inpaint.problem import Bools, Candidate, Pixels, Result, seen_of

_log = logging.getLogger(__name__)

# Images up to the first side are restored whole. Larger ones are divided into cells of about the second side;
# the window of a cell is the bounding box of its holes with a margin, where windows are blended.
_WHOLE_PX, _CELL_PX, _MARGIN_PX = 512, 320, 48
# A window grows until this fraction of it is known, or half the known fraction of the whole image.
_MIN_KNOWN = 0.25

_NOTHING = np.empty((0, 0, 0))


def is_small(known: Bools) -> bool:
    """Whether an image (h, w) is restored whole."""
    return bool(max(known.shape) <= _WHOLE_PX)


def windows_of(known: Bools, factor: int = 1, *, visible: Bools | None = None) -> list[Window]:
    """Return the windows of an image: all of a small one, otherwise one around the holes of each cell.

    Args:
        known: Shape (h, w), True = known pixel; at least one, and at least one missing.
        factor: Factor by which the windows will be downscaled; they are larger accordingly.
        visible: Shape (h, w), False = transparent pixel, which does not count as known; None: all visible.
    """
    if is_small(known):
        return [(slice(0, known.shape[0]), slice(0, known.shape[1]))]
    return list(_windows(~known, seen_of(known, visible), factor))


def num_px(windows: Sequence[Window]) -> int:
    """Return the total number of pixels of windows; overlaps are counted repeatedly."""
    return sum(map(area_of, windows))


def restore_in_windows(
    image: Pixels,
    known: Bools,
    windows: Sequence[Window],
    restore: Callable[[Window], Result],
    *,
    num_threads: int = 1,
    stop: Event | None = None,
    finished: Callable[[Result], None] | None = None,
) -> Result:
    """Restore an image in windows and blend them.

    Args:
        image: Shape (h, w, c). Not modified.
        known: Shape (h, w), False = pixel to be restored; `restore` may count others as missing.
        windows: Windows around these pixels.
        restore: Restores one window.
        num_threads: Number of windows in parallel.
        stop: Set on an error, to cancel the windows in progress.
        finished: Called with the result of each window.

    Returns:
        For several windows, penalty and data term are sums, steps and stop are those of the window with the
        most steps, and the other statistics are means weighted by the missing pixels.
    """
    if len(windows) == 1 and known[windows[0]].size == known.size:
        return restore(windows[0])
    canvas = _Canvas(known, image.shape[2])
    results, counts = [], []
    done = map_in_threads(restore, windows, num_threads=num_threads, stop=stop)
    for window, result in zip(windows, done, strict=True):
        canvas.add(window, result)
        results.append(replace(result, restored=_NOTHING, start=_NOTHING, error=None))
        counts.append(float((~known[window]).sum()))
        _log.info("window %s: %d pixels missing", _corners(window), counts[-1])
        if finished is not None:
            finished(result)
    return replace(joined(results, counts), restored=canvas.restored(image), error=canvas.error)


class _Canvas:
    """Blends the missing pixels of overlapping windows."""

    def __init__(self, known: Bools, num_channels: int) -> None:
        self._hole = ~known
        self._missing = np.flatnonzero(self._hole)
        self._total = np.zeros((len(self._missing), num_channels))
        self._squares = np.zeros(len(self._missing))
        self._weight = np.full(len(self._missing), np.finfo(float).tiny)
        self._has_error = False

    def add(self, window: Window, result: Result) -> None:
        hole, shape = self._hole[window], self._hole.shape
        rows, columns = np.nonzero(hole)
        indices = (rows + window[0].start) * shape[1] + columns + window[1].start
        at, ramp = np.searchsorted(self._missing, indices), _ramp(window, shape)[hole]
        self._total[at] += ramp[:, None] * result.restored[hole]
        self._weight[at] += ramp
        if result.error is not None:
            self._has_error = True
            self._squares[at] += ramp * np.square(result.error[hole])

    def restored(self, image: Pixels) -> Pixels:
        restored = image.copy()
        restored[self._hole] = self._total / self._weight[:, None]
        return restored

    @property
    def error(self) -> Pixels | None:
        if not self._has_error:
            return None
        error = np.zeros(self._hole.shape)
        error[self._hole] = np.sqrt(self._squares / self._weight)
        return error


def _windows(missing: Bools, seen: Bools, factor: int) -> Iterator[Window]:
    """Yield a window around the holes of each cell of a grid, with enough seen pixels in it."""
    enough = min(_MIN_KNOWN, seen.mean() / 2)
    # A downscaled window may have half the side of one at full scale.
    cell_px, least_margin = max(_CELL_PX, _CELL_PX * factor // 2), max(_MARGIN_PX, _MARGIN_PX * factor // 2)
    for cell in cells_of(missing.shape, cell_px):
        hole = missing[cell]
        if not hole.any():
            continue
        box = box_of(hole, (cell[0].start, cell[1].start))
        margin = least_margin
        window = grown(box, margin, seen.shape)
        while seen[window].mean() < enough and seen[window].size < seen.size:
            margin *= 2
            window = grown(box, margin, seen.shape)
        yield window


def _corners(window: Window) -> str:
    rows, columns = window
    return f"x {columns.start}-{columns.stop}, y {rows.start}-{rows.stop}"


def _ramp(window: Window, shape: tuple[int, ...]) -> Pixels:
    """Return blending weights, shape of the window, that decrease towards its sides inside the image."""
    down, across = (_ramp_along(side, size) for side, size in zip(window, shape, strict=True))
    return np.asarray(np.outer(down, across))


def _ramp_along(side: slice, size: int) -> Pixels:
    indices = np.arange(side.start, side.stop)
    before = np.inf if side.start == 0 else indices - side.start + 1
    after = np.inf if side.stop == size else side.stop - indices
    ramp = np.minimum(np.minimum(before, after), _MARGIN_PX) / _MARGIN_PX
    return np.asarray(np.broadcast_to(ramp, len(indices)))


def joined_stages(results: list[Result], counts: list[float]) -> Result:
    """Return the result of several passes over an image, each of which restores other pixels.

    Args:
        results: Results of `restore_in_windows`; the last one has all restored pixels.
        counts: Number of pixels that each pass restores.
    """
    if len(results) == 1:
        return results[0]
    errors = [result.error for result in results if result.error is not None]
    error = sum(errors[1:], errors[0]) if errors else None
    return replace(joined(results, counts), restored=results[-1].restored, error=error)


def joined(results: Sequence[Result], counts: Sequence[float]) -> Result:
    """Return the statistics of several windows, see `restore_in_windows`.

    Args:
        counts: Number of missing pixels of each.
    """

    def mean(values: list[float]) -> float:
        return float(np.average(values, weights=counts))

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
        held_out_psnr=_mean_psnr(judged) if judged else None,
        candidates=_joined_candidates(results, counts),
    )


def _joined_candidates(results: Sequence[Result], counts: Sequence[float]) -> tuple[Candidate, ...]:
    joined = []
    for name in dict.fromkeys(candidate.name for result in results for candidate in result.candidates):
        weights = [result.mixture_weights.get(name, 0.0) for result in results]
        psnrs = [each.held_out_psnr for result in results for each in result.candidates if each.name == name]
        weight = float(np.average(weights, weights=counts))
        joined.append(Candidate(name, weight, _mean_psnr(psnrs), restored=None))
    return tuple(joined)


def _mean_psnr(psnrs: list[float]) -> float:
    """Return the PSNR of the mean squared error."""
    return float(-10 * np.log10(np.mean(10 ** (-np.array(psnrs) / 10))))
