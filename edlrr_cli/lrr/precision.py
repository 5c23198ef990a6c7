"""The precision of the computation: this package's own, whatever a training loop asks of its network."""

from __future__ import annotations

import torch
from torch import Tensor


def at_least_float32(S: Tensor) -> Tensor:
    """Return 16-bit floats as float32, in which they are exact; other tensors as they are."""
    return S.float() if S.dtype in (torch.float16, torch.bfloat16) else S


def without_autocast(S: Tensor) -> torch.autocast:
    """Return a context in which products on the device of S keep their dtype."""
    return torch.autocast(S.device.type, enabled=False)
