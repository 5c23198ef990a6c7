"""Videos look as their sources do: shape of pixels, colors, orientation; what is left out is reported."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image, ImageCms

from edlrr_cli.errors import InputError
from edlrr_cli.media.codecs import CONTAINERS
from edlrr_cli.media.deep_color import encode_deep_png
from edlrr_cli.media.tags.video import Look
from edlrr_cli.media.video_sources import open_video
from edlrr_cli.media.video_writer import video_losses, write_video

RATE = Fraction(10)
SIZE_PX = (64, 96)
WIDE = Fraction(16, 11)
WAYS = [(suffix, codec) for suffix, codecs in CONTAINERS.items() for codec in codecs]


def sample(size: tuple[int, int] = SIZE_PX) -> np.ndarray:
    """Patches of saturated colors, on which every matrix gives other numbers."""
    pixels = np.zeros((*size, 3), np.uint8)
    pixels[:, : size[1] // 3] = (190, 60, 40)
    pixels[:, size[1] // 3 : 2 * size[1] // 3] = (40, 170, 70)
    pixels[size[0] // 2 :, 2 * size[1] // 3 :] = (50, 60, 180)
    return pixels


def encode(
    path: Path,
    frames: list[av.VideoFrame] | None = None,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    *,
    size: tuple[int, int] = SIZE_PX,
    options: dict[str, str] | None = None,
    rotation: tuple[Any, ...] = (),
    **tags: Any,
) -> Path:
    """Encode frames that are tagged without being converted: their numbers mean what the tags say."""
    frames = frames or [av.VideoFrame.from_ndarray(sample(size), format="rgb24") for _ in range(2)]
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=10, options=options or {})
        stream.height, stream.width, stream.pix_fmt = *size, pix_fmt
        for name, value in tags.items():
            setattr(stream.codec_context, name, value)
        if rotation:
            stream.set_display_rotation(*rotation)
        for index, given in enumerate(frames):
            frame = given if given.format.name == pix_fmt else given.reformat(format=pix_fmt)
            for name in tags.keys() & {"colorspace", "color_range", "color_primaries", "color_trc"}:
                setattr(frame, name, tags[name])
            frame.pts, frame.time_base = index, 1 / RATE
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def mux(path: Path, contents: list[bytes], codec: str, pix_fmt: str) -> Path:
    """Put encoded images into a video, one a frame."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=10)
        stream.height, stream.width, stream.pix_fmt = *SIZE_PX, pix_fmt
        for index, content in enumerate(contents):
            packet = av.Packet(content)
            packet.pts = packet.dts = index
            packet.time_base, packet.stream, packet.is_keyframe = 1 / RATE, stream, True
            container.mux(packet)
    return path


def image(mode: str, file_format: str, size: tuple[int, int] = SIZE_PX) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(sample(size)).convert(mode).save(stream, file_format)
    return stream.getvalue()


def rewritten(source: Path, path: Path, codec: str, quality: int = 2) -> Path:
    video = open_video(source)
    info = video.info
    with write_video(
        path, size_px=info.size_px, frame_rate=info.frame_rate, codec=codec, quality=quality, look=info.look
    ) as writer:
        for frame in video.frames():
            writer.write(frame.pixels, frame.time)
    return path


def first_of(path: Path) -> tuple[av.VideoFrame, Fraction | None]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return next(container.decode(stream)), stream.sample_aspect_ratio


def tags_of(frame: av.VideoFrame) -> tuple[int, int, int, int]:
    return frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc


def planes_of(frame: av.VideoFrame) -> list[np.ndarray]:
    """Return the numbers that are stored, whatever they mean."""
    whole = (np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, -1) for plane in frame.planes)
    return [rows[:, : plane.width] for rows, plane in zip(whole, frame.planes, strict=True)]


