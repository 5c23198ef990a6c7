"""The network that comes with the program."""

from __future__ import annotations

import functools

from edlrr_cli.media.shipped import DENOISER
from edlrr_cli.media.weights import read_weights
from edlrr_cli.tasks.denoise.network import Denoiser


@functools.cache
def shipped_denoiser() -> Denoiser:
    """Return the network, which is read once."""
    weights = read_weights(DENOISER)
    return Denoiser.of(weights.tensors, weights.about, name=str(DENOISER))
