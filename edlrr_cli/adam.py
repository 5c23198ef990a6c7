"""Adam by torch's function; torch's class imports a compiler in its first step, which takes a second."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.optim.adam import adam

_TINY = 1e-30


class Adam:
    """Adam for one tensor, which is updated in place.

    Args:
        Z: The variable.
        beta2: Decay rate of the mean squared gradient.
        eps: Constant added to its root.

    Source: Kingma, Ba, "Adam: a method for stochastic optimization", 2015; `torch.optim.adam.adam`.
    """

    def __init__(self, Z: Tensor, *, beta2: float, eps: float) -> None:
        self._Z, self._beta2, self._eps = Z, beta2, eps
        # The root of 0 is ten times as slow as others; this value is far below any ``eps``.
        self._mean, self._square = torch.zeros_like(Z), torch.full_like(Z, _TINY)
        self._count = torch.tensor(0.0, dtype=torch.float32, device="cpu")

    @torch.no_grad()
    def step(self, gradient: Tensor, *, lr: float) -> None:
        """Update the variable by a gradient of its shape.

        Example:
            >>> Z = torch.zeros(2)
            >>> Adam(Z, beta2=0.99, eps=1e-12).step(torch.tensor([3.0, -0.1]), lr=0.5)
            >>> Z
            tensor([-0.5000,  0.5000])
        """
        adam(
            [self._Z],
            [gradient],
            [self._mean],
            [self._square],
            [],
            [self._count],
            amsgrad=False,
            beta1=0.9,
            beta2=self._beta2,
            lr=lr,
            weight_decay=0.0,
            eps=self._eps,
            maximize=False,
        )
