"""The background of keyframes with holes: revealed pixels exactly, the others as an image, once."""

from __future__ import annotations

import numpy as np
import torch

from edlrr_cli.tasks.bgsep.decompose import decompose
from edlrr_cli.tasks.bgsep.keyframes import Keyframes
from edlrr_cli.tasks.clips.background import completed, fit_background

SIZE_PX = (20, 30)
WHOLE = (slice(None), slice(None))
EVERYWHERE = torch.ones(SIZE_PX, dtype=torch.bool)


def scene(num_frames=12):
    """Return a textured wall under changing light, and a hole that moves."""
    generator = torch.Generator().manual_seed(1)
    wall = 0.2 + 0.5 * torch.rand(*SIZE_PX, 3, generator=generator)
    light = 1 + 0.1 * torch.sin(torch.arange(num_frames).float())
    frames = light[:, None, None, None] * wall
    known = torch.ones(num_frames, *SIZE_PX, dtype=torch.bool)
    for t in range(num_frames):
        known[t, 5:12, 2 * t : 2 * t + 6] = False
    return frames, known


def fitted(frames, known):
    levels = (frames * 255).round().to(torch.uint8)
    levels = torch.where(known[..., None], levels, torch.tensor(255, dtype=torch.uint8))
    keyframes = Keyframes(levels.flatten(1), 255, SIZE_PX)
    return fit_background(keyframes, known, WHOLE, reg="nuclear", gamma=None, seed=0)


def of_frames(background, frames, known):
    sampled = frames.flatten(1, 2)[:, background.samples]
    coefficients = background.coefficients(sampled, known.flatten(1)[:, background.samples])
    return torch.einsum("br,rhwc->bhwc", coefficients, background.images)


def test_a_moving_hole_is_seen_through():
    frames, known = scene()
    background = fitted(frames, known)
    assert bool(background.revealed.all())
    assert float((of_frames(background, frames, known) - frames).abs().max()) < 4 / 255


def test_what_no_frame_shows_is_restored_once_and_continued():
    frames, _ = scene()
    known = torch.ones(len(frames), *SIZE_PX, dtype=torch.bool)
    known[:, 5:12, 8:16] = False
    calls = []

    def fill_image(image, revealed):
        calls.append(revealed)
        return np.where(revealed[..., None], image, 0.5)

    first = completed(fitted(frames, known), EVERYWHERE, fill_image)
    torch.testing.assert_close(first.image[5:12, 8:16], torch.full((7, 8, 3), 0.5), atol=1e-5, rtol=0)
    second = completed(fitted(frames, known), EVERYWHERE, fill_image, first)
    assert len(calls) == 1
    torch.testing.assert_close(second.image, first.image, atol=1e-4, rtol=0)
    completed(fitted(1 - frames, known), EVERYWHERE, fill_image, first)
    assert len(calls) == 2


def test_what_no_hole_uncovers_is_not_restored():
    frames, _ = scene()
    known = torch.ones(len(frames), *SIZE_PX, dtype=torch.bool)
    known[:, 5:12, 8:16] = known[:, :3] = False
    needed = EVERYWHERE.clone()
    needed[:3] = False

    def fill_image(image, given):
        assert given[:3].all()
        return np.where(given[..., None], image, 0.5)

    found = completed(fitted(frames, known), needed, fill_image).image
    torch.testing.assert_close(found[5:12, 8:16], torch.full((7, 8, 3), 0.5), atol=1e-5, rtol=0)
    assert float(found[:3].min()) > 0.2


def test_frames_without_any_known_pixel_get_the_typical_background():
    frames, known = scene()
    background = fitted(frames, known)
    nothing = torch.zeros_like(known)
    found = of_frames(background, frames, nothing)
    torch.testing.assert_close(found, background.image.expand_as(found))


def test_unknown_entries_do_not_change_the_objective():
    frames, known = scene()
    V, where = frames.flatten(1), known.flatten(1).repeat_interleave(3, 1)
    spoiled = torch.where(where, V, 1.0)
    clean, other = (decompose(values, known=where, steps=40) for values in (V, spoiled))
    torch.testing.assert_close(clean.low_rank, other.low_rank)
