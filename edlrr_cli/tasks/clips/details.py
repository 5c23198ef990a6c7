"""The details of an expected image that a frame shows, unless something covers or blurs them."""

from __future__ import annotations

from torch import Tensor

from edlrr_cli.tasks.clips.neighborhoods import largest_within, mean_within
from edlrr_cli.tasks.clips.smooth import interpolate_smoothly

# Width of the band of known pixels around a hole that are held out, and radius of the weights, in pixels.
_BAND_PX, _REACH_PX = 3, 7
# Energy on [0, 1] that speaks for the details beside that of the pixels held out. Measured: see
# docs/decisions.md.
_INERTIA = 5e-3


def with_visible_details(expected: Tensor, frames: Tensor, known: Tensor) -> Tensor:
    """Return expected images, their details weighted by how far they are visible around the hole.

    Details are what an interpolation from the border of the hole lacks. Where something covers the
    background, or where a frame is blurred, the known pixels around the hole lack them too, and a background
    with all of them would show through. With i(.) the interpolation, the weight w minimizes

        sum |f - i(f) - w (x - i(x))|^2

    over the known pixels nearby, which are held out from i, of the frame f and the expected image x.

    Args:
        expected: Shape (b, c, h, w), on [0, 1]. Not modified.
        frames: Same shape; ignored where unknown.
        known: Shape (b, 1, h, w), 1 = known, 0 = missing.

    Returns:
        Shape (b, c, h, w); known pixels as expected.
    """
    observed = 1 - largest_within(1 - known, _BAND_PX)
    held_out = known * (1 - observed)
    details = held_out * (expected - interpolate_smoothly(expected, observed))
    wanted = frames - interpolate_smoothly(frames, observed)
    fit, energy = (_nearby((details * part).sum(1, keepdim=True)) for part in (wanted, details))
    weight = ((fit + _INERTIA) / (energy + _INERTIA)).clamp(0, 1)
    smooth = interpolate_smoothly(expected, known)
    return smooth + weight * (expected - smooth)


def _nearby(values: Tensor) -> Tensor:
    return mean_within(values, _REACH_PX)
