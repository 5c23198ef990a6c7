"""Large images in bounded memory: tiles that see all that the whole image would show them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from edlrr_cli.tasks.denoise.progress import Progress


@dataclass(frozen=True)
class Span:
    """Pixels along one side.

    Attributes:
        start: Of what is kept of a tile.
        stop: Behind it.
        seen_start: Of what the tile sees.
        seen_stop: Behind it.
    """

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
    """Apply a function of images tile by tile, with the result that it has on the whole.

    All tiles see as much: convolutions of one size are computed in one way, to the last bit.

    Args:
        call: Shape (b, 1, h, w) to the same; an output pixel depends on no input farther away than
            ``reach_px`` in either direction.
        images: Shape (b, h, w). Not modified.
        tile_px: Side of what is kept of a tile inside the image, at most; a multiple of ``stride_px``.
        reach_px: How far the tiles overlap to either side, a multiple of it, too.
        stride_px: Multiples of it are the sides of the images that the function takes without padding.
        progress: Called after each tile.

    Returns:
        Shape of the images.
    """
    height, width = images.shape[1:]
    result = torch.empty_like(images)
    tiles = [
        (rows, columns)
        for rows in spans(height, tile_px, reach_px, stride_px)
        for columns in spans(width, tile_px, reach_px, stride_px)
    ]
    for number, (rows, columns) in enumerate(tiles, start=1):
        seen = images[:, rows.seen_start : rows.seen_stop, columns.seen_start : columns.seen_stop]
        tile = call(seen[:, None])[:, 0]
        result[:, rows.start : rows.stop, columns.start : columns.stop] = tile[
            :,
            rows.start - rows.seen_start : rows.stop - rows.seen_start,
            columns.start - columns.seen_start : columns.stop - columns.seen_start,
        ]
        if progress is not None:
            progress(number, len(tiles))
    return result


def spans(length: int, tile_px: int, reach_px: int, stride_px: int) -> Iterator[Span]:
    """Divide a side into as few tiles as there can be, which all see as much.

    The first and the last keep what they see up to the border; a side that one tile sees whole is one.

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
