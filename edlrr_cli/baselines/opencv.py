"""OpenCV's inpainting: Telea, Navier-Stokes and frequency selective reconstruction, on integer pixels."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.baselines.interface import direct
from edlrr_cli.baselines.result import Bools, Pixels
from edlrr_cli.errors import UsageError
from edlrr_cli.lrr.names import nearest

_MAX_RADIUS_PX = 100
_FSR_BLOCK_PX = 16


@direct
def telea(observed: Pixels, known: Bools, *, radius_px: int = 3) -> Pixels:
    """Fill from the border of a hole inwards, each pixel by a weighted mean of first-order predictions.

    Args:
        radius_px: Radius of the neighborhood that predicts a pixel, 1..100.

    Raises:
        UsageError: OpenCV is not installed, or the radius is outside its range.

    Note:
        OpenCV's float32 route fails on [0, 1] (image 1 of the paper's Table 1, half the pixels lost:
        8.8 dB instead of 34.2); it expects 0..255. The 16-bit route has no such trap and little rounding.

    Source: Telea, "An image inpainting technique based on the fast marching method", 2004; ``cv2.inpaint``,
        channel by channel, since it supports single channels only at 16 bits.
    """
    cv2 = _opencv("telea")
    return _marched(observed, known, cv2, cv2.INPAINT_TELEA, radius_px)


@direct
def navier_stokes(observed: Pixels, known: Bools, *, radius_px: int = 3) -> Pixels:
    """Fill from the border of a hole inwards, transporting the smoothness along isophotes.

    Args:
        radius_px: Radius of the neighborhood that predicts a pixel, 1..100.

    Raises:
        UsageError: OpenCV is not installed, or the radius is outside its range.

    Source: Bertalmio, Bertozzi, Sapiro, "Navier-Stokes, fluid dynamics, and image and video inpainting",
        2001; ``cv2.inpaint``, which marches once instead of iterating the flow, channel by channel.
    """
    cv2 = _opencv("navier-stokes")
    return _marched(observed, known, cv2, cv2.INPAINT_NS, radius_px)


@direct
def fsr(observed: Pixels, known: Bools, *, quality: str = "fast") -> Pixels:
    """Model each block by a sparse sum of Fourier functions, fitted to the known pixels around it.

    Args:
        quality: ``"fast"`` or ``"best"``, which takes several times as long.

    Raises:
        UsageError: OpenCV is not installed with its contributed modules, or the quality is unknown.

    Note:
        Fills at 8 bits: OpenCV's 16-bit and float routes return no image. Its mask is the opposite of the
        other two methods', non-zero = known. Where a side is not a multiple of its blocks it may leave a
        black strip, so the image is first mirrored beyond its border.

    Source: Genser, Seiler, Schilling, Kaup, "Signal and loss geometry aware frequency selective
        extrapolation for error concealment", 2018; ``cv2.xphoto.inpaint``, channel by channel: its color
        route converts to 8-bit YCbCr and back, and alters known pixels.
    """
    xphoto = getattr(_opencv("fsr"), "xphoto", None)
    if xphoto is None:
        raise UsageError("method 'fsr' needs OpenCV's contributed modules", "pip install 'edlrr[opencv]'")
    algorithms = {"fast": xphoto.INPAINT_FSR_FAST, "best": xphoto.INPAINT_FSR_BEST}
    if quality not in algorithms:
        raise UsageError(f"method fsr: unknown quality {quality!r}", nearest(quality, tuple(algorithms)))
    height, width = known.shape
    margin = [(0, -side % _FSR_BLOCK_PX) for side in known.shape]
    mask = np.pad(np.where(known, np.uint8(255), np.uint8(0)), margin, mode="symmetric")

    def reconstruct(channel: NDArray[Any]) -> NDArray[Any]:
        filled = np.zeros_like(mask)
        xphoto.inpaint(np.pad(channel, margin, mode="symmetric"), mask, filled, algorithms[quality])
        return filled[:height, :width]

    return _filled(observed, known, np.uint8, reconstruct)


def _opencv(method: str) -> ModuleType:
    try:
        import cv2
    except ImportError as error:
        raise UsageError(f"method {method!r} needs OpenCV", "pip install 'edlrr[opencv]'") from error
    module: ModuleType = cv2
    return module


def _marched(observed: Pixels, known: Bools, cv2: ModuleType, algorithm: int, radius_px: int) -> Pixels:
    """Run ``cv2.inpaint``, whose mask is non-zero where pixels are missing."""
    if not 1 <= radius_px <= _MAX_RADIUS_PX:
        raise UsageError(f"radius_px must be between 1 and {_MAX_RADIUS_PX}, got {radius_px}")
    mask = np.where(known, np.uint8(0), np.uint8(255))
    return _filled(
        observed, known, np.uint16, lambda channel: cv2.inpaint(channel, mask, radius_px, algorithm)
    )


def _filled(
    observed: Pixels, known: Bools, depth: type[np.unsignedinteger[Any]], fill: Callable[..., NDArray[Any]]
) -> Pixels:
    """Fill each channel at an integer depth; known pixels are kept without rounding."""
    peak = np.iinfo(depth).max
    levels = np.ascontiguousarray(np.rint(observed.clip(0.0, 1.0) * peak).transpose(2, 0, 1)).astype(depth)
    filled = np.stack([fill(channel) for channel in levels], axis=2) / peak
    return np.where(known[..., None], observed, filled)
