"""``edlrr inpaint`` of clips, from the files to the file: hole, times, sound, parts, and what is refused."""

from __future__ import annotations

import json
from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition
from PIL import Image

from edlrr_cli.errors import EXIT_INPUT, EXIT_INTERRUPTED, EXIT_OUTPUT, EXIT_USAGE
from edlrr_cli.media.tags.video import Look
from edlrr_cli.media.video_sources import open_video
from edlrr_cli.media.video_writer import write_video
from edlrr_cli.pipelines import parts
from edlrr_cli.tasks.clips import stream

from .conftest import frames_of, pixels_of, record_of, write_frames

SIZE_PX = (36, 48)
NUM_FRAMES = 24
RATE = Fraction(30000, 1001)
HOLE = np.s_[12:20, 20:30]
BOX = "20,12,10,8"
# The restoration of a single image is not what is tested here.
QUICK = ("--prior", "global", "--steps", "5")
# What is copied and kept is the same for all commands over clips.
each_command = pytest.mark.parametrize(
    "command",
    [("inpaint", "--box", BOX, *QUICK), ("denoise", "--sigma", "2")],
    ids=["inpaint", "denoise"],
)


def scene(index):
    """A smooth scene with a little noise, and a square that passes above the hole."""
    height, width = SIZE_PX
    shade = np.linspace(40, 120, width) + np.linspace(0, 40, height)[:, None]
    shade = np.stack([shade, 0.8 * shade, 0.5 * shade], axis=2)
    shade += np.random.default_rng(index).normal(0, 1.5, shade.shape)
    left = (3 * index) % (width - 8)
    shade[2:7, left : left + 6] = 230
    return np.rint(shade).clip(0, 255).astype(np.uint8)


def damaged(index):
    pixels = scene(index)
    pixels[HOLE] = 255
    return pixels


def write_clip(path, frames=None, *, num_frames=NUM_FRAMES, **settings):
    indices = range(num_frames)
    times = (index / RATE for index in indices)
    return write_frames(path, map(frames or damaged, indices), times, frame_rate=RATE, **settings)


@pytest.fixture
def clip(tmp_path):
    return write_clip(tmp_path / "clip.mkv", codec="ffv1")


@pytest.fixture
def mask(tmp_path):
    marks = np.zeros(SIZE_PX, dtype=np.uint8)
    marks[HOLE] = 255
    Image.fromarray(marks).save(tmp_path / "logo.png")
    return tmp_path / "logo.png"


@pytest.fixture
def short_parts(monkeypatch):
    """Parts of 10 frames, made of chunks of 5."""
    monkeypatch.setattr(parts, "NUM_FRAMES", 10)
    monkeypatch.setattr(stream, "CHUNK", 5)


def test_a_fixed_mask(run, clip, mask):
    result = run("inpaint", clip, "--mask", mask, "--codec", "ffv1", *QUICK)
    assert result.exit_code == 0, result.stderr
    labels = [line[:16].strip() for line in result.stdout.splitlines()]
    assert labels == ["restored", "frames", "missing", "background", "done"]
    assert "0% of the hole is seen in other frames" in result.stdout
    assert "white marks the hole" in result.stderr
    before, after = frames_of(clip), frames_of(clip.with_name("clip_restored.mkv"))
    assert [frame.time for frame in after] == [frame.time for frame in before]
    known = np.ones(SIZE_PX, dtype=bool)
    known[HOLE] = False
    for index, (ours, theirs) in enumerate(zip(after, before, strict=True)):
        np.testing.assert_array_equal(ours.pixels[known], theirs.pixels[known])
        assert np.abs(ours.pixels[HOLE].astype(float) - scene(index)[HOLE]).mean() < 4
    assert not list(clip.parent.glob("*.parts"))


