"""Shake of the camera: the translation of frames against a reference, by phase correlation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from edlrr_cli.tasks.bgsep.keyframes import Keyframes

# Gradients of this many gray levels of 255 count half as much as strong ones.
_SOFT = 4 / 255
# Minimum height of the correlation's peak, in standard deviations, of a reliable translation.
_MIN_PEAK = 10.0
# The camera shakes if the median displacement of the keyframes exceeds this number of pixels. It moves too
# far beyond this fraction of the shorter side.
_MIN_PX, _MAX_FRACTION = 0.3, 0.1
# Minimum number of quarters of a frame that are displaced as the whole, up to this fraction of it. Maximum
# fraction of keyframes displaced too far for the others to be registered.
_MIN_QUARTERS, _MAX_OFF, _MAX_LOST = 2, 0.5, 0.1
# Minimum fraction of the pixels with a gradient. Before a plain wall, an object looks like a moving camera.
_MIN_TEXTURE = 0.2
# Registration must lower the mean difference of the keyframes, clipped, at least to this fraction.
_MAX_SCATTER, _CLIP, _EVERY = 0.95, 0.1, 7


@dataclass(frozen=True)
class Shake:
    """Displacement of the keyframes of a window.

    Attributes:
        median_px: Median displacement from the middle one, in pixels.
        lost: Fraction of the keyframes that are displaced too far.
    """

    median_px: float
    lost: float


@dataclass(frozen=True, eq=False)
class Camera:
    """Registers frames to a reference by translation.

    Attributes:
        spectrum: Spectrum of the reference's gradients, shape (h, w), complex.
        shape: Shape of a frame, (h, w, c).
        counted: Pixels that count, bool, shape (h, w); None for all.
    """

    spectrum: Tensor
    shape: tuple[int, int, int]
    counted: Tensor | None = None

    @classmethod
    def at(cls, image: Tensor, shape: tuple[int, int, int], counted: Tensor | None = None) -> Camera:
        """Return the camera with an image, shape (n,), as its reference."""
        return cls(_spectrum(image.view(1, *shape).mean(-1), counted)[0], shape, counted)

    def shifts(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Return by how much the frames are displaced from the reference, and whether that is reliable.

        Args:
            frames: Shape (b, n), n = h * w * c.

        Returns:
            Rows and columns in pixels, shape (b, 2), 0 if unreliable; bool, shape (b,).

        Source: Foroosh, Zerubia, Berthod, "Extension of phase correlation to subpixel registration", 2002. Of
            gradients, whose direction counts more than their strength: Fitch et al., "Orientation
            correlation", 2002.
        """
        spectrum = _spectrum(frames.view(-1, *self.shape).mean(-1), self.counted)
        cross = spectrum * self.spectrum.conj()
        surface = torch.fft.ifft2(cross / (cross.abs().sqrt() + 1e-3)).real
        height, width = surface.shape[1:]
        index = surface.flatten(1).argmax(dim=1)
        found = torch.stack([index // width, index % width], dim=1)
        peaks = _at(surface, found)
        offsets = torch.stack([_vertex(surface, found, axis, peaks) for axis in (0, 1)], dim=1)
        sizes = torch.tensor([height, width], device=found.device)
        centered = (found + sizes // 2) % sizes - sizes // 2
        reliable = peaks > _MIN_PEAK * surface.flatten(1).std(dim=1, correction=0)
        return (centered + offsets) * reliable[:, None], reliable

    def moved(self, images: Tensor, shifts: Tensor) -> tuple[Tensor, Tensor]:
        """Return images displaced by ``shifts``, and where they are known.

        Args:
            images: Shape (b, h, w, c).
            shifts: Shape (b, 2), rows and columns in pixels.

        Returns:
            Images of the same shape, extended beyond their borders, and bool, shape (b, h, w).
        """
        return displaced(images, shifts)


def displaced(images: Tensor, shifts: Tensor, *, mode: str = "bilinear") -> tuple[Tensor, Tensor]:
    """Return images displaced by ``shifts``, and where they are known; see `Camera.moved`.

    Args:
        mode: Interpolation, ``"bilinear"`` or ``"bicubic"``.
    """
    height, width = images.shape[1:3]
    rows = torch.arange(height, device=images.device) - shifts[:, :1]
    columns = torch.arange(width, device=images.device) - shifts[:, 1:]
    across = (2 * columns / max(width - 1, 1) - 1)[:, None, :].expand(-1, height, -1)
    down = (2 * rows / max(height - 1, 1) - 1)[:, :, None].expand(-1, -1, width)
    grid = torch.stack([across, down], dim=-1)
    moved = grid_sample(
        images.permute(0, 3, 1, 2), grid, mode=mode, padding_mode="border", align_corners=True
    )
    return moved.permute(0, 2, 3, 1), grid.abs().amax(-1) <= 1


def steady(keyframes: Keyframes) -> tuple[Keyframes, Camera | None, Shake]:
    """Register the keyframes to one another if the camera shakes.

    Returns:
        The keyframes, displaced if the camera shakes; the camera, None if it stands still or moves too far.
    """
    shape = (*keyframes.size_px, keyframes.num_channels)
    middle = keyframes.pixels[len(keyframes.pixels) // 2].float() / keyframes.peak
    camera = Camera.at(middle, shape, keyframes.counted)
    shifts, reliable = _shifts(keyframes, camera)
    shifts = shifts * _agree(keyframes, middle, shifts)[:, None]
    limit = _MAX_FRACTION * min(keyframes.size_px)
    distances = shifts.norm(dim=1)
    median_px = float(distances.median())
    shake = Shake(median_px, float((distances > limit).float().mean()))
    if not _MIN_PX < median_px < limit or shake.lost > _MAX_LOST:
        return keyframes, None, shake
    moved = _aligned(keyframes, camera, shifts - shifts[reliable].median(dim=0).values)
    if _scatter(moved) > _MAX_SCATTER * _scatter(keyframes):
        return keyframes, None, shake
    median = torch.cat([moved.values(chunk).median(dim=0).values for chunk in moved.chunks()])
    camera = Camera.at(median, shape, keyframes.counted)
    return _aligned(keyframes, camera, _shifts(keyframes, camera)[0]), camera, shake


def _agree(keyframes: Keyframes, middle: Tensor, shifts: Tensor) -> Tensor:
    """Return whether several quarters of a keyframe are displaced as the whole, shape (k,)."""
    height, width, channels = keyframes.size_px[0] // 2, keyframes.size_px[1] // 2, keyframes.num_channels
    gray = middle.view(1, *keyframes.size_px, channels).mean(-1)
    if min(height, width) < 1 or _texture(gray, keyframes.counted) < _MIN_TEXTURE:
        return torch.zeros(len(shifts), dtype=torch.bool, device=shifts.device)
    votes = torch.zeros(len(shifts), device=shifts.device)
    for rows, columns in product((slice(height), slice(-height, None)), (slice(width), slice(-width, None))):

        def quarter(frames: Tensor, rows: slice = rows, columns: slice = columns) -> Tensor:
            return frames.view(-1, *keyframes.size_px, channels)[:, rows, columns].flatten(1)

        counted = None if keyframes.counted is None else keyframes.counted[rows, columns]
        camera = Camera.at(quarter(middle)[0], (height, width, channels), counted)
        found, reliable = zip(*(camera.shifts(quarter(part)) for _, part in keyframes.batches()), strict=True)
        near = (torch.cat(found) - shifts).norm(dim=1) < _MAX_OFF * shifts.norm(dim=1)
        votes += near & torch.cat(reliable)
    return votes >= _MIN_QUARTERS


def _scatter(keyframes: Keyframes) -> float:
    """Return the mean difference of the keyframes from their median, of the few pixels that are compared."""
    values = keyframes.values(slice(0, None, _EVERY))
    off = (values - values.median(dim=0).values).abs_().clamp_max_(_CLIP)
    return float(off.mean())


def _shifts(keyframes: Keyframes, camera: Camera) -> tuple[Tensor, Tensor]:
    shifts, reliable = zip(*(camera.shifts(frames) for _, frames in keyframes.batches()), strict=True)
    return torch.cat(shifts), torch.cat(reliable)


def _aligned(keyframes: Keyframes, camera: Camera, shifts: Tensor) -> Keyframes:
    parts = [
        camera.moved(frames.view(-1, *camera.shape), -shifts[indices])[0].flatten(1)
        for indices, frames in keyframes.batches()
    ]
    pixels = torch.cat([(part * keyframes.peak).round().to(keyframes.pixels.dtype) for part in parts])
    return replace(keyframes, pixels=pixels)


def _texture(gray: Tensor, counted: Tensor | None) -> float:
    """Return the fraction of the counted pixels with a gradient, of an image of shape (1, h, w)."""
    strong = _gradients(gray)[0].abs() > 2 * _SOFT
    return float((strong if counted is None else strong[counted]).float().mean())


def _gradients(gray: Tensor) -> Tensor:
    """Return differences over two pixels, across and down, as complex numbers, shape (b, h, w)."""
    gradients = torch.zeros(gray.shape, dtype=torch.complex64, device=gray.device)
    gradients.real[:, :, 1:-1] = gray[:, :, 2:] - gray[:, :, :-2]
    gradients.imag[:, 1:-1] = gray[:, 2:] - gray[:, :-2]
    return gradients


def _spectrum(gray: Tensor, counted: Tensor | None) -> Tensor:
    """Return the spectrum of the gradients of the counted pixels of images, shape (b, h, w), complex."""
    gradients = _gradients(gray)
    gradients /= gradients.abs() + 2 * _SOFT
    if counted is not None:
        gradients *= counted
    window = [torch.hann_window(size, periodic=False, device=gray.device) for size in gray.shape[1:]]
    spectrum: Tensor = torch.fft.fft2(gradients * torch.outer(*window))
    return spectrum


def _at(surface: Tensor, positions: Tensor) -> Tensor:
    """Return the values at a position of each surface, which continues beyond its borders."""
    height, width = surface.shape[1:]
    batch = torch.arange(len(surface), device=surface.device)
    values: Tensor = surface[batch, positions[:, 0] % height, positions[:, 1] % width]
    return values


def _vertex(surface: Tensor, positions: Tensor, axis: int, peaks: Tensor) -> Tensor:
    """Return the offset of the vertex of the parabola through a peak and its neighbors along an axis."""
    step = torch.zeros_like(positions)
    step[:, axis] = 1
    before, after = _at(surface, positions - step), _at(surface, positions + step)
    curvature = before - 2 * peaks + after
    return torch.where(curvature < 0, 0.5 * (before - after) / curvature, 0.0).clamp(-0.5, 0.5)
