"""Conversion between images as arrays and their channels as a batch of matrices."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from edlrr_cli.baselines.result import Bools, Pixels


def to_channels(
    image: Pixels, known: Bools, *, device: torch.device, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Return P(M), shape (c, h, w) with zeros in the holes, and the known pixels, shape (h, w), bool.

    Args:
        image: Shape (h, w, c), values in [0, 1]; missing pixels are ignored. Not modified.
        known: Shape (h, w), True = known pixel.
        device: Device of the tensors.
        dtype: Dtype of P(M).
    """
    P = as_channels(np.where(known[..., None], image, 0.0), device=device, dtype=dtype)
    return P, torch.from_numpy(known).to(device)


def as_channels(image: Pixels, *, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return the channels (c, h, w), contiguous, of an image (h, w, c)."""
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).to(device=device, dtype=dtype)


def to_pixels(X: Tensor) -> Pixels:
    """Return the image (h, w, c), float64, of channels (c, h, w)."""
    return X.detach().permute(1, 2, 0).double().cpu().numpy()
