"""Precision of the computation, independent of the autocast setting of a training loop."""

from __future__ import annotations

import torch
from torch import Tensor


def at_least_float32(S: Tensor) -> Tensor:
    """Convert 16-bit floats to float32, which is exact; return other tensors unchanged."""
    return S.float() if S.dtype in (torch.float16, torch.bfloat16) else S


def without_autocast(S: Tensor) -> torch.autocast:
    """Return a context in which products on the device of S keep their dtype."""
    return torch.autocast(S.device.type, enabled=False)
