"""``edlrr denoise`` of clips, from the files to the file: frames, record, parts, and what is refused.

What is copied from the source is tested with the other commands over clips in test_clips.py.
"""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from edlrr_cli.errors import EXIT_INPUT, EXIT_INTERRUPTED, EXIT_OUTPUT, EXIT_USAGE
from edlrr_cli.media.video_writer import VideoWriter
from edlrr_cli.pipelines import parts

from .conftest import frames_of, pixels_of, record_of, write_frames

SIZE_PX = (40, 48)
NUM_FRAMES = 8
SIGMA = 20
# Frames of a clip with varying intervals.
TIMES = [Fraction(index * index + 9 * index, 300) for index in range(NUM_FRAMES)]
LOSSLESS = ("--codec", "ffv1")


def clean(index):
    """A gray disk, above which a square moves."""
    y, x = np.mgrid[: SIZE_PX[0], : SIZE_PX[1]]
    pixels = 100 + 60.0 * (np.hypot(x - 30, y - 24) < 10)
    pixels[4:10, 3 * index : 3 * index + 6] = 220
    return np.rint(pixels).astype(np.uint8)[..., None]


def noisy(index):
    noise = SIGMA * np.random.default_rng(index).standard_normal((*SIZE_PX, 1))
    return np.rint(clean(index) + noise).clip(0, 255).astype(np.uint8)


def write_clip(path, frame=noisy, *, num_frames=NUM_FRAMES):
    return write_frames(path, map(frame, range(num_frames)), TIMES, frame_rate=Fraction(20), codec="ffv1")


@pytest.fixture
def clip(tmp_path):
    return write_clip(tmp_path / "clip.mkv")


@pytest.mark.parametrize(
    ("options", "is_temporal"),
    [((), False), (("--quality", "best"), True), (("--method", "tv", "--sigma", "20"), False)],
    ids=["fast", "best", "tv"],
)
def test_frames_in_frames_out(run, clip, options, is_temporal):
    result = run("denoise", clip, *LOSSLESS, *options)
    assert result.exit_code == 0, result.stderr
    assert [line[:16].strip() for line in result.stdout.splitlines()] == [
        "denoised",
        "frames",
        "noise",
        "method",
        "done",
    ]
    assert ("8 frames with their neighbors" in result.stdout) == is_temporal
    before, after = frames_of(clip), frames_of(clip.with_name("clip_denoised.mkv"))
    assert [frame.time for frame in after] == [frame.time for frame in before]
    truth = np.stack([clean(index) for index in range(NUM_FRAMES)]).astype(float)
    error = np.square(np.stack([frame.pixels for frame in after]) - truth).mean()
    assert error < 0.25 * np.square(np.stack([frame.pixels for frame in before]) - truth).mean()
    assert not list(clip.parent.glob("*.parts"))


def test_the_record(run, clip, tmp_path):
    reference, out = write_clip(tmp_path / "clean.mkv", clean), tmp_path / "out.mkv"
    options = ("--reference", reference, "--quality", "best", "-o", out, *LOSSLESS, "--json")
    record = record_of(run("denoise", clip, *options))
    assert (record["frames"], record["temporal_frames"], record["moving_frames"]) == (
        NUM_FRAMES,
        NUM_FRAMES,
        0,
    )
    assert record["sigma"] == pytest.approx(SIGMA, rel=0.1)
    assert record["sigma_range"] == [record["sigma"]] * 2
    assert (record["sigma_estimated"], record["noise_type"]) == (True, "white")
    for key, path in (("psnr_input", clip), ("psnr", out)):
        error = np.square(pixels_of(path).astype(float) - pixels_of(reference)).mean()
        assert record[key] == pytest.approx(10 * np.log10(255**2 / error))
    assert record["psnr"] > record["psnr_input"] + 9
    assert (record["notes"], record["settings"]["codec"]) == ([], "ffv1")


