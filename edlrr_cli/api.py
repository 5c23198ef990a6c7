"""The outermost door: numpy arrays, restored in one call."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.errors import UsageError
from edlrr_cli.tasks.config import Config

if TYPE_CHECKING:
    from edlrr_cli.tasks.denoise.network import Denoiser

_Settings = TypeVar("_Settings")


def inpaint(image: NDArray[Any], mask: NDArray[np.bool_], **settings: Any) -> NDArray[Any]:
    """Restore the missing pixels of an image.

    Args:
        image: Shape (h, w) or (h, w, c), at least 2 x 2; uint8, uint16, or floating in [0, 1]. Not modified.
        mask: Shape (h, w), bool, **True = hole**, as in scikit-image (inside this package it is the other
            way round). At least one pixel missing and one known.
        **settings: Fields of `edlrr_cli.tasks.config.Config`, such as ``reg="exact-laplace"``,
            ``noise=0.1`` (on the [0, 1] scale) or ``device="cuda"``.

    Returns:
        Shape and dtype of ``image``; without noise the known pixels are those of ``image``, bit by bit.

    Raises:
        UsageError: Wrong shape, dtype or range, nothing missing or nothing known, unknown setting.
        DeviceError: The device is not here.
        NumericsError: The penalty left the range of its series, or the optimisation diverged.

    Example:
        >>> stripes = np.tile(np.array([0, 255], np.uint8), (8, 4))
        >>> hole = np.zeros((8, 8), bool)
        >>> hole[3:5, 3:5] = True
        >>> restored = inpaint(np.where(hole, 128, stripes).astype(np.uint8), hole)
        >>> int(np.abs(restored.astype(int) - stripes).max()) < 40
        True
    """
    from edlrr_cli.tasks.restore import restore

    if image.ndim not in (2, 3):
        raise UsageError(f"image: expected shape (h, w) or (h, w, c), got {image.shape}")
    if mask.dtype != np.bool_ or mask.shape != image.shape[:2]:
        raise UsageError(f"mask: expected bool of shape {image.shape[:2]}, got {mask.dtype} of {mask.shape}")
    peak = _peak(image.dtype)
    config = _configured(Config, settings)
    pixels = np.where(mask[..., None], 0.0, np.atleast_3d(image) / peak)
    denoiser = _shipped_denoiser() if config.needs_denoiser else None
    restored = restore(pixels, ~mask, config, denoiser=denoiser).restored * peak
    if image.dtype.kind == "u":
        restored = np.rint(restored)
    restored = restored.reshape(image.shape).astype(image.dtype)
    if config.noise != 0:
        return restored
    return np.where(mask.reshape(mask.shape + (1,) * (image.ndim - 2)), restored, image)


def denoise(image: NDArray[Any], **settings: Any) -> NDArray[Any]:
    """Remove white Gaussian noise from an image, by the network that comes with the program.

    Args:
        image: Shape (h, w) or (h, w, c), c = 1 or 3, at least 2 x 2; uint8, uint16, or floating, nominally
            in [0, 1]. Not modified.
        **settings: Fields of `edlrr_cli.tasks.denoise.config.Config`, such as ``sigma=0.1`` (on the [0, 1]
            scale; estimated if not said), ``strength=0.8`` or ``method="lrr"``.

    Returns:
        Shape and dtype of ``image``; floating values are not clipped.

    Raises:
        UsageError: Wrong shape or dtype, or a setting that makes no sense.
        DeviceError: The device is not here.
        NumericsError: NaN or Inf in the image.

    Example:
        >>> noise = 0.1 * np.random.default_rng(0).standard_normal((64, 64))
        >>> bool(denoise(0.5 + noise, sigma=0.1).std() < 0.02)
        True
    """
    from edlrr_cli.tasks.denoise.config import Config as Denoising
    from edlrr_cli.tasks.denoise.run import denoise as remove

    if image.ndim not in (2, 3) or np.atleast_3d(image).shape[2] not in (1, 3):
        raise UsageError(f"image: expected shape (h, w), (h, w, 1) or (h, w, 3), got {image.shape}")
    peak = _peak(image.dtype)
    config = _configured(Denoising, settings)
    denoiser = _shipped_denoiser() if config.method == "network" else None
    pixels = np.atleast_3d(image).astype(np.float64) / peak
    clean = remove(pixels, config, denoiser).pixels * peak
    if image.dtype.kind == "u":
        clean = np.rint(clean).clip(0, peak)
    return clean.reshape(image.shape).astype(image.dtype)


def _configured(kind: type[_Settings], settings: dict[str, Any]) -> _Settings:
    try:
        return kind(**settings)
    except TypeError as error:
        raise UsageError(f"unknown setting: {error}", f"see {kind.__module__}.{kind.__name__}") from None


@functools.cache
def _shipped_denoiser() -> Denoiser:
    from edlrr_cli.media.shipped import DENOISER
    from edlrr_cli.media.weights import read_weights
    from edlrr_cli.tasks.denoise.network import Denoiser

    weights = read_weights(DENOISER)
    return Denoiser.of(weights.tensors, weights.about, name=str(DENOISER))


def _peak(dtype: np.dtype[Any]) -> int:
    if dtype == np.uint8 or dtype == np.uint16:
        return int(np.iinfo(dtype).max)
    if dtype.kind == "f":
        return 1
    raise UsageError(f"image: expected uint8, uint16 or floating, got {dtype}", "convert it first")
