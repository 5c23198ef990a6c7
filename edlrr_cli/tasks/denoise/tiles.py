"""Large images in bounded memory: tiles that see all that the whole image would show them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor


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


def apply_in_tiles(call: Callable[[Tensor], Tensor], image: Tensor, *, tile_px: int, reach_px: int) -> Tensor:
    """Apply a function of images tile by tile, with the result that it has on the whole.

    Args:
        call: Shape (1, 1, h, w) to the same; an output pixel depends on no input farther away than
            ``reach_px`` in either direction.
        image: Shape (h, w). Not modified.
        tile_px: Side of what is kept of a tile; a multiple of the strides of the function.
        reach_px: How far the tiles overlap to either side; a multiple of the strides, too.

    Returns:
        Shape of the image.
    """
    height, width = image.shape
    result = torch.empty_like(image)
    for rows in spans(height, tile_px, reach_px):
        for columns in spans(width, tile_px, reach_px):
            seen = image[rows.seen_start : rows.seen_stop, columns.seen_start : columns.seen_stop]
            tile = call(seen[None, None])[0, 0]
            result[rows.start : rows.stop, columns.start : columns.stop] = tile[
                rows.start - rows.seen_start : rows.stop - rows.seen_start,
                columns.start - columns.seen_start : columns.stop - columns.seen_start,
            ]
    return result


def spans(length: int, tile_px: int, reach_px: int) -> Iterator[Span]:
    """Divide a side into tiles.

    Example:
        >>> [(span.seen_start, span.start, span.stop, span.seen_stop) for span in spans(10, 4, 2)]
        [(0, 0, 4, 6), (2, 4, 8, 10), (6, 8, 10, 10)]
    """
    for start in range(0, length, tile_px):
        stop = min(start + tile_px, length)
        yield Span(start, stop, max(start - reach_px, 0), min(stop + reach_px, length))
