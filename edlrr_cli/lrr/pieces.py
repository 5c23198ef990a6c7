"""Division of a batch of matrices into pieces, one thread each, so that no thread waits within LAPACK.

The pieces, and hence the results, depend only on the shape, not on the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from torch import Tensor

from edlrr_cli.parallel import num_workers, run_single_threaded

R = TypeVar("R")

# Up to this smaller side LAPACK gains nothing from a second thread (two cores, MKL); see docs/decisions.md.
_SMALL_SIDE = 400
# Multiplications that are worth a thread: for a group of matrices, with about 8 k^3 for a decomposition, and
# for a block of columns in a product.
_GROUP, _BLOCK = 20_000_000, 20_000_000


def _work(k: int, n: int) -> int:
    """Return the approximate number of multiplications to factor a matrix."""
    return k * k * (8 * k + n)


def is_spread(S: Tensor) -> bool:
    """Whether a batch of shape (..., m, n) is factored in pieces: on a CPU, unless few matrices are large."""
    k, n = sorted(S.shape[-2:])
    return S.device.type == "cpu" and not (k > _SMALL_SIDE and S.numel() // (k * n) < num_workers())


def groups_of(S: Tensor) -> list[slice]:
    """Return groups of a batch of shape (..., m, n), flattened to (b, m, n), each worth a thread."""
    k, n = sorted(S.shape[-2:])
    batch, size = S.numel() // (k * n), max(_GROUP // _work(k, n), 1)
    return [slice(first, first + size) for first in range(0, batch, size)]


class Pieces:
    """Pieces of a batch of matrices.

    On a GPU, and for fewer large matrices than cores, there is one piece, with all threads of torch.

    Args:
        S: The batch, shape (b, k, n), k <= n.
    """

    def __init__(self, S: Tensor) -> None:
        b, k, n = S.shape
        self._is_spread = is_spread(S)
        self._groups = groups_of(S) if self._is_spread else [slice(0, b)]
        is_single = self._is_spread and _work(k, n) >= _GROUP
        num_blocks = max(k * k * n // _BLOCK, 1) if is_single else 1
        width = -(-n // num_blocks)
        columns = [slice(first, first + width) for first in range(0, n, width)]
        self._blocks = [(group, block) for group in self._groups for block in columns]
        self._num_blocks = len(columns)

    def of_groups(self, call: Callable[[slice], R]) -> list[R]:
        """Return the results of a function for each group of matrices."""
        return self._run([partial(call, group) for group in self._groups])

    def of_blocks(self, call: Callable[[slice, slice], R]) -> list[list[R]]:
        """Return the results of a function for each block of columns, by group of matrices."""
        found = self._run([partial(call, *block) for block in self._blocks])
        starts = range(0, len(found), self._num_blocks)
        return [found[start : start + self._num_blocks] for start in starts]

    def _run(self, calls: list[Callable[[], R]]) -> list[R]:
        return run_single_threaded(calls) if self._is_spread else [call() for call in calls]