@pytest.mark.parametrize(("suffix", "codec"), [way for way in WAYS if way[1] != "ffv1"])
@pytest.mark.parametrize(
    ("matrix", "color_range", "primaries", "transfer"),
    [(1, 1, 1, 1), (5, 1, 5, 5), (6, 2, 6, 6), (9, 1, 9, 16), (9, 2, 9, 18), (7, 1, 7, 7)],
)
def test_stored_numbers_and_their_meaning_are_those_of_the_source(
    tmp_path: Path, suffix: str, codec: str, matrix: int, color_range: int, primaries: int, transfer: int
) -> None:
    tags = {
        "colorspace": matrix,
        "color_range": color_range,
        "color_primaries": primaries,
        "color_trc": transfer,
    }
    source = encode(tmp_path / "in.mkv", options={"crf": "1"}, **tags)
    written, _ = first_of(rewritten(source, tmp_path / f"out{suffix}", codec))
    assert tags_of(written) == tuple(tags.values())
    for ours, theirs in zip(planes_of(written), planes_of(first_of(source)[0]), strict=True):
        assert abs(ours.mean() - theirs.mean()) < 1.5
        assert np.median(np.abs(ours - theirs.astype(float))) <= 3


@pytest.mark.parametrize(("size", "matrix"), [(SIZE_PX, 6), ((64, 1300), 1), ((600, 64), 1)])
def test_what_is_not_specified_stays_so_and_is_read_as_players_do(
    tmp_path: Path, size: tuple[int, int], matrix: int
) -> None:
    source = encode(tmp_path / "in.mkv", size=size, options={"crf": "1"})
    stated = encode(tmp_path / "stated.mkv", size=size, options={"crf": "1"}, colorspace=matrix)
    pixels = [next(open_video(path).frames()).pixels for path in (source, stated)]
    np.testing.assert_array_equal(*pixels)
    written, _ = first_of(rewritten(source, tmp_path / "out.mp4", "h264"))
    assert (written.colorspace, written.color_primaries, written.color_trc) == (2, 2, 2)
    for ours, theirs in zip(planes_of(written), planes_of(first_of(source)[0]), strict=True):
        assert abs(ours.mean() - theirs.mean()) < 1.5


@pytest.mark.parametrize("codec", ["h264", "h265", "vp9"])
@pytest.mark.parametrize(("pix_fmt", "source_codec"), [("bgr0", "ffv1"), ("gbrp", "libx264rgb")])
def test_rgb_is_converted_as_the_file_says(
    tmp_path: Path, codec: str, pix_fmt: str, source_codec: str
) -> None:
    pix_fmt = "rgb24" if source_codec == "libx264rgb" else pix_fmt
    options = {"crf": "0"} if source_codec == "libx264rgb" else {}
    source = encode(tmp_path / "in.mkv", None, source_codec, pix_fmt, options=options, color_trc=13)
    out = rewritten(source, tmp_path / "out.mkv", codec)
    written, _ = first_of(out)
    assert tags_of(written) == (6, 1, 2, 13)
    read = next(open_video(out).frames()).pixels.astype(float)
    assert np.abs(read.mean(axis=(0, 1)) - sample().mean(axis=(0, 1))).max() < 1.5


def test_ffv1_stays_rgb_and_keeps_the_tags(tmp_path: Path) -> None:
    source = encode(tmp_path / "in.mkv", colorspace=9, color_primaries=9, color_trc=16)
    out = rewritten(source, tmp_path / "out.mkv", "ffv1")
    written, _ = first_of(out)
    assert tags_of(written)[2:] == (9, 16)
    assert written.format.is_rgb
    pairs = zip(open_video(out).frames(), open_video(source).frames(), strict=True)
    assert all((ours.pixels == theirs.pixels).all() for ours, theirs in pairs)


def test_vp9_has_no_number_for_an_old_matrix(tmp_path: Path) -> None:
    source = encode(tmp_path / "in.mkv", options={"crf": "1"}, colorspace=4)
    out = rewritten(source, tmp_path / "out.webm", "vp9")
    assert tags_of(first_of(out)[0])[0] in (5, 6)
    ours, theirs = (next(open_video(path).frames()).pixels.astype(float) for path in (out, source))
    assert np.abs((ours - theirs).mean(axis=(0, 1))).max() < 2


@pytest.mark.parametrize("matrix", [8, 10, 14])
def test_colors_that_cannot_be_converted_are_refused(tmp_path: Path, matrix: int) -> None:
    source = encode(tmp_path / "in.mkv", colorspace=matrix)
    fault = rf"in\.mkv: its colors have the matrix {matrix} .*; convert it to BT\.709 first"
    with pytest.raises(InputError, match=fault):
        open_video(source)


