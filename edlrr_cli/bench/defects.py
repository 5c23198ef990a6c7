"""Synthetic defects of known truth: dust, hairs, scratches, a logo, and infrared planes of a scanner."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter, shift

Pixels = NDArray[np.float64]
Bools = NDArray[np.bool_]

# Defects are drawn at this multiple of the size and averaged down, which makes their edges soft.
_ZOOM = 4
# A pixel belongs to a defect if it covers at least this fraction of the pixel.
_COVERED = 0.1


@dataclass(frozen=True, eq=False)
class Damaged:
    """A damaged image.

    Attributes:
        pixels: Shape (h, w, c), in [0, 1].
        hole: Shape (h, w), True = damaged pixel.
    """

    pixels: Pixels
    hole: Bools


def dust_cover(size_px: tuple[int, int], rng: np.random.Generator, *, specks: int, hairs: int) -> Pixels:
    """Return the coverage of each pixel by specks of 1 to 5 pixels and hairs of 15 to 60, shape (h, w)."""
    canvas = _Canvas(size_px)
    for _ in range(specks):
        radii = rng.uniform(0.5, 2.5) * rng.uniform(0.6, 1.0, 12)
        angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        outline = np.stack([np.cos(angles), np.sin(angles)], axis=1) * radii[:, None]
        canvas.draw.polygon(canvas.points(canvas.anywhere(rng) + outline), fill=255)
    for _ in range(hairs):
        start, direction = canvas.anywhere(rng), _direction(rng)
        length = rng.uniform(15, 60)
        bend = start + length / 2 * direction + rng.normal(0, length / 5, 2)
        canvas.arc(start, bend, start + length * direction, rng.uniform(0.8, 1.8))
    return canvas.coverage()


def scratch_cover(size_px: tuple[int, int], rng: np.random.Generator, *, scratches: int) -> Pixels:
    """Return the coverage of each pixel by arcs across the image, 1 to 3 pixels wide, shape (h, w)."""
    canvas = _Canvas(size_px)
    for _ in range(scratches):
        start, corner, end = (canvas.anywhere(rng) for _ in range(3))
        canvas.arc(start, (start + end) / 2 + 0.25 * (corner - start), end, float(rng.integers(1, 4)))
    return canvas.coverage()


def logo_cover(size_px: tuple[int, int]) -> Pixels:
    """Return the coverage of each pixel by a badge with two lines of text, at the lower right, (h, w)."""
    canvas = _Canvas(size_px)
    height, width = size_px
    side = min(height, width) / 5
    left, top = width - 2.4 * side, height - 1.2 * side
    font = ImageFont.load_default(size=side / 2.6 * _ZOOM)
    canvas.draw.ellipse([_ZOOM * each for each in (left, top, left + side, top + side)], fill=255)
    inner = (left + side / 4, top + side / 4, left + 3 * side / 4, top + 3 * side / 4)
    canvas.draw.rectangle([_ZOOM * each for each in inner], fill=0)
    for line, text in enumerate(("EDLRR", "photo")):
        position = (_ZOOM * (left + 1.1 * side), _ZOOM * (top + line * side / 2))
        canvas.draw.text(position, text, fill=255, font=font)
    return canvas.coverage()


def painted(clean: Pixels, cover: Pixels, *, level: float, opacity: float = 1.0) -> Damaged:
    """Blend one gray level into an image, shape (h, w, c), and round it to 8 bits."""
    weight = opacity * cover[..., None]
    pixels = np.rint(255 * ((1 - weight) * clean + weight * level)) / 255
    return Damaged(pixels, cover >= _COVERED)


def infrared_plane(
    clean: Pixels,
    cover: Pixels,
    rng: np.random.Generator,
    *,
    transmission: float,
    leak: float = 0.15,
    noise: float = 0.01,
    shift_px: tuple[int, int] = (0, 0),
) -> Pixels:
    """Return the infrared plane of a scan of color film, shape (h, w), in [0, 1].

    Args:
        clean: Image before the damage, whose red channel leaks into the plane.
        cover: Coverage by dust, which lets ``transmission`` of the light of clean film through.
        leak: Density of the darkest red in the plane, as a fraction of the clean film's light.
        shift_px: Rows and columns by which the plane is displaced.
    """
    film = 0.8 * (1 - leak * (1 - clean[..., 0]) ** 1.3)
    blurred = gaussian_filter(cover, 0.5)
    plane = film * (1 - (1 - transmission) * blurred)
    moved = shift(plane, shift_px, order=1, mode="nearest")
    noisy = moved + noise * rng.standard_normal(moved.shape)
    return np.asarray(np.rint(65535 * noisy.clip(0, 1)) / 65535)


class _Canvas:
    """A canvas several times as large as the image."""

    def __init__(self, size_px: tuple[int, int]) -> None:
        self.size_px = size_px
        self._image = Image.new("L", (size_px[1] * _ZOOM, size_px[0] * _ZOOM))
        self.draw = ImageDraw.Draw(self._image)

    def anywhere(self, rng: np.random.Generator) -> Pixels:
        """Return a random point (x, y) in pixels."""
        return rng.uniform((0, 0), self.size_px[::-1])

    @staticmethod
    def points(outline: Pixels) -> list[tuple[float, float]]:
        """Return points (n, 2) in pixels as those of the canvas."""
        return [(float(x), float(y)) for x, y in outline * _ZOOM]

    def arc(self, start: Pixels, bend: Pixels, end: Pixels, width_px: float) -> None:
        """Draw a quadratic Bezier curve."""
        along = np.linspace(0, 1, 60)[:, None]
        curve = (1 - along) ** 2 * start + 2 * along * (1 - along) * bend + along**2 * end
        self.draw.line(self.points(curve), fill=255, width=round(width_px * _ZOOM), joint="curve")

    def coverage(self) -> Pixels:
        """Return the coverage of each pixel, shape (h, w), in [0, 1]."""
        small = self._image.resize(self.size_px[::-1], Image.Resampling.BOX)
        return np.asarray(small, np.float64) / 255


def _direction(rng: np.random.Generator) -> Pixels:
    angle = rng.uniform(0, 2 * np.pi)
    return np.array([np.cos(angle), np.sin(angle)])
