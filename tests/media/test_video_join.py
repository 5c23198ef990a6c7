"""Joining videos: every frame at its time, bit by bit as it was encoded, for every codec and container."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from edlrr_cli.errors import OutputError
from edlrr_cli.media.codecs import CONTAINERS
from edlrr_cli.media.video_join import join_videos
from edlrr_cli.media.video_sources import open_video
from edlrr_cli.media.video_writer import write_video

SIZE_PX = (64, 80)
TIMES = [Fraction(tick, 90_000) for tick in (0, 3003, 6006, 50_000, 50_900, 95_000, 98_003, 170_000, 171_000)]
STARTS = (0, 4, 5)


def write_parts(folder, suffix, codec):
    rng = np.random.default_rng(0)
    parts = []
    for number, start in enumerate(STARTS):
        path = folder / f"part{number}{suffix}"
        stop = (*STARTS, len(TIMES))[number + 1]
        with write_video(path, size_px=SIZE_PX, frame_rate=Fraction(30), codec=codec) as writer:
            for time in TIMES[start:stop]:
                writer.write(rng.integers(0, 256, (*SIZE_PX, 3), dtype=np.uint8), time - TIMES[start])
        parts.append((path, TIMES[start]))
    return parts


@pytest.mark.parametrize(
    ("suffix", "codec"), [(suffix, codec) for suffix, codecs in CONTAINERS.items() for codec in codecs]
)
def test_frames_and_times_are_those_of_the_parts(tmp_path, suffix, codec):
    parts = write_parts(tmp_path, suffix, codec)
    join_videos(parts, tmp_path / f"whole{suffix}")
    joined = list(open_video(tmp_path / f"whole{suffix}").frames())
    single = [frame for path, _ in parts for frame in open_video(path).frames()]
    assert len(joined) == len(single) == len(TIMES)
    for ours, theirs in zip(joined, single, strict=True):
        np.testing.assert_array_equal(ours.pixels, theirs.pixels)
    exact = suffix in (".mp4", ".mov")  # the others count milliseconds
    limit = 0 if exact else 1.5e-3
    assert [float(frame.time) for frame in joined] == pytest.approx([*map(float, TIMES)], abs=limit)
    assert len(list(tmp_path.iterdir())) == len(parts) + 1


def test_nothing_is_encoded_anew(tmp_path):
    parts = write_parts(tmp_path, ".mp4", "h264")
    join_videos(parts, tmp_path / "whole.mp4")

    def packets(path):
        with av.open(str(path)) as container:
            return [bytes(packet) for packet in container.demux(video=0) if packet.size]

    assert packets(tmp_path / "whole.mp4") == [each for path, _ in parts for each in packets(path)]


def test_a_failure_leaves_what_was_there(tmp_path):
    (path, begin), *_ = write_parts(tmp_path, ".mp4", "h264")
    whole = tmp_path / "whole.mp4"
    whole.write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"whole\.mp4 cannot be written"):
        join_videos([(path, begin), (tmp_path / "absent.mp4", begin)], whole)
    assert whole.read_bytes() == b"mine"
    assert not list(tmp_path.glob(".*"))