def test_the_noise_of_a_clip_with_colors_at_half_the_size_is_found(run, tmp_path):
    """The differences of colors, which bound it in images, have lost it. All of it is in the brightness."""
    source, reference = tmp_path / "clip.mp4", tmp_path / "clean.mkv"
    tint = np.array([1.0, 0.9, 0.8])

    def frame(index, level):
        noise = level * np.random.default_rng(index).standard_normal((*SIZE_PX, 1))
        return np.rint(clean(index) * tint + noise).clip(0, 255).astype(np.uint8)

    for path, level, codec in ((source, SIGMA, "h264"), (reference, 0, "ffv1")):
        frames = (frame(index, level) for index in range(4))
        write_frames(path, frames, TIMES, frame_rate=Fraction(20), codec=codec, quality=8)
    record = record_of(run("denoise", source, "--reference", reference, "--json"))
    assert record["sigma"] > 8
    assert record["psnr"] > record["psnr_input"] + 1


def test_the_example_of_the_guide_runs(run, clip, monkeypatch):
    guide = (Path(__file__).parents[2] / "docs/denoise.md").read_text().partition("## Clips")[2]
    command = guide.split("\n")[2].split()
    monkeypatch.chdir(clip.parent)
    clip.rename("clip.mp4")
    record = record_of(run(*command[1:], "--json"))
    assert (record["output"], record["temporal_frames"]) == ("clean.mp4", NUM_FRAMES)
    assert pixels_of(clip.parent / "clean.mp4").shape[:3] == (NUM_FRAMES, *SIZE_PX)


def test_a_given_level_and_strength(run, clip, tmp_path):
    out = tmp_path / "out.mkv"
    record = record_of(
        run("denoise", clip, "--sigma", "12.5", "--strength", "0", "-o", out, *LOSSLESS, "--json")
    )
    assert (record["sigma"], record["sigma_estimated"], record["noise_type"]) == (12.5, False, None)
    np.testing.assert_array_equal(pixels_of(out), pixels_of(clip))


def test_photographic_noise_is_left_to_the_network_with_a_note(run, clip, tmp_path):
    options = ("--noise-type", "photo", "--json", *LOSSLESS, "-o")
    best = record_of(run("denoise", clip, "--quality", "best", *options, tmp_path / "best.mkv"))
    run("denoise", clip, *options, tmp_path / "fast.mkv")
    assert best["temporal_frames"] == 0
    assert any("fast was used" in note for note in best["notes"])
    np.testing.assert_array_equal(pixels_of(tmp_path / "best.mkv"), pixels_of(tmp_path / "fast.mkv"))


def test_a_turned_clip_is_written_upright(run, tmp_path):
    source = tmp_path / "clip.mp4"
    with av.open(str(source), "w") as container:
        video = container.add_stream("libx264", rate=25, options={"crf": "5"})
        video.height, video.width, video.pix_fmt = *SIZE_PX, "yuv420p"
        video.set_display_rotation(90)
        for index in range(2):
            frame = av.VideoFrame.from_ndarray(noisy(index).repeat(3, 2), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode())
    out = tmp_path / "out.mkv"
    record = record_of(run("denoise", source, "--sigma", SIGMA, *LOSSLESS, "-o", out, "--json"))
    assert (record["height_px"], record["width_px"]) == SIZE_PX[::-1]
    shown = pixels_of(source)[..., 0]
    assert pixels_of(out).shape[1:3] == SIZE_PX[::-1]
    assert np.abs(pixels_of(out)[..., 0] - shown.astype(float)).mean() < SIGMA


@pytest.mark.parametrize("quality", ["fast", "best"])
def test_resuming_gives_the_same_frames(run, clip, tmp_path, monkeypatch, quality):
    monkeypatch.setattr(parts, "NUM_FRAMES", 3)
    out = tmp_path / "out.mkv"
    options = ("denoise", clip, "--quality", quality, *LOSSLESS, "-o")
    writes = []

    def interrupted(self, pixels, time):
        writes.append(time)
        if len(writes) > 5:
            raise KeyboardInterrupt
        return write(self, pixels, time)

    write = VideoWriter.write
    with monkeypatch.context() as patch:
        patch.setattr(VideoWriter, "write", interrupted)
        result = run(*options, out)
    assert result.exit_code == EXIT_INTERRUPTED
    assert f"the first 3 frames are in {out}.parts, --resume goes on" in result.stderr
    assert len(frames_of(tmp_path / "out.mkv.parts" / "000000000" / "frames.mkv")) == 3
    assert run(*options, out, "--resume", "--strength", "0.9").exit_code == EXIT_USAGE
    record = record_of(run(*options, out, "--resume", "--json"))
    assert (record["resumed_at"], record["frames"]) == (3, NUM_FRAMES)
    run(*options, tmp_path / "whole.mkv")
    np.testing.assert_array_equal(pixels_of(out), pixels_of(tmp_path / "whole.mkv"))
    assert not (tmp_path / "out.mkv.parts").exists()


