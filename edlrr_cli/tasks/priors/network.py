"""A denoiser as a prior: what is missing should look like what it calls clean."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from edlrr_cli.tasks.denoise.network import Denoiser
from edlrr_cli.tasks.denoise.run import denoise_by_network
from edlrr_cli.tasks.priors.majorizer import Progress

# The noise that the denoiser is told of, on [0, 1], at the start and at the end. Measured: see DECISIONS.md.
_SIGMA_START, _SIGMA_END, _NUM_ROUNDS = 0.05, 0.005, 10


def denoise_holes(
    image: Tensor,
    known: Tensor,
    denoiser: Denoiser,
    *,
    least_error: float = 0.0,
    progress: Progress | None = None,
    time_left: Callable[[], bool] | None = None,
) -> Tensor:
    """Denoise again and again for less and less noise, each time with the known pixels put back.

    Args:
        image: Shape (1 or 3, h, w), floating; the missing pixels are the start. Not modified.
        known: Shape (h, w), bool, True = known pixel; they keep their values.
        denoiser: On the device of the image.
        least_error: Of the known pixels, on [0, 1].
        progress: Told of each round; the penalty is the noise told of.
        time_left: Asked before each round; the rounds end where it says False.

    Returns:
        Shape of the image, float32, not clipped.

    Source: Venkatakrishnan, Bouman, Wohlberg, "Plug-and-play priors for model based reconstruction", 2013.
    """
    X = image.float()
    for number, sigma in enumerate(np.geomspace(_SIGMA_START, _SIGMA_END, _NUM_ROUNDS).clip(least_error)):
        if time_left is not None and not time_left():
            break
        X = torch.where(known, image, denoise_by_network(X, float(sigma), denoiser))
        if progress is not None:
            progress(number + 1, _NUM_ROUNDS, float(sigma), X)
    return X
