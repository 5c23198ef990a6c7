"""What is done where the memory of a GPU is too small."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from edlrr_cli.tasks.denoise.config import Config as Denoising
    from edlrr_cli.tasks.inpaint.config import Config as Inpainting

_log = logging.getLogger(__name__)
_Config = TypeVar("_Config", "Inpainting", "Denoising")
_Result = TypeVar("_Result")


def or_on_cpu(compute: Callable[[_Config], _Result], config: _Config) -> _Result:
    """Compute, and where the memory of the GPU is too small for it, again on the CPU.

    Args:
        compute: Takes the settings.
        config: The settings; their device is what is changed.
    """
    try:
        return compute(config)
    except RuntimeError as error:
        from edlrr_cli.tasks.memory import is_full_gpu

        if not is_full_gpu(error):
            raise
    import torch

    torch.cuda.empty_cache()  # the exception is gone, and what its frames held is of use to other processes
    _log.warning("the memory of the GPU is too small for this, which is computed on the CPU instead")
    return compute(replace(config, device="cpu"))
