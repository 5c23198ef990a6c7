"""Compiled kernels, where the package was installed with a C compiler.

They compute what torch computes, up to rounding, in a fraction of the time, and release Python's lock. Each
kind of kernel has a C file and a module of the same name that calls it.
"""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path
from zlib import crc32

import torch
from torch import Tensor

PROCESSORS = ("avx512", "avx2", "default")


@cache
def kernels() -> ctypes.CDLL | None:
    """Return the kernels for this processor, None where the package has none."""
    best = torch.backends.cpu.get_cpu_capability().lower()
    for name in PROCESSORS[PROCESSORS.index(best) if best in PROCESSORS else -1 :]:
        try:
            library = ctypes.CDLL(str(Path(__file__).with_name(f"_kernels_{name}.so")))
        except OSError:
            continue
        library.edlrr_checksum.restype = ctypes.c_uint32
        if library.edlrr_checksum() == checksum_of(Path(__file__).parent):
            return library
    return None


def checksum_of(folder: Path) -> int:
    """Return the checksum of the C files of a folder; a library compiled from other ones is not used."""
    return crc32(b"".join(path.read_bytes() for path in sorted(folder.glob("*.[ch]"))))


def processor() -> str | None:
    """Return the kind of processor that the kernels were compiled for, None where there are none."""
    library = kernels()
    return None if library is None else Path(library._name).stem.removeprefix("_kernels_")


def is_native(*tensors: Tensor) -> bool:
    """Whether kernels are there, and the tensors are what they take: float32 on a CPU."""
    return all(X.device.type == "cpu" and X.dtype == torch.float32 for X in tensors) and kernels() is not None


def call(name: str, *arguments: list[Tensor | int]) -> int:
    """Call a kernel with contiguous tensors and integers, and return its status, 0 or positive.

    Raises:
        MemoryError: There is no memory for one matrix.
    """
    values = [
        ctypes.c_void_p(each.data_ptr()) if isinstance(each, Tensor) else ctypes.c_int64(each)
        for part in arguments
        for each in part
    ]
    status: int = getattr(kernels(), name)(*values)
    if status < 0:
        raise MemoryError(f"{name} found no memory for one matrix")
    return status