@pytest.mark.parametrize(("suffix", "codec"), WAYS)
@pytest.mark.parametrize("rotation", [(), (90,)])
def test_the_shape_of_pixels_is_kept_or_told(
    tmp_path: Path, suffix: str, codec: str, rotation: tuple[int, ...]
) -> None:
    source = encode(tmp_path / "in.mp4", rotation=rotation, sample_aspect_ratio=WIDE)
    look = open_video(source).info.look
    assert look.pixel_aspect == (1 / WIDE if rotation else WIDE)
    _, aspect = first_of(rewritten(source, tmp_path / f"out{suffix}", codec))
    reported = video_losses(suffix, codec, bits=8, look=look)
    if codec in ("h264", "h265"):
        assert (aspect, reported) == (look.pixel_aspect, ())
    else:
        shape = "11:16" if rotation else "16:11"
        assert reported == (f"the shape of the pixels ({shape}) is not written with {codec}, but with h264",)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
@pytest.mark.parametrize("rotation", [(90,), (180,), (-90,), (0, True), (0, False, True), (90, True)])
def test_turned_and_mirrored_videos_are_upright(
    tmp_path: Path, suffix: str, rotation: tuple[Any, ...]
) -> None:
    codec = "libvpx-vp9" if suffix == ".webm" else "libx264"
    video = open_video(encode(tmp_path / f"in{suffix}", codec=codec, rotation=rotation))
    degrees, across, down = (*rotation, False, False)[:3]
    expected = np.rot90(sample(), degrees // 90)[:: -1 if down else 1, :: -1 if across else 1]
    pixels = next(video.frames()).pixels
    assert pixels.shape == expected.shape
    assert np.median(np.abs(pixels.astype(float) - expected)) < 8
    assert not video.info.notes


def test_a_skew_rotation_is_reported(tmp_path: Path) -> None:
    video = open_video(encode(tmp_path / "in.mp4", rotation=(30,)))
    assert video.info.size_px == SIZE_PX
    assert video.info.notes == ("a rotation by other than quarter turns is left out",)


@pytest.mark.parametrize("suffix", [".avi", ".mkv", ".mov"])
def test_color_that_comes_later_is_color(tmp_path: Path, suffix: str) -> None:
    gray, color = image("L", "JPEG"), image("RGB", "JPEG")
    night = mux(tmp_path / f"night{suffix}", [gray, gray, color], "mjpeg", "yuvj420p")
    frames = list(open_video(night).frames())
    assert np.median(np.abs(frames[2].pixels - sample().astype(float))) < 8
    assert np.ptp(frames[0].pixels[5, 5]) == 0
    day = open_video(mux(tmp_path / f"day{suffix}", [color, gray, color], "mjpeg", "yuvj420p"))
    assert [frame.pixels.shape for frame in day.frames()] == [(*SIZE_PX, 3)] * 3
    only = open_video(mux(tmp_path / f"only{suffix}", [gray, gray], "mjpeg", "yuvj420p"))
    assert only.info.num_channels == 1


def test_size_and_depth_that_change_are_refused(tmp_path: Path) -> None:
    smaller = mux(
        tmp_path / "in.avi",
        [image("RGB", "JPEG"), image("RGB", "JPEG", (64, 80))],
        "mjpeg",
        "yuvj420p",
    )
    with pytest.raises(InputError, match="frame 1 has 80 x 64 pixels RGB, the first one 96 x 64"):
        list(open_video(smaller).frames())
    deep = encode_deep_png(np.full((*SIZE_PX, 3), 50_000, np.uint16))
    deeper = mux(tmp_path / "in.mov", [image("RGB", "PNG"), deep], "png", "rgb24")
    with pytest.raises(InputError, match=r"frame 1 has 16 bits, the first one 8; convert it to one depth"):
        list(open_video(deeper).frames())
    for index, content in enumerate([image("RGB", "PNG"), deep]):
        (tmp_path / f"{index}.png").write_bytes(content)
    with pytest.raises(InputError, match=r"1\.png has 16 bits, the first image 0\.png 8"):
        list(open_video(tmp_path / "*.png").frames())


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [
        ("in.mov", "prores_ks", "yuva444p10le"),
        ("in.webm", "libvpx-vp9", "yuva420p"),
        ("in.mkv", "ffv1", "bgra"),
    ],
)
def test_transparency_is_reported(tmp_path: Path, name: str, codec: str, pix_fmt: str) -> None:
    pixels = np.dstack([sample(), np.full(SIZE_PX, 255, np.uint8)])
    pixels[:9, :, 3] = 0
    frames = [av.VideoFrame.from_ndarray(pixels, format="rgba")]
    video = open_video(encode(tmp_path / name, frames, codec, pix_fmt))
    assert video.info.notes == ("left out: transparency",)


