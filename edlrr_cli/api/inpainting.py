"""Missing pixels of arrays and tensors, filled in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.api.arrays import configured, peak_of, shipped_denoiser
from edlrr_cli.api.tensors import Image, restored_alike
from edlrr_cli.errors import UsageError
from edlrr_cli.tasks.inpaint.config import Config


def inpaint(image: Image, mask: Image, **settings: Any) -> Image:
    """Restore the missing pixels of an image.

    Args:
        image: An array (h, w) or (h, w, c), or a tensor (h, w), (c, h, w) or (n, c, h, w), at least 2 x 2;
            uint8, uint16, or floating in [0, 1]. Not modified; no gradient flows through the result.
        mask: Bool, **True = hole**, as in scikit-image (inside this package it is the other way round). Shape
            (h, w), of a batch one for all, or (n, h, w) or (n, 1, h, w). At least one pixel missing and one
            known.
        **settings: Fields of `edlrr_cli.tasks.inpaint.config.Config`, such as ``reg="exact-laplace"``,
            ``noise=0.1`` (on the [0, 1] scale) or ``device="cuda"``. A tensor is restored where it is, on a
            GPU small images of a batch at once.

    Returns:
        Kind, shape, dtype and device of ``image``; without noise the known pixels are its own, bit by bit.

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
    return restored_alike(_inpaint_arrays, image, mask, settings=settings)


def inpaint_lowrank(
    image: NDArray[Any], mask: NDArray[np.bool_], *, channel_axis: int | None = None, **settings: Any
) -> NDArray[np.float64]:
    """Fill the masked pixels of an image, called like `skimage.restoration.inpaint_biharmonic`.

    Args:
        image: Shape (h, w), or with channels along ``channel_axis``; dtype as in `inpaint`. Not modified.
        mask: Shape (h, w), bool or 0 and 1, true = hole.
        channel_axis: Where the channels are; None: the image is gray.
        **settings: As in `inpaint`.

    Returns:
        Shape of ``image``, float64 in [0, 1].

    Raises:
        UsageError: See `inpaint`; or the shape does not fit ``channel_axis``.

    Example:
        >>> ramp = np.tile(np.linspace(0.0, 1.0, 12), (12, 1))
        >>> hole = np.zeros((12, 12), bool)
        >>> hole[5:7, 5:7] = True
        >>> filled = inpaint_lowrank(np.where(hole, 0.0, ramp), hole)
        >>> bool(np.abs(filled - ramp).max() < 0.01)
        True
    """
    if image.ndim != (2 if channel_axis is None else 3):
        remedy = "channel_axis says where the channels are; it is None for gray"
        raise UsageError(f"image: shape {image.shape} with channel_axis {channel_axis}", remedy)
    last = image if channel_axis is None else np.moveaxis(image, channel_axis, -1)
    (filled,) = _inpaint_arrays([last / peak_of(image.dtype)], [mask.astype(bool)], **settings)
    return filled if channel_axis is None else np.moveaxis(filled, -1, channel_axis)


def _inpaint_arrays(
    images: Sequence[NDArray[Any]], masks: Sequence[NDArray[np.bool_]], **settings: Any
) -> list[NDArray[Any]]:
    """Restore images of one shape and dtype, (h, w) or (h, w, c)."""
    from edlrr_cli.tasks.inpaint.picture import Damaged
    from edlrr_cli.tasks.inpaint.restore import restore_each

    pairs = list(zip(images, masks, strict=True))
    for image, mask in pairs:
        _check(image, mask)
    config = configured(Config, settings)
    pictures = [
        Damaged(np.where(mask[..., None], 0.0, np.atleast_3d(image) / peak_of(image.dtype)), ~mask)
        for image, mask in pairs
    ]
    denoiser = shipped_denoiser() if config.needs_denoiser else None
    results = restore_each(pictures, config, denoiser=denoiser)
    is_exact = config.noise == 0
    return [
        _like(image, result.restored, mask if is_exact else None)
        for (image, mask), result in zip(pairs, results, strict=True)
    ]


def _check(image: NDArray[Any], mask: NDArray[np.bool_]) -> None:
    if image.ndim not in (2, 3):
        raise UsageError(f"image: expected shape (h, w) or (h, w, c), got {image.shape}")
    if mask.dtype != np.bool_ or mask.shape != image.shape[:2]:
        raise UsageError(f"mask: expected bool of shape {image.shape[:2]}, got {mask.dtype} of {mask.shape}")


def _like(image: NDArray[Any], pixels: NDArray[Any], mask: NDArray[np.bool_] | None) -> NDArray[Any]:
    """Return pixels in [0, 1] in the manner of an image, with its own where a mask leaves them."""
    restored = pixels * peak_of(image.dtype)
    if image.dtype.kind == "u":
        restored = np.rint(restored)
    restored = restored.reshape(image.shape).astype(image.dtype)
    if mask is None:
        return restored
    return np.where(mask.reshape(mask.shape + (1,) * (image.ndim - 2)), restored, image)
