"""Frames that are denoised with their neighbors: a still scene gains, a moving one loses nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from edlrr_cli.pipelines.denoisers import load_denoiser
from edlrr_cli.tasks.denoise.clips import ClipDenoising
from edlrr_cli.tasks.denoise.config import Config
from edlrr_cli.tasks.denoise.temporal import Estimate, _from_average, denoise_temporal, neighborhoods

SIGMA = 25
NUM_FRAMES, SIDE_PX = 7, 48


class Clip:
    """Frames in memory."""

    def __init__(self, frames):
        self._frames = frames
        self.info = self
        self.size_px, self.peak, self.num_frames = frames.shape[1:3], np.iinfo(frames.dtype).max, len(frames)

    def frames(self, *, start=0, every=1):
        for pixels in self._frames[start::every]:
            yield type("Frame", (), {"pixels": pixels})


def scene(index, pan_px=0):
    """Stripes and disks, above which a square moves."""
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX]
    x = x + pan_px * index
    clean = 0.5 + 0.15 * np.sign(np.sin(0.7 * (x + y))) * (x % 60 < 26) + 0.2 * (np.hypot(x % 60 - 36, y - 30) < 9)
    left = 3 + 4 * index
    clean[6:14, left : left + 8] = 0.9
    return clean


def clip_of(pan_px=0, seed=0):
    clean = np.stack([scene(index, pan_px) for index in range(NUM_FRAMES)])[..., None]
    noise = SIGMA / 255 * np.random.default_rng(seed).standard_normal(clean.shape)
    return clean, np.rint((clean + noise).clip(0, 1) * 255).astype(np.uint8)


def denoised(noisy, quality, **settings):
    frames = ClipDenoising(Clip(noisy), Config(sigma=SIGMA / 255, quality=quality, device="cpu"), load_denoiser(), **settings)
    return list(frames)


def quality_of(pixels, clean):
    """Return the PSNR over all frames."""
    return -10 * np.log10(np.square(pixels - clean).mean())


def pixels_of(frames):
    return np.stack([frame.pixels for frame in frames]) / 255


def test_neighbors_denoise_a_still_scene_further_without_flicker():
    clean, noisy = clip_of()
    balanced, best = (pixels_of(denoised(noisy, quality)) for quality in ("balanced", "best"))
    assert quality_of(best, clean) > quality_of(balanced, clean) + 1.0
    still = np.ptp(clean, axis=0) == 0
    assert best.std(0)[still].mean() < 0.6 * balanced.std(0)[still].mean()
    moving = np.broadcast_to(~still, clean.shape)
    assert quality_of(best[moving], clean[moving]) > quality_of(balanced[moving], clean[moving]) - 0.3
