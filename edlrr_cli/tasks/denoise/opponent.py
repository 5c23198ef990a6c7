"""Opponent color transform: brightness and two color differences, for methods that process gray images."""

from __future__ import annotations

import torch
from torch import Tensor

# Orthonormal: white noise stays white, of the same level in every channel.
_BASIS = (
    (3**-0.5, 3**-0.5, 3**-0.5),
    (2**-0.5, 0.0, -(2**-0.5)),
    (6**-0.5, -2 * 6**-0.5, 6**-0.5),
)


def to_opponent(image: Tensor) -> Tensor:
    """Return brightness, red minus blue, and green against the mean of both.

    Args:
        image: RGB, shape (3, ...), floating. Not modified.

    Source: the transform of BM3D for color, Dabov et al., 2007.
    """
    return torch.einsum("ij,j...->i...", image.new_tensor(_BASIS), image)


def from_opponent(image: Tensor) -> Tensor:
    """Invert `to_opponent`."""
    return torch.einsum("ij,i...->j...", image.new_tensor(_BASIS), image)
