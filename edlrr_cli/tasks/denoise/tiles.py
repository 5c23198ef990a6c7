"""Processing of large images in overlapping tiles, in bounded memory and with identical results."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

Progress = Callable[[int, int], None]
"""Called after each part of the work with the number of parts done and the number of all parts."""


@dataclass(frozen=True)
class Span:
    """Range of a tile along one axis: pixels ``start..stop`` are kept of those that it sees."""

    start: int
    stop: int
    seen_start: int
    seen_stop: int


def apply_in_tiles(
    call: Callable[[Tensor], Tensor],
    images: Tensor,
    *,
    tile_px: int,
    reach_px: int,
    stride_px: int,
    progress: Progress | None = None,
) -> Tensor:
    """Apply a function of images tile by tile, with the same result as on the whole images.

    All tiles have one size, as convolutions of different sizes may differ in the last bit.

    Args:
        call: Function from shape (b, c, h, w) to the same; an output pixel depends on input pixels within
            ``reach_px`` in either direction.
        images: Shape (b, c, h, w). Not modified.
        tile_px: Maximum side of the kept part of a tile inside the image; a multiple of ``stride_px``.
        reach_px: Margin of the tiles on either side; a multiple of ``stride_px``.
        stride_px: The function needs no padding if the sides of its input are multiples of it.

    Returns:
        Shape of the images.
    """
    height, width = images.shape[2:]
    result = torch.empty_like(images)
    tiles = [
        (rows, columns)
        for rows in spans(height, tile_px, reach_px, stride_px)
        for columns in spans(width, tile_px, reach_px, stride_px)
    ]
    for number, (rows, columns) in enumerate(tiles, start=1):
        seen = images[..., rows.seen_start : rows.seen_stop, columns.seen_start : columns.seen_stop]
        tile = call(seen)
        result[..., rows.start : rows.stop, columns.start : columns.stop] = tile[
            ...,
            rows.start - rows.seen_start : rows.stop - rows.seen_start,
            columns.start - columns.seen_start : columns.stop - columns.seen_start,
        ]
        if progress is not None:
            progress(number, len(tiles))
    return result


def spans(length: int, tile_px: int, reach_px: int, stride_px: int) -> Iterator[Span]:
    """Divide an axis into the fewest tiles of one size, including their margins.

    The first and the last tile keep their pixels up to the border.

    Example:
        >>> [(span.seen_start, span.start, span.stop, span.seen_stop) for span in spans(17, 8, 2, 2)]
        [(0, 0, 8, 12), (6, 8, 17, 17)]
    """
    padded = _multiple_from(length, stride_px)
    inner = padded - 2 * reach_px
    count = max(math.ceil(inner / tile_px), 1)
    step = _multiple_from(inner / count, stride_px)
    seen_px = step + 2 * reach_px
    seen_starts = [min(number * step, padded - seen_px) for number in range(count)]
    starts = [0, *(seen_start + reach_px for seen_start in seen_starts[1:])]
    for seen_start, start, stop in zip(seen_starts, starts, [*starts[1:], length], strict=True):
        yield Span(start, stop, seen_start, min(seen_start + seen_px, length))


def _multiple_from(number: float, stride_px: int) -> int:
    return math.ceil(number / stride_px) * stride_px


def part_of(progress: Progress | None, index: int, count: int) -> Progress | None:
    """Return a callback for one of several runs of equal length, which reports the progress of all."""
    if progress is None:
        return None
    return lambda number, total: progress(index * total + number, count * total)
