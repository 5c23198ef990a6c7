"""The compiled kernels beside torch, and beside the speed of the processor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from unittest.mock import patch

import torch

from edlrr_cli.bench.record import Row
from edlrr_cli.bench.timing import time_side_by_side
from edlrr_cli.errors import EdlrrError
from edlrr_cli.lrr.matrices.groups import find_groups
from edlrr_cli.lrr.matrices.protocol import Matrices
from edlrr_cli.lrr.matrices.windows import WindowSize, windows_at
from edlrr_cli.lrr.native import library
from edlrr_cli.lrr.series import make_function
from edlrr_cli.lrr.weights import weights_of

NAME = "kernels"

PARAMETERS = {
    "image": "300 x 300, RGB, uniform noise; all windows and groups of the default settings, one thread",
    "operations": "additions and multiplications by the definition; 9 k^3 for eigenvectors of side k",
    "peak": "product of two matrices of 1024 x 1024 in float32 by torch",
}

_SIDE_PX, _PATCH_PX, _NUM_SIMILAR = 300, 7, 36


def run(*, repeats: int, progress: Callable[[str], None]) -> list[Row]:
    """Time each kernel beside torch.

    Raises:
        EdlrrError: The package was installed without kernels.
    """
    if library.kernels() is None:
        raise EdlrrError(
            "the package was installed without kernels", "install it where a C compiler is found"
        )
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        cases = _cases()
        calls = {name: call for name, (call, _) in cases.items()}
        calls |= {f"{name}, torch": partial(_by_torch, call) for name, (call, _) in cases.items()}
        square = torch.rand(1024, 1024)
        timings = time_side_by_side(
            {**calls, "peak": lambda: square @ square}, repeats=repeats, progress=progress
        )
    finally:
        torch.set_num_threads(before)
    peak = 2 * 1024**3 / min(timings["peak"].seconds)
    return [
        {
            "kernel": name,
            "operations": operations,
            **timings[name].as_row(),
            "seconds_torch": timings[f"{name}, torch"].as_row()["seconds"],
            "ratio": timings[name].times_faster_than(timings[f"{name}, torch"]),
            "operations_per_second": operations / timings[name].as_row()["seconds"],
            "peak_per_second": peak,
        }
        for name, (_, operations) in cases.items()
    ]


def _cases() -> dict[str, tuple[Callable[[], object], float]]:
    """Return each kernel with its number of operations."""
    generator = torch.Generator().manual_seed(0)
    X = torch.rand(1, _SIDE_PX, _SIDE_PX, 3, generator=generator)
    windows = windows_at(torch.ones(1, _SIDE_PX, _SIDE_PX, dtype=torch.bool), WindowSize(16, 6, 10), 0)
    matching = partial(
        find_groups,
        X[0].permute(2, 0, 1).contiguous(),
        patch_px=_PATCH_PX,
        stride_px=5,
        search_px=28,
        num_similar=_NUM_SIMILAR,
    )
    groups = list(matching().chunks(512))
    num_windows, num_groups = sum(map(len, windows)), sum(map(len, groups))
    num_entries = 3 * 11 * 11  # patches of a window, in all channels
    length = 3 * _PATCH_PX**2
    S = torch.cat([batch.gather(X) for batch in groups])
    h, tau = make_function("exact-laplace"), torch.ones(len(S))
    k = _NUM_SIMILAR
    return {
        "products of windows": (
            partial(_products, windows, X, 36, False),
            2.0 * num_windows * num_entries * 36**2,
        ),
        "products of groups": (partial(_products, groups, X, k, True), 2.0 * num_groups * length * k**2),
        "weights": (partial(weights_of, S, h, tau), num_groups * (3.0 * length * k**2 + 9 * k**3)),
        "matching": (matching, 3.0 * num_groups * length * 57**2),
    }


def _products(batches: Sequence[Matrices], X: torch.Tensor, k: int, among_rows: bool) -> None:
    total = torch.zeros_like(X)
    for batch in batches:
        batch.add_product(total, X, torch.ones(len(batch.indices), k, k), among_rows=among_rows)


def _by_torch(call: Callable[[], object]) -> None:
    with patch.object(library, "kernels", lambda: None):
        call()