def test_no_flicker_on_a_still_scene(run, clip, mask, tmp_path):
    run("inpaint", clip, "--mask", mask, "--codec", "ffv1", "-o", tmp_path / "out.mkv", *QUICK)
    pixels = pixels_of(tmp_path / "out.mkv").astype(float)
    change = np.abs(np.diff(pixels, axis=0)).mean((0, 3))
    around = np.ones(SIZE_PX, dtype=bool)
    around[:9] = around[HOLE] = False
    assert change[HOLE].max() < change[around].mean()


def test_the_record(run, clip, mask, tmp_path):
    record = record_of(
        run("inpaint", clip, "--mask", mask, "--json", "--box", "0,80%,10%,20%", "--crf", "12", *QUICK)
    )
    assert record["frames"] == NUM_FRAMES
    assert record["output"] == str(tmp_path / "clip_restored.mkv")
    assert record["boxes"] == ["0,80%,10%,20%"]
    assert record["missing_fraction"] == pytest.approx((80 + 5 * 7) / (36 * 48))
    assert (record["settings"]["crf"], record["settings"]["steps"]) == (12, 5)
    assert any("mask: white marks the hole" in note for note in record["notes"])


def test_a_box_with_times_changes_these_frames_only(run, tmp_path):
    source = write_clip(tmp_path / "clip.mkv", scene, codec="ffv1")
    out = tmp_path / "out.mkv"
    options = ("--box", f"{BOX}@00:00.2-00:00.4", "--codec", "ffv1", "-o", out, *QUICK)
    record = record_of(run("inpaint", source, "--json", *options))
    before, after = pixels_of(source), pixels_of(out)
    changed = [index for index in range(NUM_FRAMES) if (before[index] != after[index]).any()]
    assert changed == [index for index in range(NUM_FRAMES) if 0.2 <= index / RATE < 0.4]
    assert (before != after)[:, HOLE[0], HOLE[1]].sum() == (before != after).sum()
    assert np.abs(after.astype(float) - before)[changed][:, HOLE[0], HOLE[1]].mean() < 3
    assert record["revealed_fraction"] == 1


@pytest.mark.parametrize("kind", ["video", "folder", "black"])
def test_a_mask_for_each_frame(run, tmp_path, kind):
    def marks(index):
        pixels = np.zeros((*SIZE_PX, 3), dtype=np.uint8)
        pixels[12:20, index : index + 10] = 255
        return 255 - pixels if kind == "black" else pixels

    def with_box(index):
        return np.where(
            np.abs(marks(index).astype(int) - 255 * (kind == "black")) > 0, 255, scene(index)
        ).astype(np.uint8)

    source, out = write_clip(tmp_path / "clip.mkv", with_box, codec="ffv1"), tmp_path / "out.mkv"
    if kind == "folder":
        masks = tmp_path / "masks"
        masks.mkdir()
        for index in range(NUM_FRAMES):
            Image.fromarray(marks(index)).save(masks / f"{index}.png")
    else:
        masks = write_clip(tmp_path / "masks.mp4", marks, quality=0)
    mode = ("--mask-mode", "black") if kind == "black" else ()
    options = ("--mask", masks, "--codec", "ffv1", "-o", out, "--dilate", "1", "--json", *mode, *QUICK)
    record = record_of(run("inpaint", source, *options))
    truth = np.stack([scene(index) for index in range(NUM_FRAMES)])
    assert np.abs(pixels_of(out).astype(float) - truth).max() < 12
    assert record["revealed_fraction"] > 0.9


