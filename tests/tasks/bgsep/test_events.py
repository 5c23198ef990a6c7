"""Events, the objects of a mask, and how both are counted."""

from __future__ import annotations

import numpy as np
import pytest

from edlrr_cli.tasks.bgsep.events import find_events
from edlrr_cli.tasks.bgsep.objects import find_objects


def spans(fractions, times=None, *, end_s=None, gap_s=0.0, min_s=0.0):
    times = list(range(len(fractions))) if times is None else times
    end_s = len(fractions) if end_s is None else end_s
    found = find_events(fractions, times, end_s=end_s, gap_s=gap_s, min_s=min_s)
    return [(each.first, each.last, each.start_s, each.stop_s) for each in found]


def test_neighboring_frames_are_one_event_without_a_gap():
    assert spans([0, 1, 1, 0, 1]) == [(1, 2, 1, 3), (4, 4, 4, 5)]


def test_only_shorter_pauses_are_bridged():
    moving = [1, 0, 0, 1, 0, 1]
    assert spans(moving, gap_s=1) == spans(moving)
    assert spans(moving, gap_s=1.5) == [(0, 0, 0, 1), (3, 5, 3, 6)]
    assert spans(moving, gap_s=3) == [(0, 5, 0, 6)]


def test_pauses_do_not_make_flashes_an_event():
    flashes = [1, 0, 0, 0, 1]
    assert spans(flashes, gap_s=9, min_s=2) == [(0, 4, 0, 5)]
    assert spans(flashes, gap_s=9, min_s=2.1) == []


def test_times_may_be_uneven():
    assert spans([1, 0, 1], [0.0, 0.25, 5.0], end_s=5.5, gap_s=4) == [(0, 0, 0.0, 0.25), (2, 2, 5.0, 5.5)]
    assert spans([1, 0, 1], [0.0, 0.25, 5.0], end_s=5.5, gap_s=5) == [(0, 2, 0.0, 5.5)]


def test_nothing_moves():
    assert spans([0, 0]) == []


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_objects_are_connected_by_their_sides(dtype):
    mask = np.zeros((6, 8), bool)
    mask[1, 1] = mask[2, 2] = True
    mask[4:6, 5:8] = True
    scale = np.iinfo(dtype).max // 255
    background = np.full((6, 8, 3), 100 * scale, dtype)
    pixels = background.copy()
    pixels[mask] -= np.array([10, 0, 40], dtype) * dtype(scale)
    first, second, third = find_objects(mask, pixels, background)
    assert (first[:7], second[:7]) == ((1, 1, 1, 1, 1, 1, 1), (2, 2, 2, 2, 1, 1, 1))
    assert third[:7] == (6.0, 4.5, 5, 4, 3, 2, 6)
    assert third.mean_difference == pytest.approx(40)
    assert find_objects(np.zeros_like(mask), pixels, background) == []
