"""Denoising by a trained network, for images of any size and noise of any level."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from edlrr_cli.errors import EdlrrError, InputError
from edlrr_cli.networks.apply import predict_clean
from edlrr_cli.networks.build import build_network
from edlrr_cli.networks.names import Size
from edlrr_cli.tasks.denoise.tiles import Progress, apply_in_tiles

# Side of a tile without its margin; with it, a tile takes about 0.6 GB in the shipped network.
_TILE_PX = 1024
_GRAY = 0.5


@dataclass(frozen=True, eq=False)
class Denoiser:
    """A network and the noise level it was trained for.

    Attributes:
        network: For gray images, or for RGB images.
        largest: Largest noise level it was trained for, on [0, 1].
        scales: Whether it is free of additive constants, and so works at every noise level.
        color: A denoiser for RGB images beside one for gray images; None: the latter denoises their
            brightness and two differences.
    """

    network: nn.Module
    largest: float
    scales: bool
    color: Denoiser | None = None

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor], about: Mapping[str, Any], *, name: str) -> Denoiser:
        """Build a network from its weights.

        Args:
            tensors: Name -> values.
            about: Metadata: ``arch``, ``depth``, ``width``, ``channels``, by default 1, and ``sigma``, the
                range of noise levels trained for, on 0..255.

        Raises:
            InputError: The tensors do not fit any network of this program.
        """
        try:
            # On the meta device, nothing is drawn from the global generator and no default dtype is used.
            with torch.device("meta"):
                network = build_network(about["arch"], _size(tensors, about))
            network.load_state_dict({name: values.float() for name, values in tensors.items()}, assign=True)
            largest = _largest(about)
        except (EdlrrError, LookupError, TypeError, ValueError, ArithmeticError, RuntimeError) as error:
            raise InputError(
                f"{name} does not fit any network of edlrr ({_fault(error)})", "make one with edlrr train"
            ) from error
        return cls(network.eval(), largest, scales=not has_constants(network))

    @property
    def channels(self) -> int:
        """Return the channels of the images of the network, 1 or 3."""
        return int(self.network.channels)  # type: ignore[arg-type]

    def to(self, device: torch.device) -> Denoiser:
        """Return the denoiser on a device; the network is copied, since other threads may be using it."""
        if next(self.network.parameters()).device == device:
            return self
        color = None if self.color is None else self.color.to(device)
        return replace(self, network=_copy_on(device, self.network), color=color)

    def denoise(self, images: Tensor, sigma: Tensor, progress: Progress | None = None) -> Tensor:
        """Return the clean images.

        For a network with additive constants and noise above its largest level, the image is scaled down
        about medium gray. Below its levels, such a network smooths too much.

        Args:
            images: Shape (b, c, h, w), c = `channels`, float32, on the device of the network. Not modified.
            sigma: Standard deviations of the noise, on the scale of the images, shape (b,).

        Returns:
            Shape of the images, not clipped.
        """
        if self.scales or bool((sigma <= self.largest).all()):
            return self._denoise_unscaled(images, sigma, progress)
        factor = (self.largest / sigma).clamp_max(1.0)[:, None, None, None]
        scaled = _GRAY + (images - _GRAY) * factor
        clean = self._denoise_unscaled(scaled, sigma.clamp_max(self.largest), progress)
        return _GRAY + (clean - _GRAY) / factor

    def _denoise_unscaled(self, images: Tensor, sigma: Tensor, progress: Progress | None) -> Tensor:
        def clean(tile: Tensor) -> Tensor:
            return predict_clean(self.network, tile, sigma)

        stride_px = int(self.network.stride_px)  # type: ignore[arg-type]
        reach_px = math.ceil(int(self.network.reach_px) / stride_px) * stride_px  # type: ignore[arg-type]
        return apply_in_tiles(
            clean, images, tile_px=_TILE_PX, reach_px=reach_px, stride_px=stride_px, progress=progress
        )


@functools.lru_cache(maxsize=4)
def _copy_on(device: torch.device, network: nn.Module) -> nn.Module:
    return copy.deepcopy(network).to(device)


def _size(tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> Size:
    """Return the declared size, if the tensors can have it, so that no huge network is built."""
    size = Size(int(about["depth"]), int(about["width"]), int(about.get("channels", 1)))
    widest = max((side for values in tensors.values() for side in values.shape), default=0)
    if not (1 <= size.depth <= len(tensors) and 1 <= size.width <= widest):
        raise ValueError(f"its tensors do not have depth {size.depth} and width {size.width}")
    if size.channels not in (1, 3):
        raise ValueError(f"it has {size.channels} channels, not 1 or 3")
    return size


def _largest(about: Mapping[str, Any]) -> float:
    """Return the largest noise level that the network was trained for, on [0, 1]."""
    level = float(about["sigma"][1])
    if not (math.isfinite(level) and level > 0):
        raise ValueError(f"sigma ends at {level:g}")
    return level / 255


def has_constants(network: nn.Module) -> bool:
    """Whether a network has additive constants, so that it does not scale with its input."""
    return any(
        isinstance(module, nn.BatchNorm2d) or getattr(module, "bias", None) is not None
        for module in network.modules()
    )


def _fault(error: Exception) -> str:
    """Return the first relevant line of an error; torch lists every tensor."""
    if isinstance(error, KeyError):
        return f"{error} is missing"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[min(1, len(lines) - 1)] if lines else type(error).__name__
