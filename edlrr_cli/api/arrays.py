"""What the calls on arrays have in common: the range of a dtype, settings by keyword, the shipped network."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from edlrr_cli.errors import UsageError

if TYPE_CHECKING:
    from edlrr_cli.tasks.denoise.network import Denoiser

_Settings = TypeVar("_Settings")


def configured(kind: type[_Settings], settings: dict[str, Any]) -> _Settings:
    """Return settings made of keywords.

    Raises:
        UsageError: One is unknown, or its value makes no sense.
    """
    try:
        return kind(**settings)
    except TypeError as error:
        raise UsageError(f"unknown setting: {error}", f"see {kind.__module__}.{kind.__name__}") from None


def peak_of(dtype: np.dtype[Any]) -> int:
    """Return the value of white: 255, 65535, or 1 of floating dtypes.

    Raises:
        UsageError: Any other dtype.
    """
    if dtype == np.uint8 or dtype == np.uint16:
        return int(np.iinfo(dtype).max)
    if dtype.kind == "f":
        return 1
    raise UsageError(f"image: expected uint8, uint16 or floating, got {dtype}", "convert it first")


@functools.cache
def shipped_denoiser() -> Denoiser:
    """Return the network that comes with the program."""
    from edlrr_cli.media.shipped import DENOISER
    from edlrr_cli.media.weights import read_weights
    from edlrr_cli.tasks.denoise.network import Denoiser

    weights = read_weights(DENOISER)
    return Denoiser.of(weights.tensors, weights.about, name=str(DENOISER))
