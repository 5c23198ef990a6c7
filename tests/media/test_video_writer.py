"""Writing videos: what was written is read again, and failures leave nothing behind."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from edlrr_cli.errors import OutputError, UsageError
from edlrr_cli.media.codecs import CONTAINERS, check_encoding
from edlrr_cli.media.video_sources import open_video
from edlrr_cli.media.video_writer import write_video

RATE = Fraction(30000, 1001)


def image(index, height=34, width=52, channels=3):
    y, x = np.mgrid[:height, :width]
    shade = 100 + 60 * np.sin((x + index) / 9) + 40 * np.cos(y / 7)
    return np.stack([shade * (1 - 0.2 * channel) for channel in range(channels)], axis=2).astype(np.uint8)


def write(path, times=None, size=(34, 52), channels=3, **settings):
    times = times or [index / RATE for index in range(7)]
    with write_video(path, size_px=size, frame_rate=RATE, **settings) as writer:
        for index, time in enumerate(times):
            writer.write(image(index, *size, channels), time)
    return list(open_video(path).frames())


@pytest.mark.parametrize(
    ("suffix", "codec"), [(suffix, codec) for suffix, codecs in CONTAINERS.items() for codec in codecs]
)
def test_what_is_written_is_read_again(tmp_path, suffix, codec):
    size = (128, 160)  # the encoder of h265 gives up on tiny frames
    frames = write(tmp_path / f"a{suffix}", codec=codec, size=size)
    assert len(frames) == 7
    assert [float(frame.time) for frame in frames] == pytest.approx(np.arange(7) / float(RATE), abs=2e-3)
    limit = 0 if codec == "ffv1" else 6
    assert np.abs(frames[3].pixels.astype(int) - image(3, *size)).mean() <= limit
    assert [path.name for path in tmp_path.iterdir()] == [f"a{suffix}"]


@pytest.mark.parametrize("size", [(33, 51), (34, 51), (2, 2)])
def test_any_size_is_kept(tmp_path, size):
    assert write(tmp_path / "a.mp4", size=size)[0].pixels.shape == (*size, 3)


def test_gray_and_variable_times(tmp_path):
    times = [Fraction(0), Fraction(1, 10), Fraction(2), Fraction(5, 2)]
    frames = write(tmp_path / "a.mkv", times=times, channels=1, codec="ffv1")
    assert [float(frame.time) for frame in frames] == pytest.approx([0, 0.1, 2, 2.5], abs=2e-3)
    assert (frames[2].pixels == image(2, channels=1)).all()


def test_less_quality_is_smaller(tmp_path):
    sizes = []
    for quality in (5, 40):
        write(tmp_path / "a.mp4", quality=quality)
        sizes.append((tmp_path / "a.mp4").stat().st_size)
    assert sizes[1] < sizes[0]


@pytest.mark.parametrize("fault", [RuntimeError("stop"), KeyboardInterrupt()])
def test_a_failure_leaves_what_was_there(tmp_path, fault):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"mine")

    def fail():
        with write_video(path, size_px=(34, 52), frame_rate=RATE) as writer:
            writer.write(image(0), Fraction(0))
            raise fault

    with pytest.raises(type(fault)):
        fail()
    assert path.read_bytes() == b"mine"
    assert [each.name for each in tmp_path.iterdir()] == ["a.mp4"]


def test_refusals(tmp_path):
    with pytest.raises(UsageError, match=r"codec 'ffv1' is not supported in \.mp4; use h264, h265"):
        check_encoding(".mp4", "ffv1", 18)
    with pytest.raises(UsageError, match="quality must be between 0 and 51, got 99"):
        check_encoding(".mp4", None, 99)
    with pytest.raises(UsageError, match="h265 requires frames of 64 x 64 pixels or more; use h264"):
        write(tmp_path / "a.mp4", codec="h265")
    with (
        pytest.raises(UsageError, match="codec h264 does not support frames of 20000 x 16 pixels; use ffv1"),
        write_video(tmp_path / "a.mp4", size_px=(16, 20_000), frame_rate=Fraction(25)),
    ):
        pass
    with pytest.raises(OutputError, match="cannot be written"):
        write(tmp_path / "absent" / "a.mp4")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("codec", ["h264", "h265", "vp9"])
def test_colors_and_shades_are_not_shifted(tmp_path, codec):
    y, x = np.mgrid[:96, :128]
    pixels = np.stack([40 + x, 200 - 0.8 * x, 60 + y], axis=2).astype(np.uint8)
    with write_video(
        tmp_path / "a.mkv", size_px=(96, 128), frame_rate=RATE, codec=codec, quality=4
    ) as writer:
        writer.write(pixels, Fraction(0))
        writer.write(pixels, 1 / RATE)
    read = list(open_video(tmp_path / "a.mkv").frames())[1].pixels
    assert np.abs((read - pixels.astype(float)).mean(axis=(0, 1))).max() < 0.7


@pytest.mark.parametrize("codec", ["ffv1", "h265", "h264", "vp9"])
def test_deep_pixels(tmp_path, codec):
    ramp = np.linspace(8000, 60_000, 128)[None, :, None]
    pixels = np.broadcast_to(ramp, (96, 128, 3)).astype(np.uint16)
    with write_video(
        tmp_path / "a.mkv", size_px=(96, 128), frame_rate=RATE, codec=codec, quality=4, deep=True
    ) as writer:
        for index in range(2):
            writer.write(pixels, index / RATE)
    video = open_video(tmp_path / "a.mkv")
    assert video.info.peak == (65535 if codec in ("ffv1", "h265") else 255)
    read = next(video.frames()).pixels / video.info.peak
    assert np.abs(read - pixels / 65535).max() <= {"ffv1": 0, "h265": 5 / 1023}.get(codec, 5 / 255)
