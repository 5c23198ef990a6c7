"""``edlrr bgsep`` for laboratories: regions that never count, a given background, tables and events."""

from __future__ import annotations

import csv
import json
import re
import shlex
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from edlrr_cli.errors import EXIT_INPUT, EXIT_INTERRUPTED, EXIT_OUTPUT, EXIT_USAGE
from edlrr_cli.media.video_sources import open_video
from edlrr_cli.pipelines import parts
from edlrr_cli.pipelines.bgsep import tables

from .conftest import write_frames

HEIGHT, WIDTH, NUM_FRAMES = 36, 48, 24
SIDE = 8


def wall():
    shade = np.linspace(40, 120, WIDTH) + np.linspace(0, 40, HEIGHT)[:, None]
    return np.stack([shade, 0.8 * shade, 0.5 * shade], axis=2).astype(np.uint8)


def moving(index):
    """Return the column of the square in a frame; None while nothing moves."""
    return 2 * index if 4 <= index < 12 or 18 <= index < 22 else None


def frame(index, *, lamp=False, still=False):
    """The wall, a square that crosses it twice, a lamp that flickers and an animal that sleeps."""
    pixels = wall()
    left = moving(index)
    if left is not None:
        pixels[10 : 10 + SIDE, left : left + SIDE] = 230
    if lamp:
        pixels[26:36, 36:48] = 20 + 97 * index % 230
    if still:
        pixels[22:32, 4:14] = 220
    return pixels


def write_clip(path, num_frames=NUM_FRAMES, **scene):
    indices = range(num_frames)
    frames = (frame(index, **scene) for index in indices)
    times = (Fraction(index, 10) for index in indices)
    return write_frames(path, frames, times, frame_rate=Fraction(10), codec="ffv1")


@pytest.fixture
def clip(tmp_path):
    return write_clip(tmp_path / "clip.mkv")


@pytest.fixture
def zones(tmp_path):
    """Polygons around the lamp."""
    path = tmp_path / "zones.json"
    path.write_text("[[[34, 24], [48, 24], [48, 36], [34, 36]]]")
    return path


@pytest.fixture
def record_of(run):
    def split(*arguments):
        result = run("bgsep", *arguments, "--json", "-q")
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    return split


def masks_of(folder):
    return np.stack([np.asarray(Image.open(path)) > 0 for path in sorted((folder / "mask").iterdir())])


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def paint(path, region, mode="L"):
    Image.fromarray(np.where(region, 255, 0).astype(np.uint8)).convert(mode).save(path)
    return path


def lamp_region():
    region = np.zeros((HEIGHT, WIDTH), bool)
    region[24:, 34:] = True
    return region