def write_with_sound(path, mask_free=True):
    """A clip with sound, subtitles and a title, whose frames start later than its sound."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.height, video.width, video.pix_fmt = *SIZE_PX, "yuv420p"
        video.codec_context.sample_aspect_ratio = Fraction(4, 3)
        sound = container.add_stream("aac", rate=48000, layout="mono")
        container.metadata["title"] = "A clip"
        for index in range(NUM_FRAMES):
            frame = av.VideoFrame.from_ndarray(damaged(index), format="rgb24")
            frame.pts, frame.time_base = index + 2, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode())
        for index in range(45):
            tone = np.sin(np.arange(1024) / 20 + index)[None].astype(np.float32)
            frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 48000, 1024 * index, Fraction(1, 48000)
            container.mux(sound.encode(frame))
        container.mux(sound.encode())
    return path


def packets_of(path, kind="audio"):
    with av.open(str(path)) as container:
        (stream,) = container.streams.get({kind: 0})
        return [
            (float(each.pts * each.time_base), bytes(each)) for each in container.demux(stream) if each.size
        ]


@each_command
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_sound_and_tags_are_copied(run, tmp_path, suffix, command):
    source, out = write_with_sound(tmp_path / "clip.mp4"), tmp_path / f"out{suffix}"
    record = record_of(run(*command, source, "-o", out, "--json"))
    assert record["notes"] == []
    before, after = packets_of(source), packets_of(out)
    assert [content for _, content in after] == [content for _, content in before]
    with av.open(str(out)) as container:
        assert [each.type for each in container.streams] == ["video", "audio"]
        assert container.metadata["title"] == "A clip"
    first, second = open_video(source), open_video(out)
    assert second.info.look.pixel_aspect == Fraction(4, 3)
    lag = float(second.info.start - first.info.start)
    assert lag == pytest.approx(after[0][0] - before[0][0], abs=2e-3)
    assert [float(frame.time) for frame in second.frames()] == pytest.approx(
        [float(frame.time) for frame in first.frames()], abs=1e-3
    )


SUBTITLES = "1\n00:00:00,120 --> 00:00:00,400\nA fish\n\n2\n00:00:00,500 --> 00:00:00,900\nTwo <i>fish</i>\n"


def write_with_subtitles(path, texts):
    """A clip with the subtitles of a text file, copied packet by packet."""
    with av.open(str(path), "w") as container, av.open(str(texts)) as given:
        video = container.add_stream("libx264", rate=25)
        video.height, video.width, video.pix_fmt = *SIZE_PX, "yuv420p"
        subtitles = container.add_stream_from_template(given.streams.subtitles[0])
        subtitles.metadata["language"] = "fra"
        subtitles.disposition = Disposition.forced
        for index in range(NUM_FRAMES):
            frame = av.VideoFrame.from_ndarray(damaged(index), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode())
        for packet in given.demux(given.streams.subtitles[0]):
            if packet.size:
                packet.stream = subtitles
                container.mux(packet)
    return path


@each_command
def test_subtitles_are_copied_packet_by_packet(run, tmp_path, command):
    (tmp_path / "texts.srt").write_text(SUBTITLES)
    source, out = write_with_subtitles(tmp_path / "clip.mkv", tmp_path / "texts.srt"), tmp_path / "out.mkv"
    record = record_of(run(*command, source, "-o", out, "--json"))
    assert record["notes"] == []
    before, after = packets_of(source, "subtitles"), packets_of(out, "subtitles")
    assert [content for _, content in after] == [b"A fish", b"Two <i>fish</i>"]
    assert after == before
    with av.open(str(out)) as container:
        (subtitles,) = container.streams.subtitles
        assert (subtitles.codec_context.name, subtitles.language) == ("srt", "fra")
        assert subtitles.disposition == Disposition.forced
        durations = [each.duration * each.time_base for each in container.demux(subtitles) if each.size]
    assert [float(each) for each in durations] == pytest.approx([0.28, 0.4])
    noted = record_of(run(*command, source, "-o", tmp_path / "out.mp4", "--json"))
    assert noted["notes"] == ["the subtitle stream 1 (srt) is left out: mp4 cannot hold it"]


@pytest.mark.parametrize("rotation", [(90,), (180,), (-90,), (0, True)])
def test_a_turned_clip_is_filled_upright(run, tmp_path, rotation):
    """The mask, and the box, are those of the frames as they are shown."""
    source = tmp_path / "clip.mp4"
    with av.open(str(source), "w") as container:
        video = container.add_stream("libx264", rate=25, options={"crf": "5"})
        video.height, video.width, video.pix_fmt = *SIZE_PX, "yuv420p"
        video.set_display_rotation(*rotation)
        for index in range(6):
            frame = av.VideoFrame.from_ndarray(scene(index), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode())
    shown = pixels_of(source)
    marks = np.zeros(shown.shape[1:3], dtype=np.uint8)
    marks[20:26, 4:12] = 255
    Image.fromarray(marks).save(tmp_path / "mask.png")
    out = tmp_path / "out.mkv"
    for hole in (("--mask", tmp_path / "mask.png"), ("--box", "4,20,8,6")):
        assert (
            run("inpaint", source, *hole, "--codec", "ffv1", "-o", out, "--overwrite", *QUICK).exit_code == 0
        )
        after = pixels_of(out)
        assert after.shape == shown.shape
        changed = (after != shown).any((0, 3))
        assert changed[20:26, 4:12].mean() > 0.5
        changed[20:26, 4:12] = False
        assert not changed.any()


@pytest.mark.parametrize("kind", ["video", "folder"])
def test_the_reference_measures_the_hole(run, clip, mask, tmp_path, kind):
    out = tmp_path / "out.mkv"
    if kind == "video":
        reference = write_clip(tmp_path / "clean.mkv", scene, codec="ffv1")
    else:
        reference = tmp_path / "clean"
        reference.mkdir()
        for index in range(NUM_FRAMES):
            Image.fromarray(scene(index)).save(reference / f"{index}.png")
    options = ("--mask", mask, "--reference", reference, "--codec", "ffv1", "-o", out)
    result = run("inpaint", clip, *options, "--json", *QUICK)
    record = record_of(result)
    truth = np.stack([scene(index) for index in range(NUM_FRAMES)]).astype(float)
    error = np.square(pixels_of(out) - truth)[:, HOLE[0], HOLE[1]].mean()
    assert record["psnr_missing"] == pytest.approx(10 * np.log10(255**2 / error))
    assert record["reference"] == str(reference)


def test_what_the_container_cannot_hold_is_noted(run, tmp_path):
    source = write_with_sound(tmp_path / "clip.mp4")
    result = run("inpaint", source, "--box", BOX, "-o", tmp_path / "out.webm", "--json", *QUICK)
    note = "the audio stream 1 (aac) is left out: webm cannot hold it"
    assert note in record_of(result)["notes"]
    assert note in result.stderr


@each_command
def test_the_look_of_the_colors_is_kept(run, tmp_path, command):
    look = Look(matrix=1, primaries=9, transfer=16, full_range=True, pixel_aspect=Fraction(16, 15))
    source = write_clip(tmp_path / "clip.mp4", look=look)
    assert run(*command, source, "-o", tmp_path / "out.mp4").exit_code == 0
    assert open_video(tmp_path / "out.mp4").info.look == look


def test_resuming_gives_the_same_frames(run, clip, mask, tmp_path, short_parts, monkeypatch):
    original = stream.ClipFilling._filled

    def interrupted(self, held, index, inside):
        if index + inside.start >= 15:
            raise KeyboardInterrupt
        return original(self, held, index, inside)

    monkeypatch.setattr(stream.ClipFilling, "_filled", interrupted)
    out = tmp_path / "out.mkv"
    options = ("inpaint", clip, "--mask", mask, "--codec", "ffv1", *QUICK, "-o")
    result = run(*options, out)
    assert result.exit_code == EXIT_INTERRUPTED
    assert f"the first 10 frames are in {out}.parts, --resume goes on" in result.stderr
    assert len(frames_of(tmp_path / "out.mkv.parts" / "000000000" / "frames.mkv")) == 10
    monkeypatch.setattr(stream.ClipFilling, "_filled", original)
    assert "holds the first 10 frames of an interrupted run" in run(*options, out).stderr
    assert run(*options, out, "--resume", "--seed", "1").exit_code == EXIT_USAGE
    record = record_of(run(*options, out, "--resume", "--json"))
    assert (record["resumed_at"], record["frames"]) == (10, NUM_FRAMES)
    run(*options, tmp_path / "whole.mkv")
    np.testing.assert_array_equal(pixels_of(out), pixels_of(tmp_path / "whole.mkv"))
    assert not (tmp_path / "out.mkv.parts").exists()


def test_a_batch_and_what_is_there_already(run, tmp_path, mask):
    folder, masks = tmp_path / "clips", tmp_path / "masks"
    folder.mkdir()
    masks.mkdir()
    for name in ("one", "two"):
        write_clip(folder / f"{name}.mkv", codec="ffv1", num_frames=4)
    mask.rename(masks / "one.png")
    options = ("inpaint", folder, "--mask", masks, "-o", tmp_path / "out", "--json", "--jobs", "1", *QUICK)
    result = run(*options)
    first, second = sorted(map(json.loads, result.stdout.splitlines()), key=lambda record: record["input"])
    assert (result.exit_code, first["status"], second["status"]) == (1, "ok", "error")
    assert "has no mask two.*" in second["error"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["one.mkv"]
    statuses = [json.loads(line)["status"] for line in run(*options, "--skip-existing").stdout.splitlines()]
    assert sorted(statuses) == ["error", "skipped"]


def test_the_page(run, clip, mask, tmp_path, html_document):
    page = tmp_path / "page.html"
    assert run("inpaint", clip, "--mask", mask, "--report", page, *QUICK).exit_code == 0
    text = page.read_text()
    assert "frame 3, 0.10 s, 4.63% missing" in text
    assert (
        sum("restored" in attributes.get("alt", "") for attributes, _ in html_document(text).all("img")) == 4
    )


def test_a_moving_camera_is_reported(run, tmp_path):
    wall = np.random.default_rng(0).uniform(40, 220, (10, 40, 3)).repeat(6, 0).repeat(6, 1)

    def panned(index):
        return wall[8 : 8 + SIZE_PX[0], 3 * index : 3 * index + SIZE_PX[1]].astype(np.uint8)

    def with_logo(index):
        pixels = panned(index)
        pixels[HOLE] = 255
        return pixels

    source = write_clip(tmp_path / "clip.mkv", with_logo, codec="ffv1")
    out = tmp_path / "out.mkv"
    record = record_of(run("inpaint", source, "--box", BOX, "--json", "--codec", "ffv1", "-o", out, *QUICK))
    assert record["moving_frames"] == NUM_FRAMES
    assert any("the camera moves" in note for note in record["notes"])
    truth = np.stack([panned(index) for index in range(NUM_FRAMES)])[:, HOLE[0], HOLE[1]].astype(float)
    found = pixels_of(out)[:, HOLE[0], HOLE[1]]
    assert np.abs(found - truth).mean() < 0.5 * np.abs(truth.mean((0, 1, 2)) - truth).mean()


def test_a_clip_of_one_frame_is_filled_like_an_image(run, tmp_path, mask):
    source = write_clip(tmp_path / "clip.mkv", num_frames=1, codec="ffv1")
    out = tmp_path / "out.mkv"
    record = record_of(run("inpaint", source, "--mask", mask, "--json", "--codec", "ffv1", "-o", out, *QUICK))
    assert (record["frames"], record["moving_frames"]) == (1, 0)
    assert np.abs(pixels_of(out)[0].astype(float) - scene(0)).max() < 12


def test_a_shaking_camera_is_reported_and_removed(run, tmp_path):
    """The shake shows on one side what the hole covers on the other."""
    height, width = 72, 96
    wall = np.random.default_rng(0).uniform(40, 220, (30, 40, 3)).repeat(3, 0).repeat(3, 1)
    offsets = np.random.default_rng(1).integers(-2, 3, (NUM_FRAMES, 2)) + 5
    truth = np.stack([wall[down:, across:][:height, :width] for down, across in offsets]).astype(np.uint8)
    hole = np.s_[30:32, 40:60]
    source, out = tmp_path / "clip.mkv", tmp_path / "out.mkv"
    with write_video(source, size_px=(height, width), frame_rate=RATE, codec="ffv1") as writer:
        for index, pixels in enumerate(truth):
            pixels = pixels.copy()
            pixels[hole] = 255
            writer.write(pixels, index / RATE)
    result = run("inpaint", source, "--box", "40,30,20,2", "--json", "--codec", "ffv1", "-o", out, *QUICK)
    record = record_of(result)
    assert record["stabilized"]
    assert 1 < record["shake_px"] < 4
    assert any("the camera shakes" in note for note in record["notes"])
    assert "the camera shakes" in result.stderr
    # The wall has a standard deviation of 52 levels.
    error = pixels_of(out)[:, hole[0], hole[1]].astype(float) - truth[:, hole[0], hole[1]]
    assert np.abs(error).mean() < 5


def test_a_frame_of_which_nothing_is_known(run, tmp_path):
    def marks(index):
        pixels = np.zeros((*SIZE_PX, 3), dtype=np.uint8)
        if index == 5:
            pixels[:] = 255
        return pixels

    source = write_clip(tmp_path / "clip.mkv", scene, codec="ffv1")
    masks = write_clip(tmp_path / "masks.mkv", marks, codec="ffv1")
    out = tmp_path / "out.mkv"
    assert run("inpaint", source, "--mask", masks, "--codec", "ffv1", "-o", out, *QUICK).exit_code == 0
    error = np.abs(pixels_of(out)[5].astype(float) - scene(5))
    assert np.median(error) < 4


@pytest.mark.parametrize(
    ("options", "exit_code", "text"),
    [
        ((), EXIT_USAGE, "nothing marks the hole; give --mask, --box or --mask-color"),
        (("--box", "1,2,3"), EXIT_USAGE, "'1,2,3' is not X,Y,WIDTH,HEIGHT in pixels or percent"),
        (("--box", "1,2,3,4@5"), EXIT_USAGE, "has no range of times after @"),
        (("--box", "1,2,3,4@9-5"), EXIT_USAGE, "ends before it starts"),
        (("--box", "1,2,3,4@a-b"), EXIT_USAGE, "'a' is not a time such as 00:05"),
        (("--box", "40,2,9,4"), EXIT_USAGE, "box 40,2,9,4 reaches beyond the 48 x 36 pixels"),
        (("--box", "1,2,0,4"), EXIT_USAGE, "box 1,2,0,4 has no pixel in it"),
        (("--box", "0,0,100%,100%"), EXIT_USAGE, "the boxes leave no pixel known"),
        (("--box", "1,2,3,4@00:05-00:07"), EXIT_USAGE, "starts after the end of"),
        (("--mask", "small.png"), EXIT_INPUT, "give --mask a file of 48 x 36 pixels"),
        (("--mask", "small.mkv"), EXIT_INPUT, "has frames of 24 x 18 pixels, the clip of 48 x 36 pixels"),
        (("--mask", "short.mkv"), EXIT_INPUT, "short.mkv has 5 frames, the clip 24"),
        (("--mask", "white.mkv"), EXIT_INPUT, "is white in 100%"),
        (("--mask", "-"), EXIT_USAGE, "- is for one image"),
        (("--box", BOX, "-o", "-"), EXIT_USAGE, "- is for one image"),
        (("--mask", "absent.png"), EXIT_INPUT, "no such file"),
        (("--box", BOX, "--method", "irnn"), EXIT_USAGE, "--method irnn is for images"),
        (("--box", BOX, "--noise", "5"), EXIT_USAGE, "--noise is for images"),
        (("--box", BOX, "--figure", "f.png"), EXIT_USAGE, "--figure is for images"),
        (("--box", BOX, "--page", "2"), EXIT_USAGE, "--page is for images"),
        (("--box", BOX, "--format", "png"), EXIT_USAGE, "--format png is for images"),
        (("--box", BOX, "--reference", "small.mkv"), EXIT_INPUT, "reference small.mkv has frames of 24 x 18"),
        (("--box", BOX, "--reference", "gray.png"), EXIT_INPUT, "the clip of 48 x 36 pixels RGB"),
        (
            ("--box", BOX, "--reference", "short.mkv"),
            EXIT_INPUT,
            "reference short.mkv has 5 frames, the clip 24",
        ),
        (("--box", BOX, "--reference", "absent.mkv"), EXIT_INPUT, "no such file"),
        (("--box", BOX, "--reference", "-"), EXIT_USAGE, "- is for one image"),
        (("--box", BOX, "-o", "out.avi"), EXIT_OUTPUT, "a clip cannot be written as '.avi'"),
        (("--box", BOX, "-o", "out.mp4", "--codec", "ffv1"), EXIT_USAGE, "'ffv1' is not supported in .mp4"),
    ],
)
def test_bad_input_is_refused_in_one_line(run, clip, monkeypatch, options, exit_code, text):
    monkeypatch.chdir(clip.parent)
    Image.new("L", (24, 18)).save("small.png")
    videos = {
        "small": ((18, 24), NUM_FRAMES, 0),
        "short": (SIZE_PX, 5, 0),
        "white": (SIZE_PX, NUM_FRAMES, 255),
    }
    for name, (size_px, num_frames, level) in videos.items():
        with write_video(
            clip.parent / f"{name}.mkv", size_px=size_px, frame_rate=RATE, codec="ffv1"
        ) as writer:
            for index in range(num_frames):
                writer.write(np.full((*size_px, 1), level, dtype=np.uint8), index / RATE)
    Image.new("L", SIZE_PX[::-1]).save("gray.png")
    result = run("inpaint", clip, *options)
    assert (result.exit_code, text in result.stderr) == (exit_code, True), result.stderr
    assert result.stderr.count("\n") == 1
    assert not list(clip.parent.glob("*.parts"))
    assert not (clip.parent / "clip_restored.mkv").exists()


@pytest.mark.parametrize("option", [("--codec", "h264"), ("--crf", "3"), ("--resume",), ("--format", "mp4")])
def test_options_of_clips_are_refused_for_images(run, scene, option):
    result = run(*scene.arguments(*option))
    assert result.exit_code == EXIT_USAGE
    assert "for clips" in result.stderr
    assert not scene.restored.exists()


def test_images_and_clips_are_not_mixed(run, clip, mask):
    result = run("inpaint", clip.parent, "--box", BOX)
    assert (result.exit_code, "has images and" in result.stderr) == (EXIT_USAGE, True)


def test_a_box_marks_the_hole_of_an_image(run, tmp_path):
    Image.fromarray(damaged(0)).save(tmp_path / "image.png")
    record = record_of(run("inpaint", tmp_path / "image.png", "--box", BOX, "--json", *QUICK))
    assert (record["mask"], record["boxes"], record["mask_mode"]) == (None, [BOX], "box")
    with Image.open(tmp_path / "image_restored.png") as image:
        restored = np.asarray(image).astype(float)
    assert np.abs(restored[HOLE] - scene(0)[HOLE]).mean() < 6
    restored[HOLE] = damaged(0)[HOLE]
    np.testing.assert_array_equal(restored, damaged(0))
    timed = run("inpaint", tmp_path / "image.png", "--box", f"{BOX}@0-1", "--overwrite")
    assert (timed.exit_code, "has a range of times" in timed.stderr) == (EXIT_USAGE, True)
