"""The record that every matrix iteration returns: value, status, steps and a recomputed residual."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from torch import Tensor


class Status(str, Enum):
    """How an iteration ended."""

    CONVERGED = "converged"
    MAX_STEPS = "max_steps"


@dataclass(frozen=True)
class Iterate:
    """What an iteration returns.

    Attributes:
        value: The result, shape and dtype as the function says.
        status: ``CONVERGED`` if every matrix of the batch met the tolerance.
        num_steps: Iterations actually run.
        residual: Relative residual of ``value``, recomputed from the definition after the last
            step, one scalar per matrix of the batch.
    """

    value: Tensor
    status: Status
    num_steps: int
    residual: Tensor
