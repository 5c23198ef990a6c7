"""The photograph and the masks of the benchmarks; the only module here that draws or scales images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from edlrr_cli.errors import InputError

PHOTO = "skimage.data.astronaut(), scaled with anti-aliasing, rounded to 8 bits"
_THUMBNAIL_PX = 128
_TEXT = "The quick brown fox jumps over the lazy dog. "


def photo(size_px: int) -> NDArray[np.float64]:
    """Return the photograph included in scikit-image, shape (size, size, 3), k / 255."""
    from skimage import data, transform

    full = data.astronaut()  # type: ignore[no-untyped-call]
    scaled = transform.resize(full, (size_px, size_px), anti_aliasing=True)  # type: ignore[no-untyped-call]
    rounded: NDArray[np.float64] = np.rint(scaled * 255) / 255
    return rounded


def large_photo(height: int, width: int) -> NDArray[np.float64]:
    """Return the photograph tiled, alternately mirrored, with grain, shape (h, w, 3), k / 255."""
    tile_px = max(min(height, width) // 3, 32)
    tile = photo(tile_px)
    pair = np.concatenate([tile, tile[:, ::-1]], axis=1)
    counts = -(-height // tile_px), -(-width // (2 * tile_px))
    whole = np.tile(pair, (*counts, 1))[:height, :width]
    grain = np.random.default_rng(0).normal(0.0, 1.5 / 255, whole.shape)
    rounded: NDArray[np.float64] = np.rint((whole + grain).clip(0.0, 1.0) * 255) / 255
    return rounded


def caption_hole(height: int, width: int) -> NDArray[np.bool_]:
    """Return three lines of text at the bottom, shape (height, width), True = letter."""
    image = Image.new("L", (width, height))
    size_px = max(height / 45, 8)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size=size_px)
    for line in range(3):
        draw.text((10, height - (1.4 * line + 2) * size_px), _TEXT * 4, fill=255, font=font)
    return np.asarray(image) > 0


def logo_hole(height: int, width: int) -> NDArray[np.bool_]:
    """Return letters above a bar in the upper right corner, shape (height, width), True = missing."""
    image = Image.new("L", (width, height))
    draw, scale = ImageDraw.Draw(image), height / 240
    left, top = round(width - 108 * scale), round(8 * scale)
    font = ImageFont.load_default(size=max(44 * scale, 8))
    draw.text((left, top), "EDLR", fill=255, font=font, anchor="lt")
    draw.rectangle(
        (left, top + round(44 * scale), left + round(96 * scale), top + round(54 * scale)), fill=255
    )
    return np.asarray(image) > 0


def text_hole(height: int, width: int) -> NDArray[np.bool_]:
    """Return lines of text all over, shape (height, width), True = letter, which is a missing pixel."""
    side = max(height, width)
    image = Image.new("L", (width, height))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size=max(side / 16, 8))
    for line, top in enumerate(range(0, height, max(side // 10, 10))):
        draw.text((2 - 20 * line, top), _TEXT * 4, fill=255, font=font)
    return np.asarray(image) > 127


def block_hole(height: int, width: int) -> NDArray[np.bool_]:
    """Return a centered rectangle of a quarter of each side, shape (height, width), True = missing."""
    hole = np.zeros((height, width), dtype=np.bool_)
    hole[3 * height // 8 : 5 * height // 8, 3 * width // 8 : 5 * width // 8] = True
    return hole


def read_hole(path: Path, size_px: tuple[int, int]) -> NDArray[np.bool_]:
    """Read a mask of Table 1: scaled to (h, w) by Pillow's default, missing where a channel is below 255.

    Raises:
        InputError: The file is missing or not an image.
    """
    try:
        with Image.open(path) as image:
            scaled = np.asarray(image.resize(size_px[::-1]))
    except Exception as error:  # decoders raise SyntaxError, struct.error, EOFError, ...
        raise InputError(f"mask {path} cannot be read ({error})", "get the file again") from error
    return np.asarray((scaled.reshape(*size_px, -1) < 255).any(axis=2))


def save_thumbnail(path: Path, pixels: NDArray[np.floating[Any]]) -> None:
    """Write the center of an image, shape (h, w, c), values in [0, 1], as JPEG; create the folder."""
    height, width, num_channels = pixels.shape
    top, left = max(height - _THUMBNAIL_PX, 0) // 2, max(width - _THUMBNAIL_PX, 0) // 2
    center = pixels[top : top + _THUMBNAIL_PX, left : left + _THUMBNAIL_PX]
    levels = np.rint(center * 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(levels[..., 0] if num_channels == 1 else levels).save(path, quality=90)


def save_png(path: Path, pixels: NDArray[np.float64]) -> None:
    """Write pixels in [0, 1], shape (h, w, 3) or (h, w), as 8-bit PNG."""
    Image.fromarray(np.rint(pixels * 255).astype(np.uint8)).save(path)


def save_damaged(image: Path, mask: Path, clean: NDArray[np.float64], hole: NDArray[np.bool_]) -> None:
    """Write an image with a white hole, and the mask of it, as 8-bit PNG."""
    save_png(image, np.where(hole[..., None], 1.0, clean))
    save_png(mask, hole.astype(np.float64))
