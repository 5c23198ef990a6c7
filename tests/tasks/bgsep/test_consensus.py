"""What recurs is background, even if it is covered most of the time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from edlrr_cli.tasks.bgsep.consensus import best_course, visible
from edlrr_cli.tasks.bgsep.keyframes import Keyframes
from edlrr_cli.tasks.bgsep.tuning import DEFAULT

COUNT, HEIGHT, WIDTH = 30, 48, 60


def keyframes(frames):
    pixels = torch.from_numpy(frames.round().clip(0, 255).astype(np.uint8)).flatten(1)
    return Keyframes(pixels, 255, frames.shape[1:3])


def steady_wall(rng):
    wall = 60 + 120 * rng.random((HEIGHT // 4, WIDTH // 4, 3)).repeat(4, axis=0).repeat(4, axis=1)
    return np.tile(wall, (COUNT, 1, 1, 1)) + rng.normal(0, 2, (COUNT, HEIGHT, WIDTH, 3))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def flat(value=1.0):
    return torch.full((COUNT, 1), value)


def test_a_place_that_is_covered_most_of_the_time(rng):
    frames, covered = steady_wall(rng), np.zeros((COUNT, HEIGHT, WIDTH), bool)
    for index in range(COUNT):
        if index % 4:  # three quarters of the time, each time by something else
            covered[index, 8:40, 12:48] = True
    frames[covered] = (
        rng.integers(0, 256, (COUNT, HEIGHT // 4, WIDTH // 4, 3)).repeat(4, 1).repeat(4, 2)[covered]
    )
    seen = visible(keyframes(frames), flat(), DEFAULT).numpy()
    inside, outside = (slice(None), slice(12, 36), slice(16, 44)), (slice(None), slice(0, 4))
    assert (seen[inside] == ~covered[inside]).mean() > 0.99
    assert seen[outside].all()


def test_neighbors_decide_where_the_cover_recurs_more_often(rng):
    frames = steady_wall(rng)
    for index in range(COUNT):
        if index % 3:
            frames[index, 8:40, 12:48] = rng.integers(0, 256, (8, 9, 3)).repeat(4, 0).repeat(4, 1)
            frames[index, 22:26, 28:32] = 30  # of all that covers the wall, this alone is always the same
    seen = visible(keyframes(frames), flat(), DEFAULT)[:, 23, 29]
    assert seen.tolist() == [index % 3 == 0 for index in range(COUNT)]


def test_a_background_that_moves_is_always_visible(rng):
    frames = steady_wall(rng)
    leaves = 100 + 25 * rng.standard_normal((COUNT, HEIGHT, WIDTH // 2, 3))
    frames[:, :, : WIDTH // 2] = leaves
    seen = visible(keyframes(frames), flat(), DEFAULT)
    assert seen[:, :, :24].float().mean() > 0.95


def test_the_brightness_is_followed_only_if_that_makes_frames_alike(rng):
    light = 1 + 0.4 * np.sin(np.arange(COUNT) / 4)[:, None, None, None]
    course = torch.from_numpy(light.reshape(COUNT, 1)).float()
    wall = steady_wall(rng)
    assert best_course(keyframes(0.6 * wall * light), (flat(), course), DEFAULT) is course
    even = flat()
    assert best_course(keyframes(0.6 * wall), (even, course), DEFAULT) is even
