"""What moves is carried through a hole: with its motion, from both sides, and not what stands still."""

from __future__ import annotations

import pytest
import torch

from edlrr_cli.tasks.clips.motion import carry
from edlrr_cli.tasks.clips.residual import complete

NUM_FRAMES, SPEED_PX = 16, 4


def passing(speed_px=SPEED_PX):
    """Return an object that passes behind a hole, and the known pixels."""
    generator = torch.Generator().manual_seed(0)
    texture = torch.rand(3, 5, 8, generator=generator).repeat_interleave(4, 1).repeat_interleave(4, 2)
    values = torch.zeros(NUM_FRAMES, 3, 64, 128)
    for t in range(NUM_FRAMES):
        left = 6 + speed_px * t
        values[t, :, 22:42, left : left + 32] = 0.3 + 0.4 * texture
    known = torch.ones(NUM_FRAMES, 1, 64, 128)
    known[:, :, 18:46, 50:74] = 0
    return values, known


def error(found, values, known):
    return float((found - values)[(known == 0).expand_as(values)].abs().mean())


def test_an_object_is_carried_into_the_hole():
    values, known = passing()
    carried = carry(values * known, known)
    assert error(carried.values, values, known) < 0.35 * error(0 * values, values, known)
    assert torch.equal(carried.values[known.expand_as(values) > 0], values[known.expand_as(values) > 0])


def test_age_counts_the_frames_since_it_was_seen():
    values, known = passing()
    ages = carry(values * known, known).age
    assert ages[0][known[0] == 0].isinf().all()
    assert (ages[known > 0] == 0).all()
    assert ages[8, 0, 30, 51] < ages[8, 0, 30, 68]


def test_both_directions_are_better_than_nothing_and_smoothing():
    values, known = passing()
    found = complete(values, 0 * values, known)
    assert error(found, values, known) < 0.3 * error(0 * values, values, known)


def test_what_does_not_move_is_only_smoothed():
    known = passing()[1]
    values = torch.full((NUM_FRAMES, 3, 64, 128), 2 / 255)
    found = complete(values, 0 * values, known)
    torch.testing.assert_close(found, torch.full_like(found, 2 / 255))


@pytest.mark.parametrize("speed_px", [0, 6])
def test_known_pixels_are_unchanged(speed_px):
    values, known = passing(speed_px)
    found = complete(values, 0 * values, known)
    kept = known.expand_as(values) > 0
    torch.testing.assert_close(found[kept], values[kept])


def test_what_the_frames_before_and_after_contradict_is_dropped():
    """Something enters a hole that moves along with it and is gone when the hole has passed."""
    generator = torch.Generator().manual_seed(0)
    values = torch.zeros(NUM_FRAMES, 3, 64, 128)
    known = torch.ones(NUM_FRAMES, 1, 64, 128)
    for t in range(NUM_FRAMES):
        known[t, :, 18:46, 20 + 4 * t : 44 + 4 * t] = 0
    values[0, :, 22:42, 44:60] = 0.3 + 0.4 * torch.rand(3, 20, 16, generator=generator)
    found = complete(values, 0 * values, known)
    hole = (known == 0).expand_as(values)
    assert float(found[6:][hole[6:]].abs().mean()) < 2 / 255
