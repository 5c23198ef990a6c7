"""``edlrr bgsep`` from the files to the files: layers, times, parts, going on, and what is refused."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy import ndimage

from edlrr_cli.errors import EXIT_INPUT, EXIT_INTERRUPTED, EXIT_OUTPUT, EXIT_USAGE
from edlrr_cli.media.video_sources import open_video
from edlrr_cli.pipelines import parts
from edlrr_cli.pipelines.bgsep import job as runner
from edlrr_cli.pipelines.bgsep import layers
from edlrr_cli.tasks.bgsep.config import Config

from .conftest import frames_of, record_of, write_frames

SIZE_PX = (36, 48)
NUM_FRAMES = 24
RATE = Fraction(30000, 1001)
VIDEOS = ("background.mp4", "foreground.mp4", "mask.mp4")
OUTPUTS = {*VIDEOS, "background.png", "overview.png", "report.json"}


def frame(index, size_px=SIZE_PX):
    """A bright square that goes round over a gradient."""
    height, width = size_px
    shade = np.linspace(40, 120, width) + np.linspace(0, 40, height)[:, None]
    left = (3 * index) % (width - 11)
    shade[10:20, left : left + 10] = 230
    return np.stack([shade, 0.8 * shade, 0.5 * shade], axis=2).astype(np.uint8)


def write_clip(path, num_frames=NUM_FRAMES, size_px=SIZE_PX, times=None, **settings):
    indices = range(num_frames)
    frames = (frame(index, size_px) for index in indices)
    times = times or [index / RATE for index in indices]
    return write_frames(path, frames, times, frame_rate=RATE, **settings)


@pytest.fixture
def clip(tmp_path):
    return write_clip(tmp_path / "clip.mp4")


@pytest.fixture
def short_parts(monkeypatch):
    """Parts of 10 frames."""
    monkeypatch.setattr(parts, "NUM_FRAMES", 10)


@pytest.fixture
def interrupt(monkeypatch):
    """Return what raises an error at a frame, or no more."""
    original = layers.layers_of

    def at(index, error=KeyboardInterrupt):
        def layers_of(split):
            if split.index == index:
                raise error
            return original(split)

        monkeypatch.setattr(layers, "layers_of", layers_of)

    return at


def test_makes_all_outputs_beside_the_source_and_reports(run, clip):
    result = run("bgsep", clip)
    assert (result.exit_code, result.stderr) == (0, "")
    out = clip.parent / "clip_bgsep"
    assert {path.name for path in out.iterdir()} == OUTPUTS
    for name in VIDEOS:
        video = open_video(out / name)
        assert video.info.size_px == SIZE_PX
        assert float(video.info.frame_rate) == pytest.approx(float(RATE), rel=1e-3)
        assert [each.time for each in video.frames()] == [each.time for each in frames_of(clip)]
    labels = [line[:16].strip() for line in result.stdout.splitlines()]
    assert labels == ["split", "frames", "foreground", "rank", "sparsity", "outputs", "done"]
    assert "24 of 48 x 36 pixels, 29.97 a second" in result.stdout
    report = json.loads((out / "report.json").read_text())
    assert len(report["foreground_fractions"]) == report["frames"] == NUM_FRAMES
    assert report["foreground_fraction"] == pytest.approx(100 / (36 * 48), rel=0.5)
    assert [(each["start"], each["stop"]) for each in report["windows"]] == [(0, NUM_FRAMES)]
    with Image.open(out / "background.png") as image:
        assert image.size == (48, 36)
    with Image.open(out / "overview.png") as image:
        assert image.width > 4 * 240 > 240 < image.height


def test_the_layers_are_what_they_should_be(run, tmp_path):
    source = write_clip(tmp_path / "clip.mkv", codec="ffv1")
    run("bgsep", source, "-o", tmp_path / "out", "--codec", "ffv1")
    shown = [[each.pixels for each in frames_of(tmp_path / "out" / f"{name}.mkv")] for name in
             ("background", "foreground", "mask")]  # fmt: skip
    for index, (background, foreground, mask) in enumerate(zip(*shown, strict=True)):
        assert set(np.unique(mask)) == {0, 255}
        np.testing.assert_array_equal(foreground, np.where(mask > 0, frame(index), 0))
        truth = frame(index)[..., 0] == 230
        assert ((mask[..., 0] > 0) == truth).mean() > 0.93
        assert (mask[..., 0] > 0)[truth].mean() > 0.97  # corners are rounded
        assert background.max() < 180
    with Image.open(tmp_path / "out" / "background.png") as image:
        np.testing.assert_array_equal(np.asarray(image), shown[0][NUM_FRAMES // 2])


def test_masks_as_images(run, clip, tmp_path, short_parts):
    out = tmp_path / "out"
    run("bgsep", clip, "-o", out, "--mask-format", "png")
    assert {path.name for path in out.iterdir()} == OUTPUTS - {"mask.mp4"} | {"mask"}
    images = sorted((out / "mask").iterdir())
    assert [path.name for path in images] == [f"{index:06d}.png" for index in range(NUM_FRAMES)]
    report = json.loads((out / "report.json").read_text())
    for path, fraction in zip(images, report["foreground_fractions"], strict=True):
        with Image.open(path) as image:
            mask = np.asarray(image)
        assert (mask.dtype, mask.shape) == (np.uint8, SIZE_PX)
        assert (mask == 255).mean() == pytest.approx(fraction, abs=1e-6)
    assert run("bgsep", clip, "-o", out, "--mask-format", "png").exit_code == EXIT_OUTPUT
    assert run("bgsep", clip, "-o", out, "--mask-format", "png", "--overwrite").exit_code == 0


def test_times_of_a_variable_rate_are_kept(run, tmp_path, short_parts):
    rng = np.random.default_rng(0)
    times = [Fraction(int(ticks), 90_000) for ticks in np.cumsum(rng.integers(900, 40_000, NUM_FRAMES))]
    source = write_clip(tmp_path / "clip.mp4", times=[each - times[0] for each in times])
    run("bgsep", source, "-o", tmp_path / "out")
    for name in VIDEOS:
        written = [each.time for each in frames_of(tmp_path / "out" / name)]
        assert written == [each - times[0] for each in times]


@pytest.mark.parametrize("size_px", [(35, 47), (36, 47), (24, 48)])
def test_any_size_and_a_folder_of_gray_images(run, tmp_path, size_px):
    folder = tmp_path / "frames.in"
    folder.mkdir()
    for index in range(8):
        Image.fromarray(frame(index, size_px)[..., 0]).save(folder / f"{index}.png")
    result = run("bgsep", folder)
    assert result.stderr == f"{folder}: images have no frame rate: 25 per second are taken\n"
    video = open_video(tmp_path / "frames.in_bgsep" / "background.mp4")
    assert (video.info.size_px, video.info.frame_rate) == (size_px, 25)
    with Image.open(tmp_path / "frames.in_bgsep" / "background.png") as image:
        assert image.mode == "L"
    assert run("bgsep", folder / "*.png").exit_code == EXIT_OUTPUT  # has the same folder


def test_ten_bits_and_audio(run, tmp_path):
    source = tmp_path / "deep.mkv"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = *SIZE_PX, "yuv420p10le"
        container.add_stream("aac", rate=44100)
        for index in range(NUM_FRAMES):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame(index), format="rgb24")))
        container.mux(stream.encode())
    result = run("bgsep", source, "-o", tmp_path / "out")
    assert result.stderr.splitlines() == [
        f"{source}: audio is left out",
        f"{source}: 10 bits per channel are written as 8 by h264",
    ]
    shade = frames_of(tmp_path / "out" / "foreground.mp4")[3].pixels[15, 9 + 5]
    np.testing.assert_allclose(shade, frame(3)[15, 9 + 5], atol=12)
    run("bgsep", source, "-o", tmp_path / "deep", "--codec", "ffv1")
    source_pixels, kept = (frames_of(path)[3].pixels for path in (source, tmp_path / "deep/foreground.mkv"))
    np.testing.assert_array_equal(kept[15, 9 + 5], source_pixels[15, 9 + 5])
    assert kept.dtype == np.uint16


def test_going_on_gives_what_an_uninterrupted_run_gives(run, clip, tmp_path, short_parts, interrupt):
    settings = ("--window", "14", "--overlap", "4", "--mask-format", "png")
    run("bgsep", clip, "-o", tmp_path / "whole", *settings)
    interrupt(22)
    parted = ("bgsep", clip, "-o", tmp_path / "parted", *settings)
    result = run(*parted)
    assert result.exit_code == EXIT_INTERRUPTED
    parts = tmp_path / "parted" / "parts"
    assert result.stderr.lstrip() == (
        f"edlrr: interrupted: the first 20 frames are in {parts}, --resume goes on\n"
    )
    assert [path.name for path in (tmp_path / "parted").iterdir()] == ["parts"]
    assert [len(frames_of(path)) for path in parts.glob("*/background.mp4")] == [10, 10]
    interrupt(None)
    record = record_of(run(*parted, "--resume", "--json"))
    assert record["resumed_at"] == 20
    assert not parts.exists()
    whole = {path.relative_to(tmp_path / "whole"): path for path in (tmp_path / "whole").rglob("*.*")}
    for name, path in whole.items():
        if name.suffix != ".json":
            assert (tmp_path / "parted" / name).read_bytes() == path.read_bytes(), name
    reports = [json.loads((tmp_path / name / "report.json").read_text()) for name in ("whole", "parted")]
    for report in reports:
        for window in report["windows"]:
            del window["seconds"]
    for name in ("windows", "foreground_fractions", "rank", "sparsity", "frames"):
        assert reports[0][name] == reports[1][name]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_in_a_process(tmp_path, spawn):
    source = write_clip(tmp_path / "clip.mp4", num_frames=1200)
    out = tmp_path / "out"
    command = [sys.executable, "-m", "edlrr_cli", "bgsep", source, "-o", out, "--method", "median", "--json"]
    with subprocess.Popen(
        [*map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        while not (out / "parts" / "000000000").exists() and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=300)
    assert process.returncode in (EXIT_INTERRUPTED, -signal.SIGINT)
    assert stderr.strip().startswith("edlrr: interrupted: the first ")
    assert json.loads(stdout)["exit_code"] == EXIT_INTERRUPTED
    assert len(frames_of(out / "parts" / "000000000" / "foreground.mp4")) == 250
    ended = spawn(*command[3:], "--resume")
    assert json.loads(ended.stdout)["frames"] == 1200
    assert {path.name for path in out.iterdir()} == OUTPUTS


def test_parts_are_neither_lost_nor_mixed(refused, run, clip, tmp_path, short_parts, interrupt):
    out = tmp_path / "out"
    interrupt(15)
    assert run("bgsep", clip, "-o", out, "--lam", "2").exit_code == EXIT_INTERRUPTED
    interrupt(None)
    line = refused(EXIT_OUTPUT, "bgsep", clip, "-o", out, "--lam", "2")
    assert f"{out / 'parts'} holds the first 10 frames of an interrupted run; --resume goes on" in line
    line = refused(EXIT_USAGE, "bgsep", clip, "-o", out, "--lam", "3", "--resume")
    assert "was made with lam = 2.0, not 3.0" in line
    os.utime(clip, (0, 0))
    assert "source = 1 files of" in refused(EXIT_USAGE, "bgsep", clip, "-o", out, "--lam", "2", "--resume")
    record = record_of(run("bgsep", clip, "-o", out, "--overwrite", "--json"))
    assert record["resumed_at"] == 0
    assert {path.name for path in out.iterdir()} == OUTPUTS


def test_nothing_is_left_if_no_part_is_finished(run, clip, tmp_path, interrupt):
    interrupt(15)
    result = run("bgsep", clip, "-o", tmp_path / "out")
    assert result.stderr.lstrip() == "edlrr: interrupted: nothing is left half-written\n"
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_existing_outputs_stay_until_the_new_ones_are_complete(refused, run, clip, tmp_path, interrupt):
    out = tmp_path / "out"
    out.mkdir()
    (out / "mask.mp4").write_bytes(b"precious")
    line = refused(EXIT_OUTPUT, "bgsep", clip, "-o", out)
    assert f"output {out / 'mask.mp4'} exists already; pass --overwrite" in line
    interrupt(15, MemoryError)
    assert run("bgsep", clip, "-o", out, "--overwrite").exit_code == 1
    assert (out / "mask.mp4").read_bytes() == b"precious"
    interrupt(None)
    assert run("bgsep", clip, "-o", out, "--overwrite").exit_code == 0
    assert len(frames_of(out / "mask.mp4")) == NUM_FRAMES


def test_folders_that_will_not_do(refused, clip, tmp_path):
    assert "is not a folder" in refused(EXIT_OUTPUT, "bgsep", clip, "-o", clip)
    line = refused(EXIT_OUTPUT, "bgsep", clip, "-o", tmp_path / "absent" / "out")
    assert "does not exist; create it: mkdir -p" in line
    frames = tmp_path / "frames"
    (frames / "parts").mkdir(parents=True)
    Image.fromarray(frame(0)).save(frames / "0.png")
    for source in (frames, frames / "*.png"):
        assert "is the source; choose another" in refused(EXIT_OUTPUT, "bgsep", source, "-o", frames)
    line = refused(EXIT_OUTPUT, "bgsep", clip, "-o", frames, "--overwrite")
    assert f"{frames / 'parts'} is not of an interrupted run; move it away" in line
    clip.rename(tmp_path / "frames" / "mask.mp4")
    line = refused(EXIT_OUTPUT, "bgsep", tmp_path / "frames" / "mask.mp4", "-o", frames, "--overwrite")
    assert "is one of the input files" in line


def test_bad_input(refused, tmp_path):
    (tmp_path / "text.mp4").write_bytes(b"no video" * 100)
    assert "is not a video" in refused(EXIT_INPUT, "bgsep", tmp_path / "text.mp4")
    assert "no such file" in refused(EXIT_INPUT, "bgsep", tmp_path / "absent.mp4")
    single = write_clip(tmp_path / "single.mp4", num_frames=1)
    assert "a single frame" in refused(EXIT_INPUT, "bgsep", single)
    assert {path.name for path in tmp_path.iterdir()} == {"text.mp4", "single.mp4"}


def test_an_error_in_the_middle_says_which_frames_are_kept(refused, tmp_path, short_parts):
    folder = tmp_path / "frames"
    folder.mkdir()
    for index in range(NUM_FRAMES):
        size_px = (36, 46) if index == 22 else SIZE_PX
        Image.fromarray(frame(index, size_px)).save(folder / f"{index}.png")
    out = tmp_path / "out"
    line = refused(EXIT_INPUT, "bgsep", folder, "-o", out, "-q", "--window", "4")
    assert "22.png has 46 x 36 pixels RGB, the first image 0.png 48 x 36" in line
    assert f"; the first 10 frames are in {out / 'parts'}; give images of one size" in line


def test_a_truncated_video(refused, clip, tmp_path, short_parts):
    whole, cut = tmp_path / "whole.mp4", tmp_path / "cut.mp4"
    with av.open(str(clip)) as source, av.open(str(whole), "w", options={"movflags": "faststart"}) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        packets = [packet for packet in source.demux(video=0) if packet.size]
        missing = sum(packet.size for packet in packets[-4:])
        for packet in packets:
            packet.stream = stream
            target.mux(packet)
    cut.write_bytes(whole.read_bytes()[:-missing])
    line = refused(EXIT_INPUT, "bgsep", cut, "-o", tmp_path / "out", "--window", "4")
    assert "cut.mp4 is truncated" in line
    assert f"frames are in {tmp_path / 'out' / 'parts'}; get or export" in line


def test_options_that_make_no_sense(refused, run, clip, tmp_path):
    out = ("-o", tmp_path / "out")
    line = refused(EXIT_USAGE, "bgsep", clip, *out, "--codec", "ffv1", "--format", "mp4")
    assert "codec 'ffv1' is not supported in .mp4; use h264, h265" in line
    assert "between 0 and 51" in refused(EXIT_USAGE, "bgsep", clip, *out, "--quality", "52")
    assert "64 x 64 pixels or more" in refused(EXIT_USAGE, "bgsep", clip, *out, "--codec", "h265")
    assert "did you mean 'nuclear'?" in refused(EXIT_USAGE, "bgsep", clip, *out, "--reg", "nuclea")
    assert "half the window" in refused(EXIT_USAGE, "bgsep", clip, *out, "--overlap", "600")
    line = refused(EXIT_USAGE, "bgsep", clip, *out, "--solver", "ialm", "--reg", "exact-lnn")
    assert "use solver adam" in line
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_a_subtractor_needs_opencv(refused, clip, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    line = refused(EXIT_USAGE, "bgsep", clip, "--method", "mog2")
    assert line == "edlrr: error: mog2 needs OpenCV; pip install 'edlrr[opencv]'\n"


@pytest.mark.parametrize("method", ["median", "knn"])
def test_other_methods(run, clip, method):
    if method == "knn":
        pytest.importorskip("cv2")
    record = record_of(run("bgsep", clip, "--method", method, "--json"))
    assert (record["method"], record["reg"], record["rank"], record["sparsity"]) == (method, None, None, None)
    assert "rank" not in run("bgsep", clip, "--method", method, "--overwrite").stdout


def write_hdr(path, codec="libx265", pix_fmt="yuv420p10le"):
    """Write a PQ video of 16:11 pixels with a title."""
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "a walk"
        stream = container.add_stream(codec, rate=25, options={"x265-params": "log-level=none"})
        stream.height, stream.width, stream.pix_fmt = 72, 96, pix_fmt
        context = stream.codec_context
        context.sample_aspect_ratio = Fraction(16, 11)
        context.colorspace, context.color_primaries, context.color_trc = 9, 9, 16
        for index in range(12):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame(index, (72, 96)), format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    ("more", "suffix", "lost"),
    [
        ((), ".mp4", ["10 bits per channel are written as 8 by h264"]),
        (("--codec", "h265"), ".mp4", []),
        (
            ("--format", "webm"),
            ".webm",
            [
                "10 bits per channel are written as 8 by vp9",
                "the shape of the pixels (16:11) is not written with vp9, but with h264",
            ],
        ),
    ],
)
def test_layers_look_as_their_source_does(run, tmp_path, short_parts, more, suffix, lost):
    source, out = write_hdr(tmp_path / "in.mp4"), tmp_path / "out"
    result = run("bgsep", source, "-o", out, "--method", "median", "--json", *more)
    notes = ["left out: the tags title", *lost]
    assert json.loads(result.stdout)["notes"] == notes
    assert result.stderr.splitlines() == [f"{source}: {note}" for note in notes]
    for name in ("background", "foreground", "mask"):
        with av.open(str(out / f"{name}{suffix}")) as container:
            stream = container.streams.video[0]
            shown = next(container.decode(stream))
            tags = shown.colorspace, shown.color_primaries, shown.color_trc
            assert tags == ((6, 2, 2) if name == "mask" else (9, 9, 16))
            if suffix != ".webm":
                assert stream.sample_aspect_ratio == Fraction(16, 11)
    assert b"cICP\x09\x10\x00\x01" in (out / "background.png").read_bytes()[:60]
    assert run("bgsep", source, "-o", out, "--method", "median", "--overwrite", "-q", *more).stderr == ""


def test_json_and_quiet(run, clip, tmp_path):
    result = run("bgsep", clip, "-o", tmp_path / "out", "--json", "-q")
    record = record_of(result)
    assert result.stderr == ""
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert set(report) - set(record) == {"windows", "foreground_fractions"}
    assert {name: report[name] for name in record} == record
    assert set(record["settings"]) >= {field.name for field in dataclasses.fields(Config)}
    result = run("bgsep", clip, "-o", tmp_path / "out", "-q", "--overwrite")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


def test_settings_reach_the_task(run, clip, monkeypatch):
    reported = []

    def spy(source, config, **rest):
        reported.append(config)
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "Separation", spy)
    run(
        "bgsep", clip, "--reg", "exact-lnn", "--gamma", "2", "--fit", "full", "--lam", "1.5", "--steps", "7",
        "--window", "30", "--overlap", "3", "--threshold", "9", "--min-blob-px", "5", "--no-shadows",
        "--device", "cpu", "--seed", "4",
    )  # fmt: skip
    assert reported == [
        Config(
            reg="exact-lnn", gamma=2.0, fit="full", lam=1.5, steps=7, window=30, overlap=3, threshold=9.0,
            min_blob_px=5, shadows=False, device="cpu", seed=4,
        )
    ]  # fmt: skip


def test_a_terminal_sees_the_frames_go_by(run, clip, monkeypatch):
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda self: True, raising=False)
    assert "frame/s" in run("bgsep", clip).stderr
    assert "frame/s" not in run("bgsep", clip, "--overwrite", "-q").stderr


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX limits")
@pytest.mark.parametrize("limit", [1_000, 8_000])
def test_a_full_disk(clip, tmp_path, limit):
    command = [sys.executable, "-m", "edlrr_cli", "bgsep", clip, "-o", tmp_path / "out", "--method", "median"]
    ended = subprocess.run(
        [*map(str, command)],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert ended.returncode == EXIT_OUTPUT
    assert "cannot be written" in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_the_sample(spawn, tmp_path):
    sample = Path(__file__).parents[2] / "sample_images" / "horses.mp4"
    record = json.loads(spawn("bgsep", sample, "-o", tmp_path / "out", "--json").stdout)
    assert record["rank"] == 1
    assert 0.05 < record["foreground_fraction"] < 0.2


def write_stack(path, num_frames=NUM_FRAMES):
    tifffile.imwrite(path, np.stack([frame(index) for index in range(num_frames)]), photometric="rgb")
    return path


def test_a_tiff_of_several_pages_is_a_video(run, tmp_path):
    result = run("bgsep", write_stack(tmp_path / "stack.tif"), "-o", tmp_path / "out", "--codec", "ffv1")
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        f"{tmp_path / 'stack.tif'}: images have no frame rate: 25 per second are taken"
    ]
    foreground = frames_of(tmp_path / "out" / "foreground.mkv")
    assert [each.time for each in foreground] == [Fraction(index, 25) for index in range(NUM_FRAMES)]
    assert all((each.pixels[10:20] == 230).any() for each in foreground)


def test_several_stacks_are_several_videos(run, tmp_path):
    stacks = [write_stack(tmp_path / f"{name}.tif", 6) for name in "ab"]
    result = run("bgsep", *stacks, "-o", tmp_path / "out", "--quiet", "--jobs", "1")
    assert result.exit_code == 0, result.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a", "b"}


def test_an_animated_webp_keeps_its_times(run, tmp_path):
    first, *others = (Image.fromarray(frame(index)) for index in range(NUM_FRAMES))
    path = tmp_path / "a.webp"
    first.save(path, save_all=True, append_images=others, duration=80, lossless=True)
    result = run("bgsep", path, "-o", tmp_path / "out")
    assert (result.exit_code, result.stderr) == (0, "")
    times = [float(each.time) for each in frames_of(tmp_path / "out" / "mask.mp4")]
    assert times == pytest.approx(0.08 * np.arange(NUM_FRAMES), abs=1e-3)


def test_pages_of_different_sizes_are_refused(run, tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for size_px in (SIZE_PX, SIZE_PX, (20, 30)):
            file.write(frame(0, size_px), photometric="rgb")
    result = run("bgsep", tmp_path / "a.tif", "-o", tmp_path / "out", "--quiet")
    assert result.exit_code == EXIT_INPUT
    assert "a.tif: image 3 has 30 x 20 pixels RGB, the first one 48 x 36 pixels RGB" in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.fixture
def seen_by(tmp_path):
    """Return what makes a folder of frames, given where the camera looks in each."""
    noise = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal((90, 260, 3)), (1.5, 1.5, 0))
    wall = (120 + 35 * noise / noise.std()).clip(0, 255).astype(np.uint8)

    def made(corners):
        folder = tmp_path / "frames"
        folder.mkdir()
        for index, (row, column) in enumerate(corners):
            Image.fromarray(wall[row : row + 60, column : column + 80]).save(folder / f"{index:03d}.png")
        return folder

    return made


def test_the_shake_of_the_camera_is_reported(run, seen_by, tmp_path):
    folder = seen_by([(10 + index % 4, 10 + index % 3) for index in range(13)])
    record = record_of(run("bgsep", folder, "-o", tmp_path / "a", "--json"))
    assert record["stabilized"] is True
    assert not any("camera" in note for note in record["notes"])
    (window,) = json.loads((tmp_path / "a" / "report.json").read_text())["windows"]
    assert 0.5 < window["shake_px"] < 4
    assert window["lost"] == 0
    assert record["foreground_fraction"] < 0.01
    off = record_of(run("bgsep", folder, "-o", tmp_path / "b", "--stabilize", "off", "--json"))
    assert off["stabilized"] is False
    assert "camera          its shake is removed" in run("bgsep", folder, "-o", tmp_path / "c").stdout


def test_a_camera_that_moves_too_far_is_reported(run, seen_by, tmp_path):
    folder = seen_by([(10, 10 + 3 * index) for index in range(21)])
    result = run("bgsep", folder, "-o", tmp_path / "a", "--json")
    record = record_of(result)
    assert record["stabilized"] is False
    *_, note = record["notes"]
    assert re.fullmatch(r"the camera moves too far in \d+% of the frames: their masks are unreliable", note)
    assert f"{folder}: {note}\n" in result.stderr
