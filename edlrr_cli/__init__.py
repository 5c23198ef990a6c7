"""edlrr: low-rank image restoration with a differentiable, SVD-free penalty.

Names are resolved on first use, so that importing the package does not import torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edlrr_cli.api.denoising import denoise
    from edlrr_cli.api.inpainting import inpaint, inpaint_lowrank
    from edlrr_cli.api.masking import find_defects
    from edlrr_cli.api.separation import separate
    from edlrr_cli.lrr.patch_regularizer import PatchLowRank
    from edlrr_cli.lrr.regularizer import LowRankRegularizer, lowrank_penalty

__version__ = "0.1.0"

__all__ = [
    "LowRankRegularizer",
    "PatchLowRank",
    "__version__",
    "denoise",
    "find_defects",
    "inpaint",
    "inpaint_lowrank",
    "lowrank_penalty",
    "separate",
]

_HOMES = {
    "LowRankRegularizer": "edlrr_cli.lrr.regularizer",
    "PatchLowRank": "edlrr_cli.lrr.patch_regularizer",
    "denoise": "edlrr_cli.api.denoising",
    "find_defects": "edlrr_cli.api.masking",
    "inpaint": "edlrr_cli.api.inpainting",
    "inpaint_lowrank": "edlrr_cli.api.inpainting",
    "lowrank_penalty": "edlrr_cli.lrr.regularizer",
    "separate": "edlrr_cli.api.separation",
}


if not TYPE_CHECKING:  # type checkers see the imports above, and reject unknown names

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(_HOMES[name]), name)
