"""Compiled kernels for matrices of pixels (`kernels.c`), where the package was installed with a C compiler.

They compute what torch computes, up to rounding, in a fraction of the time, and release Python's lock.
"""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path
from zlib import crc32

import torch
from torch import Tensor
from torch.nn import functional

_PROCESSORS = ("avx512", "avx2", "default")
_PADDING_PX = 16  # kernels.c reads so many pixels beyond the end of a row


@cache
def kernels() -> ctypes.CDLL | None:
    """Return the kernels for this processor, None where the package has none."""
    best = torch.backends.cpu.get_cpu_capability().lower()
    for name in _PROCESSORS[_PROCESSORS.index(best) if best in _PROCESSORS else -1 :]:
        try:
            library = ctypes.CDLL(str(Path(__file__).with_name(f"_kernels_{name}.so")))
        except OSError:
            continue
        library.edlrr_source.restype = ctypes.c_uint32
        if library.edlrr_source() == crc32(Path(__file__).with_name("kernels.c").read_bytes()):
            return library
    return None


def processor() -> str | None:
    """Return the kind of processor that the kernels were compiled for, None where there are none."""
    library = kernels()
    return None if library is None else Path(library._name).stem.removeprefix("_kernels_")


def is_native(*tensors: Tensor) -> bool:
    """Whether kernels are there, and the tensors are what they take: float32 on a CPU."""
    return all(X.device.type == "cpu" and X.dtype == torch.float32 for X in tensors) and kernels() is not None


def add_group_products(
    total: Tensor, images: Tensor, weights: Tensor, corners: Tensor, *, patch_px: int, width_px: int
) -> None:
    """Add P_g^T W_g P_g X for groups of patches; in place.

    Args:
        total: Shape of the images, contiguous.
        images: X, shape (..., h, w, c), contiguous.
        weights: W, shape (g, k, k).
        corners: Upper left pixels of the patches, shape (g, k), int64.
        patch_px: Side of the patches.
        width_px: Width of the images.
    """
    num_groups, k = corners.shape
    _call(
        "edlrr_group_products",
        [images, total, corners.contiguous(), weights.contiguous()],
        [num_groups, k, patch_px, width_px, images.shape[-1]],
    )


def add_window_products(
    total: Tensor,
    images: Tensor,
    weights: Tensor,
    indices: Tensor,
    *,
    side_px: tuple[int, int],
    patch_px: int,
    width_px: int,
) -> None:
    """Add P_g^T C P_g X W_g for windows, where C subtracts the mean row; in place.

    Args:
        total: Shape of the images, contiguous.
        images: X, shape (..., h, w, c), contiguous.
        weights: W, shape (g, patch_px^2, patch_px^2).
        indices: Upper left pixels of the windows, shape (g,), int64.
        side_px: (height, width) of the windows.
        patch_px: Side of the patches.
        width_px: Width of the images.
    """
    _call(
        "edlrr_window_products",
        [images, total, indices.contiguous(), weights.contiguous()],
        [len(indices), *side_px, patch_px, width_px, images.shape[-1]],
    )


def match(
    images: Tensor,
    rows: Tensor,
    columns: Tensor,
    *,
    index: int,
    patch_px: int,
    reach: tuple[int, int],
    count: int,
) -> Tensor:
    """Return the upper left pixels of the patches most similar to each reference patch.

    Args:
        images: Shape (n, c, h, w).
        rows: Rows of the reference patches, int64.
        columns: Their columns, int64.
        index: The image of the reference patches.
        patch_px: Side of the patches.
        reach: Search radius down and across.
        count: Number of patches, at most those that every search window has.

    Returns:
        Shape (rows columns, count), int64; the reference patch first, the others by increasing distance.
    """
    padded = functional.pad(images, (0, _PADDING_PX)).contiguous()
    num_images, channels, height, width = images.shape
    corners = torch.empty(len(rows) * len(columns), count, dtype=torch.int64)
    rows, columns = rows.contiguous(), columns.contiguous()
    _call(
        "edlrr_match",
        [padded, num_images, index, channels, height, width, width + _PADDING_PX],
        [rows, len(rows), columns, len(columns), patch_px, *reach, count, corners],
    )
    return corners


def _call(name: str, *arguments: list[Tensor | int]) -> None:
    values = [
        ctypes.c_void_p(each.data_ptr()) if isinstance(each, Tensor) else ctypes.c_int64(each)
        for part in arguments
        for each in part
    ]
    if getattr(kernels(), name)(*values) != 0:
        raise MemoryError(f"{name} found no memory for one matrix")