def test_an_ignored_region_never_counts(record_of, tmp_path, zones):
    lit = write_clip(tmp_path / "lit.mkv", lamp=True)
    record = record_of(lit, "-o", tmp_path / "all", "--mask-format", "png")
    assert masks_of(tmp_path / "all")[:, lamp_region()].any()
    image = paint(tmp_path / "region.png", lamp_region())
    for name, region in (("polygons", zones), ("image", image)):
        record = record_of(
            lit, "-o", tmp_path / name, "--ignore", region, "--mask-format", "png", "--objects"
        )
        assert record["ignore"] == str(region)
        assert record["ignored_fraction"] == pytest.approx(lamp_region().mean(), abs=0.02)
        masks = masks_of(tmp_path / name)
        assert not masks[:, lamp_region()].any()
        assert masks[:, 10:18].any()
        assert {row["frame"] for row in rows_of(tmp_path / name / "objects.csv")} == {
            str(index) for index in range(NUM_FRAMES) if moving(index) is not None
        }
        counted = (1 - record["ignored_fraction"]) * HEIGHT * WIDTH
        assert record["foreground_fraction"] == pytest.approx(masks.sum() / counted / NUM_FRAMES, rel=0.01)
    with Image.open(tmp_path / "image" / "background.png") as background:
        shown = np.asarray(background)[lamp_region()]
    np.testing.assert_array_equal(shown, frame(NUM_FRAMES // 2, lamp=True)[lamp_region()])


def test_what_is_ignored_has_no_influence(record_of, tmp_path, zones):
    clips = [write_clip(tmp_path / f"{name}.mkv", lamp=lamp) for name, lamp in (("off", False), ("on", True))]
    for source in clips:
        record_of(source, "-o", tmp_path / source.stem, "--ignore", zones, "--mask-format", "png")
    np.testing.assert_array_equal(*(masks_of(tmp_path / source.stem) for source in clips))


def test_the_report_names_what_is_ignored(run, clip, zones):
    assert "ignored         9.72% of the pixels (" in run("bgsep", clip, "--ignore", zones).stdout


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.json",
            "[[[0, 0], [9, 0]]]",
            "no list of polygons of 3 or more vertices; write a list of polygons",
        ),
        ("a.json", '{"shapes": []}', "no list of polygons"),
        ("a.json", "[]", "no list of polygons"),
        ("a.json", "[[[0, 0], [9, 0], [NaN, 9]]]", "no list of polygons"),
        ("a.json", "[[[0, 0], [9, 0]", "is not JSON"),
        ("a.json", "[[[90, 90], [99, 90], [99, 99]]]", "marks no pixel; check its vertices"),
        ("a.json", "[[[-9, -9], [99, -9], [99, 99], [-9, 99]]]", "marks every pixel"),
        ("a.png", "text", "a.png"),
    ],
)
def test_regions_that_will_not_do(refused, clip, tmp_path, name, content, message):
    path = tmp_path / name
    path.write_text(content)
    assert message in refused(EXIT_INPUT, "bgsep", clip, "-o", tmp_path / "out", "--ignore", path)
    assert not (tmp_path / "out").exists()


def test_images_that_are_no_region(refused, clip, tmp_path):
    small = paint(tmp_path / "small.png", np.eye(5, dtype=bool))
    line = refused(EXIT_INPUT, "bgsep", clip, "--ignore", small)
    assert "is 5 x 5 pixels, the frames are 48 x 36 (width x height); give a file of 48 x 36 pixels" in line
    black = paint(tmp_path / "black.png", np.zeros((HEIGHT, WIDTH), bool))
    assert "marks no pixel; paint the region in white" in refused(
        EXIT_INPUT, "bgsep", clip, "--ignore", black
    )
    line = refused(EXIT_INPUT, "bgsep", clip, "--ignore", tmp_path / "absent.json")
    assert "absent.json: no such file" in line or "absent.json cannot be read" in line


def test_each_video_of_a_batch_has_its_region(run, tmp_path, zones):
    videos, regions = tmp_path / "videos", tmp_path / "regions"
    for folder in (videos, regions):
        folder.mkdir()
    for name in ("a", "b"):
        write_clip(videos / f"{name}.mkv", lamp=True)
    zones.rename(regions / "a.json")
    arguments = (
        "bgsep",
        videos,
        "-o",
        tmp_path / "out",
        "--ignore",
        regions,
        "--jobs",
        "1",
        "--mask-format",
        "png",
    )
    result = run(*arguments, "--skip-existing")
    assert result.exit_code == 1
    assert f"b.mkv: {regions} has no region to ignore b.*; add it, or name a file for all" in result.stderr
    assert not masks_of(tmp_path / "out" / "a")[:, lamp_region()].any()
    paint(regions / "b.png", lamp_region())
    assert run(*arguments, "--skip-existing").exit_code == 0
    assert not masks_of(tmp_path / "out" / "b")[:, lamp_region()].any()


