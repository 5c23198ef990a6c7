"""What the tests of the mathematics share."""

from __future__ import annotations

from torch import Tensor


def relative_error(got: Tensor, expected: Tensor) -> float:
    return float((got.double() - expected).norm() / expected.norm())
