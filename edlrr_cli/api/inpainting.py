"""Missing pixels of arrays and tensors, filled in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from edlrr_cli.api.arrays import Bools, check_mask, check_size, image_like, pixels_of, plain_array
from edlrr_cli.api.isolation import isolated
from edlrr_cli.api.settings import NoiseLevel, level_of
from edlrr_cli.api.tensors import Image, device_name, restored_alike
from edlrr_cli.errors import UsageError
from edlrr_cli.pipelines.denoisers import load_denoiser
from edlrr_cli.tasks.checks import settings_of
from edlrr_cli.tasks.inpaint.config import Config

_SETTINGS = tuple(field.name for field in fields(Config))


@isolated
def inpaint(
    image: Image,
    mask: Image,
    *,
    prior: str = "auto",
    quality: str = "auto",
    reg: str = "auto",
    gamma: float | None = None,
    scale: float | None = None,
    noise: NoiseLevel = 0.0,
    lam: float | None = None,
    optimizer: str | None = None,
    steps: int = 120,
    lr: float = 0.05,
    refresh: int = 10,
    whiten: float = 1.0,
    center: bool = True,
    fill: str = "biharmonic",
    held_out: float = 0.02,
    probes: int | None = None,
    backend: str = "auto",
    device: str | torch.device = "auto",
    seed: int = 0,
    time_budget: float | None = None,
) -> Image:
    """Restore the missing pixels of an image.

    Args:
        image: An array (h, w) or (h, w, c), or a tensor (h, w), (c, h, w) or (n, c, h, w), at least 2 x 2;
            uint8, uint16, or floating in [0, 1]. Not modified; no gradient flows through the result.
        mask: Bool, **True = hole**, as in scikit-image (inside this package it is the other way round). Shape
            (h, w), for a batch one for all, or (n, h, w) or (n, 1, h, w). At least one pixel missing and one
            known. An array if ``image`` is one, else a tensor.
        prior: Model of the image: ``"global"`` (each channel a low-rank matrix), ``"local"`` (windows of it),
            ``"nonlocal"`` (groups of similar patches), ``"network"`` (a denoiser), or ``"auto"``, which mixes
            the first three and a smooth fill by their errors on held-out known pixels.
        quality: ``"auto"``, ``"draft"``, ``"fast"``, ``"balanced"`` or ``"best"``.
        reg: Penalty, one of `edlrr_cli.lrr.names.REG_NAMES`.
        gamma: Shape of the penalty; None: its default.
        scale: Unit of the singular values; None: chosen from the spectrum.
        noise: Standard deviation of the noise on known pixels, on the [0, 1] scale, whatever the dtype; 0
            keeps them exactly, ``"auto"`` or None estimates it.
        lam: Weight of the penalty beside the data term; None: adapted to the noise.
        optimizer: ``"adam"`` or ``"cg"`` for every low-rank prior; None: Adam for ``"global"``,
            conjugate gradients for the others.
        steps: Adam steps at most.
        lr: First step size of Adam, in units of the [0, 1] scale.
        refresh: Steps between two evaluations of the penalty.
        whiten: Whitening: weight of high frequencies in the penalized matrix, 0 or more.
        center: Leave row and column means out of the penalty.
        fill: The start: ``"biharmonic"``, ``"mean"`` or ``"zero"``.
        held_out: Fraction of the known pixels that is hidden to measure the error, 0 to 0.5.
        probes: Gaussian probes of the stochastic estimator; None: the exact trace.
        backend: How the penalty is computed, one of `edlrr_cli.lrr.names.BACKENDS`.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:N"``; ``"auto"`` keeps a tensor on its device. On
            a GPU small images of a batch are restored at once.
        seed: Seed of the hidden pixels and the probes.
        time_budget: Seconds after which the best image so far is returned; None: no limit.

    Returns:
        Kind, shape, dtype and device of ``image``; without noise the known pixels are its own, bit by bit.

    Raises:
        UsageError: Wrong kind, shape, dtype or range, nothing missing or nothing known, or a setting that
            makes no sense.
        DeviceError: The device is not available.
        NumericsError: The penalty left the range of its series, or the optimization diverged.

    Note:
        Neither depends on torch's and NumPy's state in the caller's thread, nor changes it: grad mode,
        inference mode, autocast, default dtype and device, random generators.

    Example:
        >>> stripes = np.tile(np.array([0, 255], np.uint8), (8, 4))
        >>> hole = np.zeros((8, 8), bool)
        >>> hole[3:5, 3:5] = True
        >>> restored = inpaint(np.where(hole, 128, stripes).astype(np.uint8), hole)
        >>> int(np.abs(restored.astype(int) - stripes).max()) < 40
        True
    """
    given = {**locals(), "noise": level_of("noise", noise), "device": device_name(device, image)}
    config = settings_of(Config, given)
    return restored_alike(partial(_inpaint_arrays, config), image, mask)


@isolated
def inpaint_lowrank(
    image: NDArray[Any],
    mask: NDArray[Any],
    *,
    channel_axis: int | None = None,
    prior: str = "auto",
    quality: str = "auto",
    reg: str = "auto",
    gamma: float | None = None,
    scale: float | None = None,
    noise: NoiseLevel = 0.0,
    lam: float | None = None,
    optimizer: str | None = None,
    steps: int = 120,
    lr: float = 0.05,
    refresh: int = 10,
    whiten: float = 1.0,
    center: bool = True,
    fill: str = "biharmonic",
    held_out: float = 0.02,
    probes: int | None = None,
    backend: str = "auto",
    device: str | torch.device = "auto",
    seed: int = 0,
    time_budget: float | None = None,
) -> NDArray[np.float64]:
    """Fill the masked pixels of an image, called like `skimage.restoration.inpaint_biharmonic`.

    Args:
        image: Shape (h, w), or with channels along ``channel_axis``; dtype as in `inpaint`. Not modified.
        mask: Shape (h, w), bool, or numbers of which all but 0 are holes.
        channel_axis: Axis of the channels; None: the image is gray.
        prior, quality, reg, gamma, scale, noise, lam, optimizer, steps, lr, refresh, whiten, center, fill,
            held_out, probes, backend, device, seed, time_budget: As in `inpaint`.

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
    settings = {name: value for name, value in locals().items() if name in _SETTINGS}
    given, holes = plain_array("image", image), plain_array("mask", mask)
    if given.ndim != (2 if channel_axis is None else 3) or channel_axis not in (None, *range(-3, 3)):
        remedy = "channel_axis is the axis of the channels, or None for gray"
        raise UsageError(f"image: shape {given.shape} with channel_axis {channel_axis}", remedy)
    last = given if channel_axis is None else np.moveaxis(given, channel_axis, -1)
    filled = inpaint(pixels_of(last).reshape(last.shape), _as_bools(holes), **settings)
    return filled if channel_axis is None else np.moveaxis(filled, -1, channel_axis)


