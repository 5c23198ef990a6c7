"""The result of every matrix iteration: value, status, steps and a recomputed residual."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from torch import Tensor


class Status(str, Enum):
    """Status of an iteration."""

    CONVERGED = "converged"
    MAX_STEPS = "max_steps"


@dataclass(frozen=True)
class Iterate:
    """Result of an iteration.

    Attributes:
        value: The result, with shape and dtype as documented by the function.
        status: ``CONVERGED`` if every matrix of the batch met the tolerance.
        num_steps: Number of steps run.
        residual: Relative residual of ``value``, recomputed from the definition after the last
            step, one scalar per matrix of the batch.
    """

    value: Tensor
    status: Status
    num_steps: int
    residual: Tensor