def test_an_animal_that_never_moves_is_found_before_a_given_background(record_of, tmp_path):
    asleep = write_clip(tmp_path / "asleep.mkv", still=True)
    animal = np.zeros((HEIGHT, WIDTH), bool)
    animal[22:32, 4:14] = True
    record_of(asleep, "-o", tmp_path / "without", "--mask-format", "png")
    assert not masks_of(tmp_path / "without")[:, animal].any()
    empty = tmp_path / "empty.png"
    Image.fromarray((0.9 * wall()).astype(np.uint8)).save(empty)  # on a darker day
    record = record_of(asleep, "-o", tmp_path / "out", "--mask-format", "png", "--background", empty)
    assert record["background"] == str(empty)
    masks = masks_of(tmp_path / "out")
    assert masks[:, animal].mean() > 0.95
    assert masks[:, 20:, 20:].mean() < 0.01
    with Image.open(tmp_path / "out" / "background.png") as background:
        assert np.abs(np.asarray(background).astype(int) - wall()).max() < 6


def test_a_background_of_another_scene_is_noted(run, clip, tmp_path):
    other = tmp_path / "other.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)).save(other)
    result = run("bgsep", clip, "--background", other)
    assert f"clip.mkv: background {other} differs from the frames in " in result.stderr
    assert f"background      {other}\n" in result.stdout


def test_backgrounds_that_will_not_do(refused, clip, tmp_path):
    def saved(name, pixels):
        Image.fromarray(pixels).save(tmp_path / name)
        return tmp_path / name

    line = refused(EXIT_INPUT, "bgsep", clip, "--background", saved("small.png", wall()[:9]))
    assert "small.png has 48 x 9 pixels RGB, the frames 48 x 36 pixels RGB; give a frame" in line
    line = refused(EXIT_INPUT, "bgsep", clip, "--background", saved("gray.png", wall()[..., 0]))
    assert "gray.png has 48 x 36 pixels gray, the frames 48 x 36 pixels RGB" in line
    cut = saved("cut.png", np.dstack([wall(), np.full((HEIGHT, WIDTH), 9, np.uint8)]))
    assert "cut.png is partly transparent" in refused(EXIT_INPUT, "bgsep", clip, "--background", cut)
    line = refused(EXIT_USAGE, "bgsep", clip, "--background", cut, "--method", "median")
    assert "method median takes no given background; leave it out" in line
    line = refused(EXIT_USAGE, "bgsep", clip, "--background", cut, "--fit", "full")
    assert "fit full takes no given background" in line
    (tmp_path / "out").mkdir()
    inside = saved("out/background.png", wall())
    line = refused(EXIT_OUTPUT, "bgsep", clip, "-o", tmp_path / "out", "--background", inside, "--overwrite")
    assert "background.png is one of the input files" in line


