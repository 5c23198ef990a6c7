"""The parameters of a compared method, chosen without the truth: on known pixels that are hidden from it."""

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

SHARE = 0.05
"""Of the known pixels, hidden to compare the settings by."""


@dataclass(frozen=True)
class Score:
    """One setting that was tried.

    Attributes:
        params: What sets it apart from the others.
        rmse: Root mean square error on the hidden pixels, on the [0, 1] scale; None if it broke down.
    """

    params: Params
    rmse: float | None


@dataclass(frozen=True)
class Tuning:
    """The choice, and what it was made from.

    Attributes:
        params: Every parameter of the method, chosen, fixed or published.
        scores: One for each setting that was tried; none where there was nothing to choose.
    """

    params: Params
    scores: tuple[Score, ...]

    @property
    def rmse(self) -> float | None:
        """Return the error of the choice, which the choice makes a little too small."""
        return min((score.rmse for score in self.scores if score.rmse is not None), default=None)


def tune(
    name: str,
    image: Pixels,
    known: Bools,
    *,
    device: torch.device,
    dtype: torch.dtype,
    seed: int = 0,
    share: float = SHARE,
    fixed: Params | None = None,
    callback: Callback | None = None,
    visible: Bools | None = None,
) -> Tuning:
    """Run a method with each setting of its grid on fewer known pixels; the least error on the hidden wins.

    Args:
        name: One of `edlrr_cli.baselines.registry.METHOD_NAMES`.
        image: Shape (h, w, c), values in [0, 1]; missing pixels are not looked at. Not modified.
        known: Shape (h, w), True = known pixel.
        device: To compute on, where the method uses torch.
        dtype: Of the computation, where the method uses torch.
        seed: Of the hidden pixels.
        share: Of the known pixels to hide, in the shape of the holes.
        fixed: Parameters that are not chosen but given.
        callback: Told of each step of each run.
        visible: Shape (h, w), False = transparent pixel, which is not hidden; None: all pixels are visible.

    Returns:
        The published parameters where the grid leaves no choice, or there are too few pixels to hide any.

    Raises:
        UsageError: Unknown method or parameter.
        NumericsError: Every setting broke down.
    """
    fixed = fixed or {}
    hidden = held_out(known, share, np.random.default_rng(seed), visible)
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
        raise NumericsError(f"method {name}: every setting of its grid broke down", "give its parameters")
    return Tuning({**given, **best.params}, tuple(scores))


def _settings(name: str, fixed: Params) -> Iterator[Params]:
    """Yield the product of the grid, without the parameters that are given."""
    grid = {key: values for key, values in METHODS[name].grid.items() if key not in fixed}
    for values in product(*grid.values()):
        yield dict(zip(grid, values, strict=True))
