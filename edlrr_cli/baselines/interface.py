"""From a mathematical method to a baseline: decorators that give all methods one call over images."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edlrr_cli.baselines.result import Bools, Callback, Pixels, Progress, Result
from edlrr_cli.channels import as_channels, to_pixels
from edlrr_cli.errors import NumericsError

Completed = tuple[Tensor, bool]
"""The completed channels, shape (c, h, w), and whether the tolerance of the method was met."""


Solver = Callable[..., Result]
"""A baseline, called as `edlrr_cli.baselines.registry.run` does; its parameters are keyword-only."""


class Monitor:
    """Records the history of an iteration, calls the callback, and rejects NaN and Inf."""

    def __init__(self, method: str, num_steps: int, callback: Callback | None) -> None:
        self._method, self._num_steps, self._callback = method, num_steps, callback
        self.history: list[tuple[int, float]] = []

    def note(self, loss: float) -> None:
        """Record one step.

        Raises:
            NumericsError: The loss is NaN or infinite.
        """
        step = len(self.history) + 1
        if not math.isfinite(loss):
            raise NumericsError(f"{self._method} became {loss} at step {step}", "change its parameters")
        self.history.append((step, loss))
        if self._callback is not None:
            self._callback(Progress(step, self._num_steps, loss, self._method))


def iterative(method: Callable[..., Completed], *, precision: torch.dtype | None = None) -> Solver:
    """Make a baseline of a method that completes channels, ``method(P, observed, monitor, **params)``.

    P is P(M), shape (c, h, w), with zeros in the holes; ``observed`` are the known pixels, shape (h, w),
    bool; the monitor receives a number after each step. ``max_iterations`` is among the parameters.
    A method with a ``precision`` computes in that one alone.
    """
    name = method.__name__.replace("_", "-")
    max_iterations = inspect.signature(method).parameters["max_iterations"].default

    @wraps(method)
    def solve(
        image: Pixels,
        known: Bools,
        *,
        device: torch.device | None = None,
        dtype: torch.dtype = torch.float64,
        callback: Callback | None = None,
        **params: Any,
    ) -> Result:
        device = device or torch.device("cpu")
        P = as_channels(np.where(known[..., None], image, 0.0), device=device, dtype=precision or dtype)
        monitor = Monitor(name, params.get("max_iterations", max_iterations), callback)
        X, converged = method(P, torch.from_numpy(known).to(device), monitor, **params)
        stop = "tolerance" if converged else "iterations"
        return Result(to_pixels(X), len(monitor.history), stop, tuple(monitor.history))

    return solve


def direct(method: Callable[..., Pixels]) -> Solver:
    """Make a baseline of a method without iterations, ``method(observed, known, **params)``.

    ``observed`` is the image, shape (h, w, c), float64, with zeros in the holes; ``known`` the mask, (h, w).
    """

    @wraps(method)
    def solve(
        image: Pixels,
        known: Bools,
        *,
        device: torch.device | None = None,
        dtype: torch.dtype = torch.float64,
        callback: Callback | None = None,
        **params: Any,
    ) -> Result:
        observed = np.where(known[..., None], image, 0.0).astype(np.float64)
        return Result(method(observed, known, **params), 0, "direct")

    return solve
