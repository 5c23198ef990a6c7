"""What is carried into a hole by motion: an object that passes behind it was seen before or will be seen."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, grid_sample, interpolate, pad, unfold

from edlrr_cli.tasks.clips.neighborhoods import mean_within
from edlrr_cli.tasks.clips.smooth import interpolate_smoothly

# Longest side of the finest image in which displacements are found, and of the coarsest, in pixels.
_FINE_PX, _COARSE_PX = 128, 32
# Range of displacements in the coarsest image, and of their corrections in each finer one.
_RANGE_PX, _CORRECTION_PX = 4, 1
# Radius over which matching costs are averaged, in pixels of each image.
_WINDOW_PX = 2
# Values, on [0, 1], below which a residual is noise; penalty of a displacement by the range; weights of
# pixels that were carried themselves.
_NOISE, _PENALTY, _CARRIED_WEIGHT = 6 / 255, 2 / 255, 0.2
_TINY = 1e-6
# Age of values that are no observation, in frames.
_OLD, _NEVER = 1e3, 1e6


@dataclass(frozen=True, eq=False)
class Carried:
    """Values carried into the holes of a sequence.

    Attributes:
        values: Shape (b, c, h, w).
        age: Frames since the values were seen, shape (b, 1, h, w); 0 at known pixels, infinite if never.
    """

    values: Tensor
    age: Tensor


def carry(values: Tensor, known: Tensor, start: Tensor | None = None) -> Carried:
    """Carry known values from frame to frame along the motion.

    Args:
        values: Shape (b, c, h, w): the difference of frames from their background, 0 where nothing moves.
            Ignored where unknown.
        known: Shape (b, 1, h, w), 1 = known, 0 = missing.
        start: Values of the missing pixels of the first frame, shape (c, h, w), which count as very old;
            None: 0 of infinite age.

    Returns:
        The values, at known pixels unchanged.
    """
    values = values * known
    oldest = torch.inf if start is None else _OLD
    carried = [values[0] if start is None else torch.where(known[0] > 0, values[0], start)]
    ages = [torch.where(known[0] > 0, 0.0, oldest)]
    flow = torch.zeros(2, *values.shape[2:], dtype=values.dtype, device=values.device)
    for value, mask in zip(values[1:], known[1:], strict=True):
        before, age = carried[-1], ages[-1]
        flow = _flow(value, mask, before, age, flow)
        moved = _warped(torch.cat([before, age.clamp_max(_NEVER)]), flow)
        carried.append(torch.where(mask > 0, value, moved[:-1]))
        ages.append(torch.where(mask > 0, 0.0, moved[-1:] + 1))
    return Carried(torch.stack(carried), torch.stack(ages))


def _flow(value: Tensor, mask: Tensor, before: Tensor, age: Tensor, last: Tensor) -> Tensor:
    """Return the displacement of each pixel since the frame before, in pixels (x, y), shape (2, h, w).

    It is found where pixels are known, and continued into the hole; there what was carried before keeps its
    motion.
    """
    height, width = value.shape[1:]
    factor = max(round(max(height, width) / _FINE_PX), 1)
    trust = torch.where(age > 0, _CARRIED_WEIGHT, 1.0)
    small = _shrunk(torch.cat([value, mask, before, trust, last / factor]), factor)
    value, mask, before, trust, last = torch.split(small, [len(value), 1, len(before), 1, 2])
    found = _matched(value, mask, before, trust)
    value = value / mask.clamp_min(_TINY)
    energy = _blurred(mask * (value.abs().amax(0, keepdim=True) - _NOISE).clamp_min(0))
    kept = _warped(torch.cat([before, last]), last)
    kept_energy = _blurred(
        (1 - mask) * (kept[:-2].abs().amax(0, keepdim=True) - _NOISE).clamp_min(0) * _CARRIED_WEIGHT
    )
    total = energy + kept_energy
    flow = (energy * found + kept_energy * kept[-2:]) / total.clamp_min(_TINY)
    weights = (total / _NOISE).clamp_max(1)
    flow = interpolate_smoothly(flow[None], weights[None])
    return factor * interpolate(flow, size=(height, width), mode="bilinear", align_corners=False)[0]


def _matched(value: Tensor, mask: Tensor, before: Tensor, trust: Tensor) -> Tensor:
    """Return the displacement by which the values before match best, from coarse to fine, (2, h, w).

    Args:
        value: Shape (c, h, w), 0 where unknown.
        mask: Shape (1, h, w), from 0 to 1 = known.
        before: Values of the frame before, shape (c, h, w).
        trust: Weights of these, shape (1, h, w).
    """
    levels = [(value, mask, before, trust)]
    while max(levels[-1][0].shape) > _COARSE_PX:
        levels.append(tuple(_shrunk(part, 2) for part in levels[-1]))  # type: ignore[arg-type]
    flow: Tensor | None = None
    for value, mask, before, trust in reversed(levels):
        value = value / mask.clamp_min(_TINY)
        if flow is None:
            flow = _searched(value, mask, before, trust, _RANGE_PX)
            continue
        flow = 2 * interpolate(flow[None], size=value.shape[1:], mode="bilinear", align_corners=False)[0]
        moved = _warped(torch.cat([before, trust]), flow)
        flow = flow + _searched(value, mask, moved[:-1], moved[-1:], _CORRECTION_PX)
    assert flow is not None
    return flow


def _searched(value: Tensor, mask: Tensor, before: Tensor, trust: Tensor, radius: int) -> Tensor:
    """Return the best displacement of at most ``radius``, to a fraction of a pixel, shape (2, h, w)."""
    size = 2 * radius + 1
    shifted = unfold(pad(torch.cat([before, trust])[None], [radius] * 4, mode="replicate"), size)
    shifted = shifted.view(len(before) + 1, size * size, *value.shape[1:])
    weights = mask * shifted[-1]
    costs = _blurred((shifted[:-1] - value[:, None]).abs().mean(0) * weights)
    costs = costs / _blurred(weights).clamp_min(_TINY)
    steps = torch.arange(size, dtype=value.dtype, device=value.device) - radius
    dy, dx = torch.meshgrid(-steps, -steps, indexing="ij")
    costs = costs + _PENALTY * (dx.square() + dy.square()).sqrt().view(-1, 1, 1) / _RANGE_PX
    best = costs.argmin(0, keepdim=True)
    row, column = best // size, best % size
    found = torch.cat([dx.flatten()[best], dy.flatten()[best]])
    at_x = _vertex(costs, best, 1, (column > 0) & (column < size - 1))
    at_y = _vertex(costs, best, size, (row > 0) & (row < size - 1))
    return found - torch.cat([at_x, at_y])


def _vertex(costs: Tensor, best: Tensor, step: int, inside: Tensor) -> Tensor:
    """Return the offset from the best index to the vertex of the parabola through its neighbors."""
    last = len(costs) - 1
    left, right = (costs.gather(0, (best + side).clamp(0, last)) for side in (-step, step))
    center = costs.gather(0, best)
    curvature = (left + right - 2 * center).clamp_min(_TINY)
    return torch.where(inside, (0.5 * (left - right) / curvature).clamp(-0.5, 0.5), 0.0)


def _shrunk(values: Tensor, factor: int) -> Tensor:
    return avg_pool2d(values[None], factor, ceil_mode=True, count_include_pad=False)[0]


def _blurred(values: Tensor) -> Tensor:
    """Return means over windows, (n, h, w), two box filters one after the other."""
    return mean_within(values[None], _WINDOW_PX)[0]


def _warped(values: Tensor, flow: Tensor) -> Tensor:
    """Return values displaced by a flow, (n, h, w): the value at x comes from x - flow(x)."""
    height, width = values.shape[1:]
    y, x = torch.meshgrid(
        torch.arange(height, dtype=flow.dtype, device=flow.device),
        torch.arange(width, dtype=flow.dtype, device=flow.device),
        indexing="ij",
    )
    across, down = 2 * (x - flow[0]) / max(width - 1, 1) - 1, 2 * (y - flow[1]) / max(height - 1, 1) - 1
    grid = torch.stack([across, down], dim=-1)[None]
    return grid_sample(values[None], grid, mode="bilinear", padding_mode="border", align_corners=True)[0]
