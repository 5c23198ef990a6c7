"""Videos from files, folders and patterns: sizes, depths, rotation, times, and what is refused."""

from __future__ import annotations

import contextlib
import struct
from fractions import Fraction

import av
import numpy as np
import pytest
import tifffile
from PIL import Image

from edlrr_cli.errors import InputError
from edlrr_cli.media.video_sources import open_video

NUM_FRAMES = 12


def frame(index, height=32, width=48):
    """A bright square that moves over a gradient."""
    shade = np.linspace(30, 120, width, dtype=np.uint8) + np.zeros((height, 1), np.uint8)
    shade[8:16, 2 * index + 2 : 2 * index + 12] = 220
    return np.stack([shade, shade // 2, shade[::-1]], axis=2)


def encode(path, codec="libx264", pix_fmt="yuv444p", size=(32, 48), times=None, audio=False, **options):
    flags = {"movflags": "faststart"} if path.suffix == ".mp4" else {}
    with av.open(str(path), "w", options=flags) as container:
        stream = container.add_stream(codec, rate=10, options={"crf": "5"} if "x26" in codec else {})
        stream.height, stream.width, stream.pix_fmt = *size, pix_fmt
        for name, value in options.items():
            setattr(stream, name, value)
        if audio:
            container.add_stream("aac", rate=44100)
        for index in range(NUM_FRAMES):
            made = av.VideoFrame.from_ndarray(frame(index, *size), format="rgb24")
            made.pts = index if times is None else times[index]
            made.time_base = Fraction(1, 10)
            container.mux(stream.encode(made))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [
        ("a.mp4", "libx264", "yuv420p"),
        ("a.mkv", "ffv1", "bgr0"),
        ("a.avi", "mpeg4", "yuv420p"),
        ("a.webm", "libvpx-vp9", "yuv420p"),
    ],
)
def test_reads_common_containers_and_codecs(tmp_path, name, codec, pix_fmt):
    video = open_video(encode(tmp_path / name, codec, pix_fmt))
    assert video.info.size_px == (32, 48)
    assert (video.info.num_channels, video.info.peak, video.info.notes) == (3, 255, ())
    assert video.info.frame_rate == 10
    frames = list(video.frames())
    assert len(frames) == NUM_FRAMES
    assert [float(each.time) for each in frames] == pytest.approx(np.arange(NUM_FRAMES) / 10, abs=2e-3)
    tolerance = 0 if codec == "ffv1" else 25
    for index in (0, NUM_FRAMES - 1):
        assert frames[index].pixels.dtype == np.uint8
        assert np.median(np.abs(frames[index].pixels.astype(int) - frame(index))) <= tolerance
    assert len(list(video.frames())) == NUM_FRAMES  # a second time


def test_ten_bits_keep_their_depth(tmp_path):
    video = open_video(encode(tmp_path / "a.mkv", "libx264", "yuv444p10le"))
    assert video.info.peak == 65535
    pixels = next(video.frames()).pixels
    assert pixels.dtype == np.uint16
    assert np.median(np.abs(pixels / 65535 * 255 - frame(0))) < 3


def test_gray_stays_gray(tmp_path):
    video = open_video(encode(tmp_path / "a.mkv", "ffv1", "gray"))
    assert video.info.num_channels == 1
    assert next(video.frames()).pixels.shape == (32, 48, 1)


def test_a_rotation_flag_turns_the_frames_upright(tmp_path):
    path = encode(tmp_path / "a.mp4")
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 44  # of the track, in 16.16 and 2.30 fixed point
    turned = [0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30]  # by 90 degrees clockwise
    content[matrix : matrix + 36] = struct.pack(">9i", *turned)
    path.write_bytes(content)
    video = open_video(path)
    assert video.info.size_px == (48, 32)
    pixels = next(video.frames()).pixels
    assert np.median(np.abs(pixels - np.rot90(frame(0), -1).astype(float))) < 25


def test_odd_sizes(tmp_path):
    video = open_video(encode(tmp_path / "a.mkv", "ffv1", "bgr0", size=(31, 47)))
    assert next(video.frames()).pixels.shape == (31, 47, 3)


def test_times_of_a_variable_rate_are_kept(tmp_path):
    times = [0, 1, 2, 5, 6, 7, 20, 21, 22, 23, 24, 30]
    frames = list(open_video(encode(tmp_path / "a.mkv", "ffv1", "bgr0", times=times)).frames())
    assert [float(each.time) for each in frames] == pytest.approx(np.array(times) / 10, abs=2e-3)


def test_says_that_audio_is_left_out(tmp_path):
    assert open_video(encode(tmp_path / "a.mkv", audio=True)).info.notes == ("audio is left out",)


def write_images(folder, count=3, size=(32, 48)):
    folder.mkdir()
    for index in range(count):
        Image.fromarray(frame(index, *size)).save(folder / f"in{index}.png")
    return folder


def test_a_folder_and_a_pattern_in_the_order_of_numbers(tmp_path):
    folder = write_images(tmp_path / "frames", count=11)
    for source, count in ((folder, 11), (folder / "in*.png", 11), (folder / "in1*.png", 2)):
        video = open_video(source)
        assert video.info.num_frames == count
        assert "25 per second" in video.info.notes[0]
        assert len(list(video.frames())) == count
    frames = list(open_video(folder).frames())
    assert (frames[10].pixels == frame(10)).all()
    assert frames[10].time == Fraction(10, 25)


def test_images_of_different_sizes_are_refused(tmp_path):
    folder = write_images(tmp_path / "frames")
    Image.fromarray(frame(0, 32, 46)).save(folder / "in2.png")
    with pytest.raises(InputError, match=r"in2.png has 46 x 32 pixels RGB, the first image in0.png 48 x 32"):
        list(open_video(folder).frames())


def test_a_truncated_file_is_refused(tmp_path):
    path = encode(tmp_path / "a.mp4")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(InputError, match=r"a\.mp4 is truncated"):
        list(open_video(path).frames())


@pytest.mark.parametrize("content", [b"", b"no video" * 100, b"\x00" * 4096, b"\x00\x00\x00\x18ftypmp42" * 9])
def test_what_is_no_video_is_refused(tmp_path, content):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.mp4 (is not a video|has no|is truncated)"):
        open_video(path)


def test_a_file_that_does_not_count_its_frames_and_is_corrupt_is_refused(tmp_path):
    frame = b"FRAME\n" + bytes(16 * 16 * 3 // 2)
    path = tmp_path / "a.y4m"
    path.write_bytes(b"YUV4MPEG2 W16 H16 F25:1 Ip A1:1 C420\n" + frame + b"FRAMX\n" + frame)
    with pytest.raises(InputError, match="truncated or corrupt after frame 1"):
        open_video(path)


def test_fuzzed_files_are_read_or_refused(tmp_path):
    content = encode(tmp_path / "a.mp4", pix_fmt="yuv420p").read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(content)
        for position in rng.integers(0, len(content), 20):
            damaged[position] = rng.integers(0, 256)
        (tmp_path / "b.mp4").write_bytes(damaged)
        with contextlib.suppress(InputError):
            assert all(each.pixels.dtype == np.uint8 for each in open_video(tmp_path / "b.mp4").frames())


def test_nothing_there(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        open_video(tmp_path / "absent.mp4")
    with pytest.raises(InputError, match="no images there"):
        open_video(tmp_path)
    with pytest.raises(InputError, match="no images there"):
        open_video(tmp_path / "*.png")


def test_frames_of_cmyk_are_shown_as_rgb_and_floats_are_refused(tmp_path):
    for index in range(2):
        Image.new("CMYK", (8, 6), (0, 255, 255, 0)).save(tmp_path / f"{index}.tif")
    video = open_video(tmp_path)
    assert video.info.num_channels == 3
    assert (next(iter(video.frames())).pixels == [255, 0, 0]).all()
    Image.fromarray(np.zeros((6, 8), np.float32)).save(tmp_path / "0.tif")
    with pytest.raises(InputError, match="has floats"):
        open_video(tmp_path)


def stack(path, frames, **settings):
    """A TIFF of several pages."""
    tifffile.imwrite(path, frames, **{"metadata": None, "photometric": "minisblack", **settings})
    return path


GRAY_16 = np.stack([frame(index)[..., 0].astype(np.uint16) * 257 + index for index in range(NUM_FRAMES)])
RGB_8 = np.stack([frame(index) for index in range(NUM_FRAMES)])


@pytest.mark.parametrize(
    ("frames", "settings"),
    [
        (GRAY_16, {}),
        (GRAY_16, {"compression": "zlib", "predictor": 2, "byteorder": ">"}),
        (GRAY_16, {"truncate": True, "metadata": {}}),
        (GRAY_16.astype(np.uint8), {"bigtiff": True}),
        (RGB_8, {"photometric": "rgb", "tile": (16, 16)}),
        (RGB_8.astype(np.uint16) * 257, {"photometric": "rgb"}),
    ],
)
def test_the_pages_of_a_tiff_are_frames(tmp_path, frames, settings):
    video = open_video(stack(tmp_path / "a.tif", frames, **settings))
    assert (video.info.num_frames, video.info.size_px) == (NUM_FRAMES, (32, 48))
    assert video.info.peak == np.iinfo(frames.dtype).max
    assert video.info.notes == ("images have no frame rate: 25 per second are taken",)
    read = list(video.frames())
    np.testing.assert_array_equal(np.stack([each.pixels for each in read]).squeeze(), frames)
    assert [each.time for each in read] == [Fraction(index, 25) for index in range(NUM_FRAMES)]
    for one, other in zip(video.frames(start=3, every=4), read[3::4], strict=True):
        assert (one.time, one.pixels.tolist()) == (other.time, other.pixels.tolist())


def test_pages_with_a_palette_are_frames(tmp_path):
    first, *others = (Image.fromarray(each).quantize(250) for each in RGB_8)
    first.save(tmp_path / "a.tif", save_all=True, append_images=others, compression="tiff_lzw")
    read = [each.pixels for each in open_video(tmp_path / "a.tif").frames()]
    for pixels, image in zip(read, [first, *others], strict=True):
        np.testing.assert_array_equal(pixels, image.convert("RGB"))


def test_imagej_states_the_time_between_frames(tmp_path):
    path = stack(tmp_path / "a.tif", GRAY_16, imagej=True, metadata={"finterval": 0.2, "axes": "TYX"})
    video = open_video(path)
    assert video.info.frame_rate == 5
    assert [each.time for each in video.frames()] == [Fraction(index, 5) for index in range(NUM_FRAMES)]


def test_pages_of_different_sizes_are_refused(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for height in (32, 32, 20):
            file.write(frame(0, height), photometric="rgb")
    with pytest.raises(InputError, match=r"a.tif: image 3 has 48 x 20 pixels RGB, the first one 48 x 32"):
        list(open_video(tmp_path / "a.tif").frames())


def test_pages_of_more_bits_than_the_first_are_refused(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(frame(0), photometric="rgb")
        file.write(frame(0).astype(np.uint16), photometric="rgb")
    with pytest.raises(InputError, match=r"a\.tif: image 2 has 16 bits, the first one 8"):
        list(open_video(tmp_path / "a.tif").frames())


def test_pages_of_floats_are_refused(tmp_path):
    with pytest.raises(InputError, match="has floats, which frames cannot have"):
        open_video(stack(tmp_path / "a.tif", GRAY_16.astype(np.float32)))


@pytest.mark.parametrize("is_behind", [True, False])
def test_a_stack_that_is_cut_off_is_refused(tmp_path, is_behind):
    """Whether the directories are behind their pixels or before them."""
    path = tmp_path / "a.tif"
    if is_behind:
        first, *others = map(Image.fromarray, RGB_8)
        first.save(path, save_all=True, append_images=others, compression="tiff_lzw")
    else:
        stack(path, GRAY_16)
    content = path.read_bytes()
    for fraction in (0.2, 0.5, 0.9):
        path.write_bytes(content[: int(fraction * len(content))])
        with pytest.raises(InputError, match=r"a\.tif is truncated"):
            list(open_video(path).frames())


DURATIONS_MS = [100, 100, 40, 200, 100, 100, 100, 50, 100, 100, 100, 110]


@pytest.mark.parametrize("name", ["a.webp", "a.png", "a.gif"])
def test_animations_are_videos_with_the_times_of_the_file(tmp_path, name):
    first, *others = map(Image.fromarray, RGB_8)
    settings = {"lossless": True} if name == "a.webp" else {}
    first.save(tmp_path / name, save_all=True, append_images=others, duration=DURATIONS_MS, **settings)
    video = open_video(tmp_path / name)
    assert (video.info.num_frames, video.info.notes) == (NUM_FRAMES, ())
    read = list(video.frames())
    begins = np.cumsum([0, *DURATIONS_MS[:-1]]) / 1000
    assert [float(each.time) for each in read] == pytest.approx(begins, abs=2e-3)
    if name != "a.gif":
        np.testing.assert_array_equal(np.stack([each.pixels for each in read]), RGB_8)
    if name == "a.webp":
        assert video.info.frame_rate == 10
        assert [each.time for each in video.frames(start=5, every=3)] == [each.time for each in read[5::3]]
