"""What the tests of the low-rank priors share."""

from __future__ import annotations

import torch
from torch import Tensor

from edlrr_cli.metrics import psnr
from edlrr_cli.tasks.inpaint.problem import Pixels


def tensor(pixels: Pixels) -> Tensor:
    """The pixels (h, w, c) as a tensor (c, h, w)."""
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous().float()


def quality(X: Tensor, image: Pixels) -> float:
    """The PSNR of a tensor in dB."""
    return psnr(X.permute(1, 2, 0).double().numpy(), image, data_range=1)
