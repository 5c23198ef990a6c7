"""Conversion between images as arrays and their channels as a batch of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Pixels = NDArray[np.floating[Any]]


def as_channels(image: Pixels, *, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return the channels (c, h, w), contiguous, of an image (h, w, c)."""
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).to(device=device, dtype=dtype)


def to_pixels(X: Tensor) -> Pixels:
    """Return the image (h, w, c), float64, of channels (c, h, w)."""
    return X.detach().permute(1, 2, 0).double().cpu().numpy()
