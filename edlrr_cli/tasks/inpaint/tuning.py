"""Tuning of the parameters of a baseline method on held-out known pixels, without ground truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch

from edlrr_cli.baselines.registry import METHODS, Params, default_params, run
from edlrr_cli.baselines.result import Bools, Callback, Pixels
from edlrr_cli.errors import NumericsError
from edlrr_cli.tasks.inpaint.holdout import held_out

HELD_OUT_FRACTION = 0.05
"""Fraction of the known pixels that is held out to compare settings."""


@dataclass(frozen=True)
class Score:
    """Error of one setting of the grid.

    Attributes:
        params: Parameters of the setting that are in the grid.
        rmse: Root mean square error on the hidden pixels, on the [0, 1] scale; None if the method failed.
    """

    params: Params
    rmse: float | None


@dataclass(frozen=True)
class Tuning:
    """Result of a tuning.

    Attributes:
        params: All parameters of the method, whether tuned, fixed or published.
        scores: Score of each setting; empty if there was no choice.
    """

    params: Params
    scores: tuple[Score, ...]

    @property
    def rmse(self) -> float | None:
        """Return the error of the best setting, which is slightly optimistic."""
        return min((score.rmse for score in self.scores if score.rmse is not None), default=None)


def tune(
    name: str,
    image: Pixels,
    known: Bools,
    *,
    device: torch.device,
    dtype: torch.dtype,
    seed: int = 0,
    fixed: Params | None = None,
    callback: Callback | None = None,
    visible: Bools | None = None,
) -> Tuning:
    """Run a method with each setting of its grid and return the one with the least error on held-out pixels.

    Args:
        name: One of `edlrr_cli.baselines.registry.METHOD_NAMES`.
        image: Shape (h, w, c), values in [0, 1]; missing pixels are ignored. Not modified.
        known: Shape (h, w), True = known pixel.
        device: Device of methods that use torch.
        dtype: Precision of methods that use torch.
        seed: Seed of the choice of hidden pixels, `HELD_OUT_FRACTION` of the known ones.
        fixed: Parameters that are given instead of tuned.
        callback: Called after each step of each run.
        visible: Shape (h, w), False = transparent pixel, which is not hidden; None: all pixels are visible.

    Returns:
        The published parameters if the grid leaves no choice, or too few pixels are known to hide any.

    Raises:
        UsageError: Unknown method or parameter.
        NumericsError: The method failed with every setting.
    """
    fixed = fixed or {}
    hidden = held_out(known, HELD_OUT_FRACTION, np.random.default_rng(seed), visible)
    settings = list(_settings(name, fixed)) if hidden.any() else []
    given = {**default_params(name), **fixed}
    if len(settings) < 2:
        return Tuning(given, ())
    scores = []
    for setting in settings:
        try:
            result = run(
                name,
                image,
                known & ~hidden,
                device=device,
                dtype=dtype,
                callback=callback,
                **fixed,
                **setting,
            )
        except NumericsError:
            scores.append(Score(setting, None))
        else:
            error = result.raw.clip(0.0, 1.0)[hidden] - image[hidden]
            scores.append(Score(setting, float(np.sqrt(np.square(error).mean()))))
    best = min(scores, key=lambda score: np.inf if score.rmse is None else score.rmse)
    if best.rmse is None:
        raise NumericsError(f"method {name}: every setting of its grid failed", "give its parameters")
    return Tuning({**given, **best.params}, tuple(scores))


def _settings(name: str, fixed: Params) -> Iterator[Params]:
    """Yield the settings of the grid, without the fixed parameters."""
    grid = {key: values for key, values in METHODS[name].grid.items() if key not in fixed}
    for values in product(*grid.values()):
        yield dict(zip(grid, values, strict=True))
