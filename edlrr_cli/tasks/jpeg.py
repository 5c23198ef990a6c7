"""The losses of JPEG for batches of tensors on any device, without a file."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

_BLOCK_PX = 8
# Luma and the two color differences of ITU-R BT.601.
_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
# Tables K.1 and K.2 of the standard.
_LUMA = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMA = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *(((99,) * 8,) * 4),
)


def compress_jpeg(images: Tensor, quality: Tensor, *, halves_colors: bool) -> Tensor:
    """Return RGB images after JPEG compression.

    Args:
        images: Shape (b, 3, h, w), in [0, 1]. Not modified.
        quality: Quality of each image, shape (b,), 1 to 100.
        halves_colors: Whether the color differences have half the resolution (4:2:0).

    Returns:
        Shape of the images, in [0, 1].

    Source: ITU-T T.81; the scale of the tables is that of libjpeg.
    """
    height, width = images.shape[2:]
    step_px = 2 * _BLOCK_PX if halves_colors else _BLOCK_PX
    padded = functional.pad(images, (0, -width % step_px, 0, -height % step_px), mode="replicate")
    to_ycc = images.new_tensor(_YCC)
    components = 255 * torch.einsum("ij,bjhw->bihw", to_ycc, padded)
    luma, chroma = components[:, :1] - 128, components[:, 1:]
    percent = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)
    luma = _quantized(luma, images.new_tensor(_LUMA), percent)
    if halves_colors:
        halved = _quantized(functional.avg_pool2d(chroma, 2), images.new_tensor(_CHROMA), percent)
        chroma = functional.interpolate(halved, scale_factor=2, mode="bilinear", align_corners=False)
    else:
        chroma = _quantized(chroma, images.new_tensor(_CHROMA), percent)
    stored = torch.cat([luma + 128, chroma], dim=1)
    levels = torch.einsum("ij,bjhw->bihw", torch.linalg.inv(to_ycc), stored).round().clamp(0, 255)
    return levels[..., :height, :width] / 255


def _quantized(values: Tensor, table: Tensor, percent: Tensor) -> Tensor:
    """Round the coefficients of the cosine transform of 8 x 8 blocks."""
    batch, channels, height, width = values.shape
    shape = (batch, channels, height // _BLOCK_PX, _BLOCK_PX, width // _BLOCK_PX, _BLOCK_PX)
    basis = _cosine_basis(values)
    steps = ((table * percent[:, None, None] + 50) / 100).floor().clamp(1, 255)[:, None, None, None]
    blocks = values.reshape(shape).transpose(3, 4)
    coefficients = basis @ blocks @ basis.mT
    rounded = (coefficients / steps).round() * steps
    return (basis.mT @ rounded @ basis).transpose(3, 4).reshape(values.shape)


def _cosine_basis(like: Tensor) -> Tensor:
    """Return the orthonormal cosine basis, shape (8, 8)."""
    index = torch.arange(_BLOCK_PX, dtype=like.dtype, device=like.device)
    frequencies = math.pi / _BLOCK_PX * index[:, None]
    basis: Tensor = torch.cos(frequencies * (index + 0.5)) * math.sqrt(2 / _BLOCK_PX)
    basis[0] *= math.sqrt(0.5)
    return basis