def _as_bools(mask: NDArray[Any]) -> Bools:
    """Return where numbers are not 0."""
    if mask.dtype.kind not in "buif" or np.isnan(mask).any():
        raise UsageError(f"mask: expected bool or finite numbers, got {mask.dtype}", "pass True = hole")
    return mask.astype(bool)


def _inpaint_arrays(
    config: Config, images: Sequence[NDArray[Any]], masks: Sequence[NDArray[Any]]
) -> list[NDArray[Any]]:
    """Restore images of one shape and dtype, (h, w) or (h, w, c)."""
    from edlrr_cli.tasks.inpaint.problem import InpaintProblem
    from edlrr_cli.tasks.inpaint.restore import restore_each

    pairs = list(zip(images, masks, strict=True))
    for image, mask in pairs:
        check_size(image)
        check_mask(mask, image)
    damaged = [
        InpaintProblem(np.where(mask[..., None], 0.0, pixels_of(image)), np.logical_not(mask, order="C"))
        for image, mask in pairs
    ]
    denoiser = load_denoiser() if config.needs_denoiser else None
    results = restore_each(damaged, config, denoiser=denoiser)
    restored = [image_like(image, result.restored) for image, result in zip(images, results, strict=True)]
    if config.noise == 0:
        for pixels, (image, mask) in zip(restored, pairs, strict=True):
            pixels[~mask] = image[~mask]  # bit by bit
    return restored
