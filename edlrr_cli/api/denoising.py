"""Noise of arrays and tensors, removed in one call."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from numpy.typing import NDArray

from edlrr_cli.api.arrays import check_size, image_like, pixels_of
from edlrr_cli.api.isolation import isolated
from edlrr_cli.api.settings import NoiseLevel, level_of
from edlrr_cli.api.tensors import Image, device_name, restored_alike
from edlrr_cli.pipelines.denoisers import load_denoiser
from edlrr_cli.tasks.checks import settings_of
from edlrr_cli.tasks.denoise.config import Config


@isolated
def denoise(
    image: Image,
    *,
    method: str = "network",
    sigma: NoiseLevel = None,
    noise_type: str = "auto",
    quality: str = "fast",
    strength: float = 1.0,
    reg: str | None = None,
    gamma: float | None = None,
    device: str | torch.device = "auto",
) -> Image:
    """Remove noise from an image, with the network that is installed with the package.

    Args:
        image: An array (h, w) or (h, w, c), or a tensor (h, w), (c, h, w) or (n, c, h, w), c = 1 or 3, at
            least 2 x 2; uint8, uint16, or floating, nominally in [0, 1]. Not modified; no gradient flows.
        method: ``"network"``, ``"lrr"`` (the low-rank penalty on groups of similar patches), or a method for
            comparison: ``"tv"``, ``"nlm"``, ``"wavelet"`` or ``"bm3d"``.
        sigma: Standard deviation of the noise on the [0, 1] scale, whatever the dtype; ``"auto"`` or None:
            estimated.
        noise_type: What the estimate looks for: ``"white"``; ``"photo"``, correlated noise as in photographs;
            or ``"auto"``: by its correlation in color images, white in gray ones.
        quality: Effort of the method ``network`` at white noise: ``"fast"``, the network; ``"balanced"``, low
            rank of similar patches guided by it; ``"best"``, a blend of it with the method ``lrr``.
        strength: Factor of the noise level that the method receives; 0 leaves the image as it is.
        reg: Penalty of the method ``lrr``, one of `edlrr_cli.lrr.names.REG_NAMES`; None: its default.
        gamma: Shape of this penalty; None: its default.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:N"``; ``"auto"`` keeps a tensor on its device.

    Returns:
        Kind, shape, dtype and device of ``image``; floating values are not clipped.

    Raises:
        UsageError: Wrong kind, shape or dtype, or a setting that makes no sense.
        DeviceError: The device is not available.
        NumericsError: NaN or Inf in the image.

    Note:
        Neither depends on torch's and NumPy's state in the caller's thread, nor changes it: grad mode,
        inference mode, autocast, default dtype and device, random generators.

    Example:
        >>> import numpy as np
        >>> noise = 0.1 * np.random.default_rng(0).standard_normal((64, 64))
        >>> bool(denoise(0.5 + noise, sigma=0.1).std() < 0.02)
        True
    """
    given = {**locals(), "sigma": level_of("sigma", sigma), "device": device_name(device, image)}
    config = settings_of(Config, given)
    return restored_alike(partial(_denoise_arrays, config), image)


def _denoise_arrays(config: Config, images: Sequence[NDArray[Any]], _: object) -> list[NDArray[Any]]:
    """Denoise images of one shape and dtype, (h, w) or (h, w, c)."""
    from edlrr_cli.tasks.denoise.run import denoise_each

    for image in images:
        check_size(image, num_channels=(1, 3))
    denoiser = load_denoiser() if config.method == "network" else None
    results = denoise_each([pixels_of(image) for image in images], config, denoiser)
    return [image_like(image, result.pixels) for image, result in zip(images, results, strict=True)]
