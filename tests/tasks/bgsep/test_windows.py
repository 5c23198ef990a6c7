from __future__ import annotations

from itertools import pairwise

import pytest

from edlrr_cli.tasks.bgsep.windows import windows


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
    if overlap:  # from one frame to the next no window gains or loses a large share
        for window in plan[1:]:
            shares = [
                window.weight(frame) / sum(other.weight(frame) for other in plan)
                for frame in (window.start - 1, window.start)
            ]
            assert shares[1] - shares[0] <= 1 / overlap
