"""The mathematics: tensors in, tensors out, independent of files, tasks and the command line.

Names are resolved on first use, so that importing the package does not import torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edlrr_cli.lrr.majorizer import Majorizer
    from edlrr_cli.lrr.pinv import pinv_ben_israel
    from edlrr_cli.lrr.polar import polar_newton_schulz
    from edlrr_cli.lrr.regularizer import LowRankRegularizer, lowrank_penalty
    from edlrr_cli.lrr.sqrtm import sqrtm_newton_schulz

_HOMES = {
    "LowRankRegularizer": "regularizer",
    "Majorizer": "majorizer",
    "lowrank_penalty": "regularizer",
    "pinv_ben_israel": "pinv",
    "polar_newton_schulz": "polar",
    "sqrtm_newton_schulz": "sqrtm",
}

__all__ = [
    "LowRankRegularizer",
    "Majorizer",
    "lowrank_penalty",
    "pinv_ben_israel",
    "polar_newton_schulz",
    "sqrtm_newton_schulz",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
