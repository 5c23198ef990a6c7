"""Translation of frames against a reference."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from edlrr_cli.tasks.bgsep.camera import Camera, steady
from edlrr_cli.tasks.bgsep.keyframes import Keyframes

HEIGHT, WIDTH = 60, 80


@pytest.fixture(scope="module")
def wide():
    """A texture without periods, larger than a frame."""
    noise = np.random.default_rng(0).standard_normal((HEIGHT + 40, WIDTH + 140, 3))
    smooth = ndimage.gaussian_filter(noise, (2, 2, 0))
    return (0.5 + 0.15 * smooth / smooth.std()).clip(0, 1).astype(np.float32)


def frame(wide, down, across):
    """A frame of the texture whose content is displaced by ``down`` rows and ``across`` columns."""
    moved = ndimage.shift(wide, (down, across, 0), order=3, mode="nearest")
    return moved[20 : 20 + HEIGHT, 20 : 20 + WIDTH].astype(np.float32).clip(0, 1)


def keyframes(frames):
    pixels = torch.from_numpy(np.rint(255 * np.stack(frames)).astype(np.uint8)).flatten(1)
    return Keyframes(pixels, 255, (HEIGHT, WIDTH))


def test_shifts_are_found_to_a_fraction_of_a_pixel(wide):
    camera = Camera.at(torch.from_numpy(frame(wide, 0, 0)).flatten(), (HEIGHT, WIDTH, 3))
    true = [(0, 0), (3, -5), (0.5, 1.25), (-7.3, 4.6)]
    frames = torch.stack([torch.from_numpy(frame(wide, *shift)).flatten() for shift in true])
    shifts, reliable = camera.shifts(frames)
    assert reliable.all()
    np.testing.assert_allclose(shifts.numpy(), true, atol=0.2)


def test_unrelated_frames_have_no_reliable_shift(wide):
    camera = Camera.at(torch.from_numpy(frame(wide, 0, 0)).flatten(), (HEIGHT, WIDTH, 3))
    shifts, reliable = camera.shifts(
        torch.rand(4, HEIGHT * WIDTH * 3, generator=torch.Generator().manual_seed(0))
    )
    assert not reliable.any()
    assert not shifts.any()


def test_what_is_moved_comes_back(wide):
    image = torch.from_numpy(frame(wide, 0, 0))[None]
    camera, shift = Camera.at(image.flatten(), (HEIGHT, WIDTH, 3)), torch.tensor([[4.0, -3.0]])
    moved, known = camera.moved(image, shift)
    assert torch.allclose(moved[0, 10, 20], image[0, 6, 23], atol=1e-4)
    assert known[0, 4:, :-3].all()
    assert not known[0, :4].any()
    back, _ = camera.moved(moved, -shift)
    assert torch.allclose(back[0, 8:-8, 8:-8], image[0, 8:-8, 8:-8], atol=1e-4)


def test_shake_is_removed_and_measured(wide):
    rng = np.random.default_rng(1)
    shaken = keyframes([frame(wide, *rng.uniform(-3, 3, 2)) for _ in range(15)])
    aligned, camera, shake = steady(shaken)
    assert camera is not None
    assert 1 < shake.median_px < 6
    assert shake.lost == 0
    inner = [
        found.pixels.view(-1, HEIGHT, WIDTH, 3)[:, 10:-10, 10:-10].float() for found in (shaken, aligned)
    ]
    before, after = (values.std(dim=0).mean() for values in inner)
    assert after < before / 4


def test_a_camera_that_stands_still_is_left_alone(wide):
    rng = np.random.default_rng(1)
    still = keyframes([(frame(wide, 0, 0) + rng.normal(0, 0.02, 3)).clip(0, 1) for _ in range(9)])
    same, camera, shake = steady(still)
    assert same is still
    assert camera is None
    assert shake.median_px < 0.1


def test_a_camera_that_pans_far_is_not_registered(wide):
    panned = keyframes([frame(wide, 0, 2.5 * index) for index in range(-10, 11)])
    same, camera, shake = steady(panned)
    assert same is panned
    assert camera is None
    assert shake.lost > 0.15


def test_an_object_before_a_plain_wall_is_no_camera(wide):
    frames = [np.full((HEIGHT, WIDTH, 3), 0.4, np.float32) for _ in range(15)]
    for index, plain in enumerate(frames):
        plain[10:40, 2 + 3 * index : 32 + 3 * index] = wide[10:40, 40:70]
    moving = keyframes(frames)
    same, camera, shake = steady(moving)
    assert same is moving
    assert camera is None
    assert (shake.median_px, shake.lost) == (0, 0)
