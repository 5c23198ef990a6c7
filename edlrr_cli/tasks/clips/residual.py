"""Frames completed from their background and from what moves in front of it."""

from __future__ import annotations

import torch
from torch import Tensor

from edlrr_cli.tasks.clips.details import with_visible_details
from edlrr_cli.tasks.clips.motion import Carried, carry
from edlrr_cli.tasks.clips.neighborhoods import largest_within, mean_within
from edlrr_cli.tasks.clips.smooth import interpolate_smoothly

# Width of the band of known pixels around a hole that are held out, and radius of the weights, in pixels.
_BAND_PX, _REACH_PX = 3, 7
# Mean difference from the background, on [0, 1], above which something moves beside a hole.
_MOVES = 8 / 255
# How far from a hole something that enters it is noticed, in pixels.
_NEAR_PX = 15
# Energy on [0, 1] that speaks for what is carried beside that of the pixels held out. Measured: see
# docs/decisions.md.
_INERTIA = 3e-3
_TINY = 1e-7


def complete(frames: Tensor, base: Tensor, known: Tensor, start: Tensor | None = None) -> Tensor:
    """Complete consecutive frames from their background.

    Moving objects are carried into the hole from the frames before and after, with a weight that falls where
    the two disagree, and that fits the known pixels around the hole, which are held out for this. Details of
    background and objects count as far as they are visible around the hole. The rest, such as changes of the
    light, is interpolated from all known pixels.

    Args:
        frames: Shape (b, c, h, w), ignored where unknown.
        base: Backgrounds, same shape.
        known: Shape (b, 1, h, w), 1 = known, 0 = missing.
        start: Difference of the first frame from its background, shape (c, h, w), carried on where nothing
            else is, with all details; None: 0.

    Returns:
        Shape (b, c, h, w); known pixels unchanged.
    """
    residual = (frames - base) * known
    model = base
    if start is not None or _moves(residual, known):
        model = base + _carried(residual, known, start)
    if start is None:
        model = with_visible_details(model, frames, known)
    return model + interpolate_smoothly((frames - model) * known, known)


def _moves(residual: Tensor, known: Tensor) -> bool:
    """Whether anything moves close to a hole."""
    beside = known * largest_within(1 - known, _NEAR_PX)
    mean = _blurred(beside * residual.abs().mean(1, keepdim=True)) / _blurred(beside).clamp_min(_TINY)
    return bool((mean * (beside > 0) > _MOVES).any())


def _carried(residual: Tensor, known: Tensor, start: Tensor | None) -> Tensor:
    """Return what is carried along the motion, weighted by the pixels that are held out."""
    observed = 1 - largest_within(1 - known, _BAND_PX)
    forward = carry(residual, observed, start)
    backward = carry(residual.flip(0), observed.flip(0))
    ahead, behind = 1 / (1 + forward.age), 1 / (1 + backward.age.flip(0))
    values = ahead * forward.values + behind * backward.values.flip(0)
    values = values / (ahead + behind).clamp_min(_TINY)
    if start is not None:
        return values
    values = values * _agreement(forward, backward, values)
    held_out = known * (1 - observed)
    fit = _blurred((held_out * residual * values).sum(1, keepdim=True))
    energy = _blurred((held_out * values.square()).sum(1, keepdim=True))
    return ((fit + _INERTIA) / (energy + _INERTIA)).clamp(0, 1) * values


def _agreement(forward: Carried, backward: Carried, values: Tensor) -> Tensor:
    """Return the Wiener gain of the mean of two values, whose difference measures its noise, (b, 1, h, w).

    It is 1 where only one of the two was ever seen.
    """
    behind = backward.values.flip(0)
    energy = _blurred(values.square().sum(1, keepdim=True))
    noise = _blurred((forward.values - behind).square().sum(1, keepdim=True)) / 4
    seen_twice = forward.age.isfinite() & backward.age.flip(0).isfinite()
    return torch.where(seen_twice, energy / (energy + noise).clamp_min(_TINY), 1.0)


def _blurred(values: Tensor) -> Tensor:
    return mean_within(values, _REACH_PX)
