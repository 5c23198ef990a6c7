"""A background that is given: an image of the empty scene instead of an estimate."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from edlrr_cli.tasks.bgsep.camera import Camera
from edlrr_cli.tasks.bgsep.keyframes import Keyframes
from edlrr_cli.tasks.bgsep.model import SubspaceModel

# The image is registered if its displacement is at most this fraction of the shorter side, and if that lowers
# the mean difference from the estimate, clipped, at least to this fraction.
_MAX_FRACTION, _MAX_DIFFERENCE, _CLIP = 0.1, 0.95, 0.1


def with_background(
    model: SubspaceModel, image: Tensor, keyframes: Keyframes, *, register: bool
) -> tuple[SubspaceModel, float]:
    """Replace the background of a model by an image, whose brightness follows that of each frame.

    The variation of the pixels stays that of the estimate: what never moves differs from the image all the
    time, but hardly varies.

    Args:
        model: The estimate.
        image: The empty scene, shape (h, w, c), values on [0, 1].
        keyframes: Those to which the model was fitted.
        register: Whether the image may be displaced.

    Returns:
        The model, and the displacement in pixels that was removed.
    """
    estimate = (model.usual.mT @ model.images).view_as(image)
    shift_px = 0.0
    if register:
        image, shift_px = _registered(image, estimate, keyframes)
    usual = torch.ones_like(model.usual[:1])
    return replace(model, images=image.reshape(1, -1), usual=usual), shift_px


def _registered(image: Tensor, estimate: Tensor, keyframes: Keyframes) -> tuple[Tensor, float]:
    """Return the image displaced to the estimate, which continues it at the borders, and by how much."""
    camera = Camera.at(estimate.flatten(), (*keyframes.size_px, keyframes.num_channels), keyframes.counted)
    shifts, _ = camera.shifts(image.reshape(1, -1))
    shift_px = float(shifts.norm())
    moved, known = camera.moved(image[None], -shifts)
    moved = torch.where(known[0, ..., None], moved[0], estimate)
    is_near = shift_px <= _MAX_FRACTION * min(keyframes.size_px)
    if is_near and _difference(moved, estimate) < _MAX_DIFFERENCE * _difference(image, estimate):
        return moved, shift_px
    return image, 0.0


def _difference(image: Tensor, other: Tensor) -> float:
    return float((image - other).abs_().clamp_max_(_CLIP).mean())
