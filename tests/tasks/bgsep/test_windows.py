from __future__ import annotations

from itertools import pairwise

import pytest

from edlrr_cli.tasks.bgsep.windows import FixedPlan, OpenPlan, windows


@pytest.mark.parametrize(
    ("num_frames", "size", "overlap"),
    [(1, 5, 2), (5, 5, 2), (6, 5, 2), (100, 7, 3), (101, 10, 0), (17, 8, 4)],
)
def test_windows_cover_the_video_and_fade(num_frames, size, overlap):
    plan = windows(num_frames, size=size, overlap=overlap)
    assert plan[0].start == 0
    assert plan[-1].stop == num_frames
    for frame in range(num_frames):
        weights = [window.weight(frame) for window in plan]
        assert sum(weights) > 0
        inside = [window.start <= frame < window.stop for window in plan]
        assert [weight > 0 for weight in weights] == inside
    for before, after in pairwise(plan):
        assert before.stop - after.start >= overlap
    if overlap:  # from one frame to the next no window gains or loses a large fraction
        for window in plan[1:]:
            fractions = [
                window.weight(frame) / sum(other.weight(frame) for other in plan)
                for frame in (window.start - 1, window.start)
            ]
            assert fractions[1] - fractions[0] <= 1 / overlap


@pytest.mark.parametrize(("size", "overlap", "count"), [(6, 3, 4), (6, 0, 3), (5, 2, 1), (4, 1, 7)])
def test_a_stream_that_fills_its_windows_has_those_of_a_video(size, overlap, count):
    num_frames = size + (count - 1) * (size - overlap)
    plan, fixed = (
        OpenPlan(lambda index: min(index, num_frames), size=size, overlap=overlap),
        FixedPlan(num_frames, size=size, overlap=overlap),
    )
    for index in range(1, num_frames + 1):
        open_ended, closed = plan.begun(index), fixed.begun(index)
        assert [(each.start, each.stop) for each in open_ended] == [
            (each.start, each.stop) for each in closed
        ]
        for one, other in zip(open_ended, closed, strict=True):
            assert [one.weight(each) for each in range(num_frames)] == pytest.approx(
                [other.weight(each) for each in range(num_frames)]
            )


@pytest.mark.parametrize("num_frames", range(1, 24))
@pytest.mark.parametrize("overlap", [0, 1, 3])
def test_every_frame_of_a_stream_has_a_window(num_frames, overlap):
    plan = OpenPlan(lambda index: min(index, num_frames), size=6, overlap=overlap)
    windows = [window for index in range(num_frames) for window in plan.begun(index + 1)]
    assert all(any(window.weight(index) > 0 for window in windows) for index in range(num_frames))
    assert all(window.stop - window.start == min(6, num_frames) for window in windows)
    starts = [window.start for window in windows]
    assert starts == sorted(set(starts))


def test_a_stream_is_read_to_the_end_of_a_window_and_no_further():
    asked = []
    plan = OpenPlan(lambda index: asked.append(index) or index, size=10, overlap=4)
    plan.begun(6)
    assert asked == [11]  # one more frame decides whether it is the last window
    plan.begun(7)
    assert asked == [11, 17]
