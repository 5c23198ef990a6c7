"""A denoiser as a prior: what is missing should look like what it calls clean."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from edlrr_cli.tasks.denoise.network import Denoiser
from edlrr_cli.tasks.denoise.run import denoise_by_network
from edlrr_cli.tasks.inpaint.priors.majorizer import Progress, errors_of

# The noise level given to the denoiser, on [0, 1], first and last. Measured: see docs/decisions.md.
_SIGMA_START, _SIGMA_END, _NUM_ROUNDS = 0.05, 0.005, 10


def denoise_holes(
    images: Tensor,
    known: Tensor,
    denoiser: Denoiser,
    *,
    least_error: Tensor | None = None,
    progress: Progress | None = None,
    time_left: Callable[[], bool] | None = None,
) -> Tensor:
    """Denoise again and again for less and less noise, each time with the known pixels put back.

    Args:
        images: Shape (b, 1 or 3, h, w), floating; the missing pixels are the start. Not modified.
        known: Shape (b, h, w), bool, True = known pixel; they keep their values.
        denoiser: On the device of the images.
        least_error: Of the known pixels, on [0, 1], shape (b,); None: 0.
        progress: Told of each round; the penalty is the noise told of.
        time_left: Asked before each round; the rounds end where it says False.

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
            for index, told in enumerate(sigma.tolist()):
                progress(index, number + 1, _NUM_ROUNDS, told, X[index])
    return X