def test_a_moving_camera_is_noted(run, tmp_path):
    wall = np.random.default_rng(0).integers(0, 2, (5, 40)).repeat(8, 0).repeat(8, 1) * 150 + 40

    def panned(index):
        noise = SIGMA * np.random.default_rng(index).standard_normal(SIZE_PX)
        pixels = wall[:, 7 * index : 7 * index + SIZE_PX[1]] + noise
        return np.rint(pixels).clip(0, 255).astype(np.uint8)[..., None]

    source = write_clip(tmp_path / "clip.mkv", panned)
    record = record_of(run("denoise", source, "--sigma", SIGMA, "--quality", "best", "--json"))
    assert record["moving_frames"] == NUM_FRAMES
    assert any("the camera moves" in note for note in record["notes"])


def test_a_folder_of_clips_and_the_page(run, tmp_path, html_document):
    folder = tmp_path / "clips"
    folder.mkdir()
    for name in ("one", "two"):
        write_clip(folder / f"{name}.mkv", num_frames=2)
    page = tmp_path / "page.html"
    options = ("-o", tmp_path / "out", "--json", "--jobs", "1", "--report", page)
    result = run("denoise", folder, *options)
    assert result.exit_code == 0, result.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["one.mkv", "two.mkv"]
    assert "frame 1, 0.03 s" in page.read_text()
    again = run("denoise", folder, *options, "--skip-existing", "--overwrite")
    assert [json.loads(line)["status"] for line in again.stdout.splitlines()] == ["skipped"] * 2


@pytest.mark.parametrize(
    ("options", "exit_code", "text"),
    [
        (("--figure", "f.png"), EXIT_USAGE, "--figure is for images"),
        (("--page", "2"), EXIT_USAGE, "--page is for images"),
        (("--add-noise", "5"), EXIT_USAGE, "--add-noise is for images"),
        (("--seed", "5"), EXIT_USAGE, "--seed is for images"),
        (("--strip-metadata",), EXIT_USAGE, "--strip-metadata is for images"),
        (("--jpeg-quality", "50"), EXIT_USAGE, "--jpeg-quality is for images"),
        (("--format", "png"), EXIT_USAGE, "--format png is for images"),
        (("-o", "-"), EXIT_USAGE, "- is for one image"),
        (("-o", "out.avi"), EXIT_OUTPUT, "a clip cannot be written as '.avi'"),
        (("-o", "out.mp4", "--codec", "ffv1"), EXIT_USAGE, "'ffv1' is not supported in .mp4"),
        (("--reference", "short.mkv"), EXIT_INPUT, "short.mkv has 5 frames, the clip 8"),
        (("--reference", "absent.mkv"), EXIT_INPUT, "no such file"),
        (("--model", "absent.safetensors"), EXIT_INPUT, "absent.safetensors"),
        (("--method", "lrr", "--quality", "best"), EXIT_USAGE, "quality is a setting of the method network"),
    ],
)
def test_bad_input_is_refused_in_one_line(run, clip, monkeypatch, options, exit_code, text):
    monkeypatch.chdir(clip.parent)
    write_clip(clip.parent / "short.mkv", num_frames=5)
    result = run("denoise", clip, *options)
    assert (result.exit_code, text in result.stderr) == (exit_code, True), result.stderr
    assert result.stderr.count("\n") == 1
    assert not list(clip.parent.glob("*.parts"))
    assert not (clip.parent / "clip_denoised.mkv").exists()


@pytest.mark.parametrize("option", [("--codec", "h264"), ("--crf", "3"), ("--resume",), ("--format", "mp4")])
def test_options_of_clips_are_refused_for_images(run, tmp_path, option):
    Image.fromarray(noisy(0)[..., 0]).save(tmp_path / "image.png")
    result = run("denoise", tmp_path / "image.png", *option)
    assert (result.exit_code, "for clips" in result.stderr) == (EXIT_USAGE, True)
    assert not (tmp_path / "image_denoised.png").exists()
