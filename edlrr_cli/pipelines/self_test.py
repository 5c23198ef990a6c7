"""What the installation can do, and a small restoration that shows whether it works."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import torch

from edlrr_cli.cores import available_cores
from edlrr_cli.lrr.native import library
from edlrr_cli.media.images import readable_formats
from edlrr_cli.metrics import psnr
from edlrr_cli.pipelines.failures import Record
from edlrr_cli.tasks.inpaint.config import Config
from edlrr_cli.tasks.inpaint.restore import restore

_SIDE_PX = 64
# An image of low rank is restored at least this well, in dB, by a program that works.
_LEAST_PSNR = 35.0


def abilities() -> Record:
    """Return the devices, the kind of kernels and the readable formats."""
    return {
        "devices": list(_devices()),
        "kernels": library.processor() or "torch (installed without a C compiler)",
        "formats": readable_formats(),
    }


def _devices() -> Iterator[str]:
    """Yield the devices, with their cores or memory."""
    yield f"cpu ({available_cores()} cores, {torch.get_num_threads()} threads)"
    for index in range(torch.cuda.device_count()):
        memory = torch.cuda.get_device_properties(index).total_memory / 2**30
        yield f"cuda:{index} ({torch.cuda.get_device_name(index)}, {memory:.0f} GiB)"


def self_test() -> Record:
    """Restore waves with half of the pixels lost by global low-rank completion, on the best device."""
    y, x = np.mgrid[:_SIDE_PX, :_SIDE_PX] / 5
    image = (0.5 + 0.2 * np.sin(x) * np.cos(y) + 0.2 * np.cos(x) * np.sin(2 * y))[..., None]
    known = np.random.default_rng(0).random(image.shape[:2]) < 0.5
    started = time.perf_counter()
    result = restore(np.where(known[..., None], image, 0.0), known, Config(prior="global"))
    quality = psnr(result.restored, image, data_range=1.0)
    kept = bool((result.restored[known] == image[known]).all())
    return {
        "device": result.device,
        "psnr": quality,
        "seconds": time.perf_counter() - started,
        "works": kept and quality > _LEAST_PSNR,
    }
