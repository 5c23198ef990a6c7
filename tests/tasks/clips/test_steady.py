"""A shaking camera: its frames are registered, and the hole is filled with what the shake reveals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage

from edlrr_cli.tasks.clips import stream
from edlrr_cli.tasks.clips.steady import stand_still
from edlrr_cli.tasks.clips.stream import ClipFilling
from edlrr_cli.tasks.inpaint.config import Config

from .conftest import Clip

HEIGHT, WIDTH, NUM_FRAMES = 60, 80, 24
CPU = torch.device("cpu")


def views(shake_px, dtype=np.uint8, num_frames=NUM_FRAMES):
    """Return frames of one texture, displaced at random to fractions of a pixel."""
    generator = np.random.default_rng(0)
    noise = ndimage.gaussian_filter(generator.standard_normal((HEIGHT + 40, WIDTH + 40, 3)), (2, 2, 0))
    wide = (0.5 + 0.15 * noise / noise.std()).clip(0, 1)
    shifts = generator.uniform(-shake_px, shake_px, (num_frames, 2))
    moved = [ndimage.shift(wide, (*shift, 0), order=3) for shift in shifts]
    frames = np.stack(moved)[:, 20 : 20 + HEIGHT, 20 : 20 + WIDTH].clip(0, 1)
    return np.rint(frames * np.iinfo(dtype).max).astype(dtype)


def corner(num_frames=NUM_FRAMES):
    """Return a hole of bars at the corner, narrower than the shake."""
    holes = np.zeros((num_frames, HEIGHT, WIDTH), dtype=bool)
    for left in (62, 68, 74):
        holes[:, 2:18, left : left + 3] = True
    return holes


def restored(clip):
    filling = ClipFilling(clip, Config(device="cpu", quality="draft"))
    return filling, list(filling)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_shake_reveals_a_fixed_logo(dtype):
    truth, holes = views(2.5, dtype), corner()
    filling, filled = restored(Clip(truth, holes))
    assert 1 < filling.shake_px < 4
    found = np.stack([each.pixels for each in filled])
    assert found.dtype == dtype
    np.testing.assert_array_equal(found[~holes], truth[~holes])
    errors = np.abs(found.astype(float) - truth)[holes] / np.iinfo(dtype).max
    # A texture of standard deviation 0.15, of which the fill of single frames leaves an error of 0.03.
    assert errors.mean() < 0.012
    assert not any(each.follows_motion for each in filled)


def test_a_camera_that_stands_still_is_left_alone():
    truth = np.broadcast_to(views(0, num_frames=1), (NUM_FRAMES, HEIGHT, WIDTH, 3))
    assert stand_still(Clip(truth, corner()), CPU) is None


def test_frames_displaced_beyond_the_canvas_stay_where_they_are():
    truth = views(2.5)
    steady = stand_still(Clip(truth, corner()), CPU)
    far = np.roll(truth[:1], 25, axis=2)
    outside = type(steady)(
        Clip(far, corner(1)), steady._camera, margin_px=steady._margin_px, shake_px=1.0, device=CPU
    )
    (frame,) = outside.frames()
    assert not frame.shift.any()


def test_a_frame_without_a_hole_comes_back_as_it_was():
    truth, holes = views(2.5), corner()
    holes[3] = False
    _, filled = restored(Clip(truth, holes))
    np.testing.assert_array_equal(filled[3].pixels, truth[3])


def test_the_start_does_not_change_the_frames(monkeypatch):
    monkeypatch.setattr(stream, "CHUNK", 8)
    clip = Clip(views(2.5), corner())
    whole = restored(clip)[1]
    late = list(ClipFilling(clip, Config(device="cpu", quality="draft"), start=16))
    assert [each.index for each in late] == list(range(16, NUM_FRAMES))
    for ours, theirs in zip(late, whole[16:], strict=True):
        np.testing.assert_array_equal(ours.pixels, theirs.pixels)


def test_a_clip_without_frames_is_not_registered():
    clip = Clip(views(2.5)[:1], corner(1))
    clip.info = replace(clip.info, num_frames=5)
    clip._frames = []
    assert stand_still(clip, CPU) is None