def test_transparency_of_gif_and_of_images_is_reported_if_there_is_any(tmp_path: Path) -> None:
    for opaque in (True, False):
        alpha = np.full(SIZE_PX, 255 if opaque else 0, np.uint8)
        shown = Image.fromarray(np.dstack([sample(), alpha]))
        shown.save(tmp_path / "in.gif", save_all=True, append_images=[shown.rotate(180)])
        shown.save(tmp_path / "in.png")
        reported = () if opaque else ("left out: transparency",)
        assert open_video(tmp_path / "in.gif").info.notes == reported
        images = () if opaque else ("only the colors of each image are used",)
        assert open_video(tmp_path / "*.png").info.notes[1:] == images
    (tmp_path / "in.png").unlink()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(sample()).save(tmp_path / "a.png", icc_profile=profile)
    notes = open_video(tmp_path / "*.png").info.notes
    assert notes[1:] == ("the color profile of the images is left out",)


def test_depth_that_a_codec_does_not_keep_is_reported() -> None:
    reported = "{} bits per channel are written as {} by {}"
    for codec, bits, kept in [("h264", 10, 8), ("vp9", 16, 8), ("h265", 12, 10)]:
        losses = video_losses(".mkv", codec, bits=bits, look=Look())
        assert losses == (reported.format(bits, kept, codec),)
    for codec, bits in [("h264", 8), ("h265", 10), ("ffv1", 16)]:
        assert not video_losses(".mkv", codec, bits=bits, look=Look())
    assert video_losses(".mp4", None, bits=10, look=Look()) == (reported.format(10, 8, "h264"),)


@pytest.mark.parametrize(("codec", "options"), [("mpeg2video", {}), ("libx264", {"x264-params": "tff=1"})])
def test_interlaced_frames_are_reported(tmp_path: Path, codec: str, options: dict[str, str]) -> None:
    video = open_video(encode(tmp_path / "in.mkv", codec=codec, options={"flags": "+ilme+ildct", **options}))
    assert video.info.notes == ("the frames are interlaced; they are written as they are, without the flag",)


def test_hdr_metadata_are_reported(tmp_path: Path) -> None:
    display = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
    options = {"x265-params": f"log-level=none:master-display={display}:max-cll=1000,400"}
    frames = [av.VideoFrame.from_ndarray(sample(), format="rgb24") for _ in range(6)]
    source = encode(tmp_path / "in.mp4", frames, "libx265", "yuv420p10le", options=options, color_trc=16)
    assert open_video(source).info.notes == ("left out: HDR mastering metadata, HDR light levels",)


def test_chapters_attachments_and_tags_are_reported(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "in.mkv"), "w") as container:
        container.metadata.update({"title": "a walk", "creation_time": "2020-01-01T00:00:00Z"})
        chapter = {"id": 1, "start": 0, "end": 100, "time_base": Fraction(1, 1000), "metadata": {}}
        container.set_chapters([chapter])
        stream: Any = container.add_stream("libx264", rate=10)
        stream.height, stream.width, stream.pix_fmt = *SIZE_PX, "yuv420p"
        container.add_attachment("a.txt", "text/plain", b"text")
        frame = av.VideoFrame.from_ndarray(sample(), format="rgb24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert open_video(tmp_path / "in.mkv").info.notes == (
        "left out: attachments, chapters, the tags creation_time, title",
    )