def test_a_gray_video_takes_a_gray_background_stored_as_rgb(run, tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for index in range(8):
        Image.fromarray(frame(index)[..., 0]).save(folder / f"{index}.png")
    empty = tmp_path / "empty.png"
    Image.fromarray(wall()[..., 0]).convert("RGB").save(empty)
    assert run("bgsep", folder, "--background", empty).exit_code == 0


def test_objects_are_listed(record_of, clip, tmp_path):
    record = record_of(clip, "-o", tmp_path / "out", "--objects", "--mask-format", "png")
    assert "objects.csv" in record["outputs"]
    rows, masks = rows_of(tmp_path / "out" / "objects.csv"), masks_of(tmp_path / "out")
    assert list(rows[0]) == [
        *("frame", "time_s", "x", "y", "left", "top", "width_px", "height_px", "area_px", "mean_difference"),
    ]
    assert [int(row["frame"]) for row in rows] == [i for i in range(NUM_FRAMES) if moving(i) is not None]
    for row in rows:
        index = int(row["frame"])
        mask = masks[index]
        assert float(row["time_s"]) == pytest.approx(index / 10)
        assert float(row["x"]) == pytest.approx(np.nonzero(mask)[1].mean(), abs=1e-5)
        assert float(row["x"]) == pytest.approx(moving(index) + (SIDE - 1) / 2, abs=1)
        assert float(row["y"]) == pytest.approx(10 + (SIDE - 1) / 2, abs=1)
        assert int(row["area_px"]) == mask.sum()
        box = [int(row[name]) for name in ("left", "top", "width_px", "height_px")]
        assert box == pytest.approx([moving(index), 10, SIDE, SIDE], abs=2)
        assert 70 < float(row["mean_difference"]) < 200


def test_events_are_merged_and_listed(record_of, clip, tmp_path):
    def events(name, *arguments):
        record = record_of(clip, "-o", tmp_path / name, "--events", *arguments)
        rows = rows_of(tmp_path / name / "events.csv")
        assert record["num_events"] == len(rows)
        return rows

    first, second = events("a", "--event-gap", "0.3")
    assert {**first, "largest_fraction": 0} == {
        **{"event": "1", "first_frame": "4", "last_frame": "11", "start_s": "0.4", "stop_s": "1.2"},
        "largest_fraction": 0,
    }
    assert (second["start_s"], second["stop_s"]) == ("1.8", "2.2")
    assert float(first["largest_fraction"]) == pytest.approx(SIDE**2 / HEIGHT / WIDTH, rel=0.3)
    (merged,) = events("b")  # a pause of 0.6 s
    assert (merged["first_frame"], merged["last_frame"]) == ("4", "21")
    (longest,) = events("c", "--event-gap", "0.3", "--event-min", "0.5")
    assert longest["last_frame"] == "11"
    assert events("d", "--event-min", "5") == []


def test_without_tables_nothing_is_added(record_of, clip, tmp_path):
    record = record_of(clip, "-o", tmp_path / "out")
    assert record["num_events"] is None
    assert not {"objects.csv", "events.csv", "events"} & {path.name for path in (tmp_path / "out").iterdir()}


def encoded_clip(path, *, options):
    """A clip by an encoder with B-frames, keyframes every 5 frames, and sound."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options=options)
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        sound = container.add_stream("aac", rate=8000)
        sound.metadata["language"] = "fra"
        for index in range(NUM_FRAMES):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame(index), format="rgb24")))
        container.mux(stream.encode())
        for start in range(0, 8000 * NUM_FRAMES // 10, 1024):
            samples = av.AudioFrame(format="fltp", layout="mono", samples=1024)
            samples.planes[0].update(np.sin(np.arange(1024) / 9).astype(np.float32).tobytes())
            samples.sample_rate, samples.pts = 8000, start
            container.mux(sound.encode(samples))
        container.mux(sound.encode())
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_events_are_cut_out_at_keyframes_without_encoding(record_of, tmp_path, suffix):
    options = {"g": "5", "keyint_min": "5", "sc_threshold": "0", "bf": "2"}
    source = encoded_clip(tmp_path / f"clip{suffix}", options=options)
    out = tmp_path / "out"
    record = record_of(source, "-o", out, "--event-clips", "--event-gap", "0.3")
    assert {"events", "events.csv"} <= set(record["outputs"])
    clips = sorted((out / "events").iterdir())
    written = suffix if suffix != ".ts" else ".mkv"
    assert [path.name for path in clips] == [f"0001{written}", f"0002{written}"]
    whole = [each.pixels for each in open_video(source).frames()]
    for path, row in zip(clips, rows_of(out / "events.csv"), strict=True):
        keyframe = int(row["first_frame"]) // 5 * 5
        frames = [each.pixels for each in open_video(path).frames()]
        assert keyframe + len(frames) > int(row["last_frame"])
        assert keyframe + len(frames) <= int(row["last_frame"]) + 4  # and what these need
        for each, original in zip(frames, whole[keyframe:], strict=False):
            np.testing.assert_array_equal(each, original)
        with av.open(str(path)) as container:
            assert container.streams.audio[0].language == "fra"
            seconds = sum(each.samples for each in container.decode(audio=0)) / 8000
        assert seconds == pytest.approx(len(frames) / 10, abs=0.3)


def test_frames_in_images_cannot_be_cut(refused, tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for index in range(4):
        Image.fromarray(frame(index)).save(folder / f"{index}.png")
    line = refused(EXIT_INPUT, "bgsep", folder, "--event-clips", "-q")
    assert f"{folder} is not a video file, from which excerpts can be cut; leave the clips out" in line
    first, *others = (Image.fromarray(frame(index)) for index in range(6))
    first.save(tmp_path / "a.gif", save_all=True, append_images=others, duration=100)
    line = refused(EXIT_INPUT, "bgsep", tmp_path / "a.gif", "--event-clips", "-q")
    assert "cannot be copied into mkv without encoding" in line


@pytest.mark.parametrize("option", ["--event-gap", "--event-min"])
def test_times_are_not_negative(refused, clip, option):
    assert "must be 0 or more seconds, got -1.0" in refused(
        EXIT_USAGE, "bgsep", clip, "--events", option, "-1"
    )


def test_an_interrupted_run_goes_on_to_the_same_tables(run, record_of, clip, tmp_path, zones, monkeypatch):
    monkeypatch.setattr(parts, "NUM_FRAMES", 10)
    settings = ("--objects", "--event-clips", "--event-gap", "0.3", "--ignore", zones, "--window", "14")
    record_of(clip, "-o", tmp_path / "whole", *settings)
    original, parted = tables.find_objects, tmp_path / "parted"
    calls = iter(range(22))

    def find_objects(*arguments):
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(tables, "find_objects", find_objects)
    result = run("bgsep", clip, "-o", parted, *settings)
    assert result.exit_code == EXIT_INTERRUPTED
    assert [path.name for path in parted.iterdir()] == ["parts"]
    monkeypatch.setattr(tables, "find_objects", original)
    line = run("bgsep", clip, "-o", parted, *settings[:-4], "--window", "14", "--resume").stderr
    assert "was made with ignore = 1 files of" in line
    record = record_of(clip, "-o", parted, *settings, "--resume")
    assert record["resumed_at"] == 20
    for name in ("objects.csv", "events.csv", "events/0001.mkv", "events/0002.mkv"):
        if name.endswith(".csv"):
            assert (parted / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
        assert (parted / name).stat().st_size == (tmp_path / "whole" / name).stat().st_size


def test_existing_tables_are_refused_and_replaced(refused, record_of, clip, tmp_path):
    out = tmp_path / "out"
    record_of(clip, "-o", out, "--objects", "--event-clips")
    for name in ("objects.csv", "events"):
        for path in out.iterdir():
            if path.name != name:
                path.rename(tmp_path / path.name)
        line = refused(EXIT_OUTPUT, "bgsep", clip, "-o", out, "--objects", "--event-clips")
        assert f"output {out / name} exists already; pass --overwrite to replace it" in line
        record_of(clip, "-o", out, "--objects", "--event-clips", "--overwrite")
    assert len(rows_of(out / "objects.csv")) == 12


def test_the_examples_of_the_guide(run, clip, zones, tmp_path, monkeypatch):
    guide = (Path(__file__).parents[2] / "docs" / "bgsep.md").read_text()
    (section,) = re.findall(r"^## Regions and backgrounds\n(.*?)^## Methods", guide, flags=re.M | re.S)
    examples = re.findall(r"^    edlrr (bgsep .+)$", section, flags=re.M)
    assert len(examples) == 4
    monkeypatch.chdir(tmp_path)
    clip.rename("clip.mp4")  # the container is recognized by its content
    paint(tmp_path / "timestamp.png", lamp_region())
    Image.fromarray(wall()).save("empty.png")
    for example in examples:
        assert run(*shlex.split(example), "--overwrite").exit_code == 0
    options = set(re.findall(r"`(--(?:ignore|background|objects|event)[a-z-]*)", section))
    assert options == {word for word in shlex.split(" ".join(examples)) if word.startswith("--")}
