"""Plug-and-play prior: a denoiser restores the missing pixels."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from edlrr_cli.tasks.denoise.network import Denoiser
from edlrr_cli.tasks.denoise.run import denoise_by_network
from edlrr_cli.tasks.inpaint.lowrank.majorizer import Progress, errors_of

# Noise levels of the first and the last round, on [0, 1]. Measured: see docs/decisions.md.
_SIGMA_START, _SIGMA_END, _NUM_ROUNDS = 0.05, 0.005, 10


def inpaint_plug_and_play(
    images: Tensor,
    known: Tensor,
    denoiser: Denoiser,
    *,
    least_error: Tensor | None = None,
    progress: Progress | None = None,
    time_left: Callable[[], bool] | None = None,
) -> Tensor:
    """Denoise repeatedly at decreasing noise levels, restoring the known pixels after each round.

    Args:
        images: Shape (b, 1 or 3, h, w), floating; the missing pixels are the start. Not modified.
        known: Shape (b, h, w), bool, True = known pixel, whose value is kept.
        denoiser: A denoiser on the device of the images.
        least_error: Error of the known pixels, on [0, 1], shape (b,); None: 0.
        progress: Called after each round; the noise level is reported as the penalty.
        time_left: Called before each round; the rounds end when it returns False.

    Returns:
        Shape of the images, float32, not clipped.

    Source: Venkatakrishnan, Bouman, Wohlberg, "Plug-and-play priors for model based reconstruction", 2013.
    """
    X, here = images.float(), known[:, None]
    least = X.new_zeros(len(X)) if least_error is None else least_error
    for number, sigma in enumerate(errors_of(_SIGMA_START, _SIGMA_END, _NUM_ROUNDS, least=least)):
        if time_left is not None and not time_left():
            break
        X = torch.where(here, images, denoise_by_network(X, sigma, denoiser))
        if progress is not None:
            for index, level in enumerate(sigma.tolist()):
                progress(index, number + 1, _NUM_ROUNDS, level, X[index])
    return X
