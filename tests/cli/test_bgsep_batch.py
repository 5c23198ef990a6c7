"""``edlrr bgsep`` of many videos: which they are, where results go, what is reported, and hostile files."""

from __future__ import annotations

import io
import json
import random
import resource
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edlrr_cli.errors import EXIT_INPUT, EXIT_OUTPUT, EXIT_USAGE

from .conftest import write_frames

SIZE_PX = (16, 24)
OUTPUTS = {"background.mp4", "foreground.mp4", "mask.mp4", "background.png", "overview.png", "report.json"}
QUICK = ("--method", "median", "--jobs", "1")


def frame(index):
    """A bright square that goes round over a gradient."""
    shade = np.tile(np.linspace(40, 120, SIZE_PX[1]), (SIZE_PX[0], 1))
    shade[4:8, index % 20 : index % 20 + 4] = 230
    return np.stack([shade] * 3, axis=2).astype(np.uint8)


def clip(path, num_frames=6):
    path.parent.mkdir(parents=True, exist_ok=True)
    times = (Fraction(index, 25) for index in range(num_frames))
    return write_frames(path, map(frame, range(num_frames)), times, frame_rate=Fraction(25))


def images(folder, num_frames=6):
    folder.mkdir(parents=True)
    for index in range(num_frames):
        Image.fromarray(frame(index)).save(folder / f"{index}.png")
    return folder


@pytest.fixture
def many(tmp_path):
    """Two videos, one in a folder of a folder beside a folder of frames, and a broken one."""
    clip(tmp_path / "in/a.mp4")
    clip(tmp_path / "in/sub/b.mkv")
    images(tmp_path / "in/sub/walk")
    (tmp_path / "in/sub/bad.avi").write_bytes(b"no video" * 99)
    (tmp_path / "in/notes.txt").touch()
    return tmp_path


def results(folder):
    """The folders below, each with what it should have and nothing else."""
    found = sorted(path.parent for path in folder.rglob("report.json"))
    assert all({each.name for each in path.iterdir()} == OUTPUTS for path in found)
    assert not list(folder.rglob("parts"))
    return [str(path.relative_to(folder)) for path in found]


def records(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_the_bad_are_reported_and_the_rest_goes_on(run, many):
    out = many / "out"
    result = run("bgsep", many / "in", "--recursive", "-o", out, *QUICK)
    assert result.exit_code == 1
    assert results(out) == ["a", "sub/b", "sub/walk"]
    assert not (out / "sub/bad").exists()
    *reported, summary = result.stderr.splitlines()
    (error,) = (line for line in reported if "error" in line)
    assert "bad.avi is not a video that FFmpeg can read" in error
    (note,) = set(reported) - {error}
    assert note == f"{many / 'in/sub/walk'}: images have no frame rate: 25 per second are taken"
    assert summary.startswith("3 done, 1 failed, ")
    lines = result.stdout.splitlines()
    assert lines[0].startswith(f"ok       {many / 'in/a.mp4'} -> {out / 'a'}  6 frames, ")
    alone = many / "alone"
    assert run("bgsep", many / "in/sub/walk", "-o", alone, "--method", "median", "-q").exit_code == 0
    for name in OUTPUTS - {"report.json"}:
        assert (alone / name).read_bytes() == (out / "sub/walk" / name).read_bytes()


def test_processes_json_lines_and_what_is_done(run, many):
    asked = ("bgsep", many / "in", "--recursive", "-o", many / "out", "--method", "median", "--json")
    first = records(run(*asked, "--jobs", "2"))
    assert sorted(record["status"] for record in first) == ["error", "ok", "ok", "ok"]
    assert all("windows" not in record for record in first)
    (many / "out/a/report.json").unlink()
    again = run(*asked, "--jobs", "1", "--skip-existing", "--overwrite")
    assert sorted(record["status"] for record in records(again)) == ["error", "ok", "skipped", "skipped"]
    refused = run(*asked, "--jobs", "1")
    assert refused.stderr.count("exists already; pass --overwrite to replace it") == 3


def test_beside_the_videos_results_are_no_sources(run, many):
    asked = ("bgsep", many / "in", "--recursive", *QUICK)
    assert run(*asked).exit_code == 1
    assert results(many / "in") == ["a_bgsep", "sub/b_bgsep", "sub/walk_bgsep"]
    ended = run(*asked, "--skip-existing")
    assert ended.stderr.splitlines()[-1].startswith("3 skipped, 1 failed, ")
    assert run("bgsep", many / "in/a*", "--dry-run", *QUICK).stdout.count("planned") == 1
    assert run("bgsep", many / "in", "--suffix", "_x", *QUICK).exit_code == 0
    assert (many / "in/a_x/report.json").exists()


def test_a_dry_run_and_shards(run, many):
    asked = ("bgsep", many / "in", "--recursive", "-o", many / "out", "--dry-run")
    everything = run(*asked).stdout.splitlines()
    parts = [run(*asked, "--shard", f"{number}/3").stdout.splitlines() for number in (1, 2, 3)]
    assert sorted(line for part in parts for line in part) == sorted(everything)
    assert len(everything) == 4
    assert not (many / "out").exists()
    one = run("bgsep", many / "in/a.mp4", "-o", many / "out", "--dry-run")
    assert one.stdout == f"planned  {many / 'in/a.mp4'} -> {many / 'out'}\n"


def test_mixed_folders_are_refused(many, run, refused):
    frames = many / "in/sub/walk"
    clip(frames / "walk.mp4")
    line = refused(EXIT_INPUT, "bgsep", frames)
    assert f"folder {frames} holds images and videos; name either by a pattern, such as '*.mp4'" in line
    assert "matches images and videos" in refused(EXIT_INPUT, "bgsep", frames / "*")
    reported = run("bgsep", many / "in", "--recursive", "--dry-run")
    assert (reported.exit_code, reported.stdout.count("planned")) == (1, 3)
    a = many / "in/a.mp4"
    line = refused(EXIT_OUTPUT, "bgsep", a, many / "in/sub/b.mkv", "-o", a)
    assert "is a file, and the results are many; name a folder" in line


def test_two_videos_never_share_a_folder(run, many):
    clip(many / "in/a.mkv")
    result = run("bgsep", many / "in", "-o", many / "out", *QUICK)
    assert f"in/a.mp4 and {many / 'in/a.mkv'} would both be {many / 'out/a'}; rename one" in result.stderr
    assert (result.exit_code, results(many / "out")) == (1, ["a"])


def started(folder, *more):
    """A process that splits three videos of several parts each, one after another."""
    for name in ("a", "b", "c"):
        clip(folder / f"in/{name}.mp4", num_frames=900)
    command = [
        sys.executable, "-m", "edlrr_cli", "bgsep", folder / "in", "-o", folder / "out", "--json",
        *QUICK, *more,
    ]  # fmt: skip
    command = list(map(str, command))
    return command, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(path, process):
    until = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.005)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_stopped_in_the_middle_and_started_again(tmp_path, sent):
    command, running = started(tmp_path, "--skip-existing", "--resume")
    parts = tmp_path / "out/b/parts"
    wait_for(parts / "000000000", running)
    running.send_signal(sent)
    stdout, stderr = running.communicate(timeout=300)
    assert [json.loads(line)["status"] for line in stdout.splitlines()][:1] == ["ok"]
    if sent == signal.SIGINT:
        assert running.returncode == 130
        assert stderr.strip().endswith("nothing is left half-written; go on with --skip-existing --resume")
        assert "1 of 3 done" in stderr
    assert len(list(parts.glob("*/part.json"))) >= 1
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    by_name = {Path(record["input"]).stem: record for record in map(json.loads, ended.stdout.splitlines())}
    assert [by_name[name]["status"] for name in "abc"] == ["skipped", "ok", "ok"]
    assert by_name["b"]["resumed_at"] >= 250
    assert by_name["c"]["resumed_at"] == 0
    assert results(tmp_path / "out") == ["a", "b", "c"]
    for name in OUTPUTS - {"report.json", "overview.png"}:
        same = [(tmp_path / "out" / video / name).read_bytes() for video in "abc"]
        assert same[0] == same[1] == same[2]


def damaged(data, chance, kind):
    data = bytearray(data)
    if kind == 0:
        return data[: chance.randrange(len(data))]
    if kind == 1:
        for _ in range(40):
            data[chance.randrange(len(data))] = chance.randrange(256)
    elif kind == 2:
        first = chance.randrange(len(data))
        del data[first : first + chance.randrange(1, 300)]
    else:
        for _ in range(6):
            data[chance.randrange(min(96, len(data)))] = chance.randrange(256)
    return data


def moving_gif():
    with io.BytesIO() as stream:
        first, *others = (Image.fromarray(frame(index)) for index in range(4))
        first.save(stream, "GIF", save_all=True, append_images=others)
        return stream.getvalue()


def plain_frames():
    height, width = SIZE_PX
    noise = random.Random(0)
    frames = (b"FRAME\n" + noise.randbytes(height * width * 3 // 2) for _ in range(4))
    return b"YUV4MPEG2 W%d H%d F25:1 Ip A1:1 C420\n" % (width, height) + b"".join(frames)


def test_no_file_ends_the_batch(run, tmp_path):
    """Five hundred damaged files, and some that are whole and odd."""
    folder, chance = tmp_path / "in", random.Random(0)
    wholes = {
        suffix: clip(tmp_path / f"whole{suffix}", num_frames=4).read_bytes()
        for suffix in (".mp4", ".mkv", ".webm")
    }
    for suffix, whole in {**wholes, ".gif": moving_gif(), ".y4m": plain_frames()}.items():
        for number in range(100):
            (folder / suffix[1:]).mkdir(parents=True, exist_ok=True)
            path = folder / suffix[1:] / f"{number}{suffix}"
            path.write_bytes(damaged(whole, chance, number % 4))
    (folder / "empty.mp4").touch()
    (folder / "random.mkv").write_bytes(chance.randbytes(5000))
    (folder / "text.avi").write_text("no video\n" * 500)
    (folder / "folder.mp4").mkdir()
    (folder / "broken.mp4").symlink_to(tmp_path / "absent")
    Image.new("RGB", (8, 8)).save(folder / "image.mov", "PNG")
    Image.new("RGB", (1, 1)).save(folder / "one.gif")
    (folder / "huge.y4m").write_bytes(b"YUV4MPEG2 W60000 H60000 F25:1 Ip A1:1 C420\nFRAME\n" + bytes(99))
    (folder / "zero.y4m").write_bytes(b"YUV4MPEG2 W0 H0 F25:1 Ip A1:1 C420\nFRAME\n" + bytes(99))
    images(folder / "unequal", num_frames=3)
    Image.new("RGB", (9, 9)).save(folder / "unequal" / "9.png")
    images(folder / "cut", num_frames=3)
    (folder / "cut/1.png").write_bytes((folder / "cut/1.png").read_bytes()[:60])
    images(folder / "single", num_frames=1)
    out = tmp_path / "out"
    result = run("bgsep", folder, "-o", out, "--recursive", "--json", *QUICK)
    reported = records(result)
    assert len(reported) >= 510
    assert result.exit_code == 1
    assert "internal error" not in result.stderr
    failed = [record for record in reported if record["status"] == "error"]
    # A side that a damaged header claims may be more than the codec takes.
    assert {record["exit_code"] for record in failed} <= {EXIT_INPUT, EXIT_USAGE}
    assert len(failed) > 200
    assert all("\n" not in record["error"] for record in failed)
    assert sorted(results(out)) == sorted(
        str(Path(record["output"]).relative_to(out)) for record in reported if record["status"] == "ok"
    )
    assert not [path for path in out.rglob("*") if path.name.startswith(".")]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX limits")
def test_a_full_disk_fails_each_and_leaves_nothing(many):
    ended = subprocess.run(
        [sys.executable, "-m", "edlrr_cli", "bgsep", many / "in", "-o", many / "out", *QUICK],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (900, 900)),
    )
    assert ended.returncode == 1
    error, summary = ended.stderr.splitlines()
    assert "cannot be written" in error
    assert summary.startswith("1 failed, ")
    assert list((many / "out").iterdir()) == []


def test_outputs_that_cannot_be_written(run, refused, many):
    (many / "file").touch()
    asked = ("bgsep", many / "in", "--recursive", *QUICK)
    assert "cannot be made (Not a directory)" in refused(EXIT_OUTPUT, *asked, "-o", many / "file/out")
    (many / "out").mkdir()
    (many / "out/a").touch()
    result = run(*asked, "-o", many / "out", "--json")
    codes = {Path(record["input"]).stem: record.get("exit_code") for record in records(result)}
    assert codes == {"a": EXIT_OUTPUT, "b": None, "walk": None, "bad": EXIT_INPUT}


def test_settings_are_refused_before_the_first_video(refused, many):
    asked = ("bgsep", many / "in", "-o", many / "out")
    assert "between 0 and 51" in refused(EXIT_USAGE, *asked, "--quality", "99")
    assert not (many / "out").exists()


def test_a_name_that_no_file_can_have(refused):
    name = 300 * "x" + ".mp4"
    assert refused(EXIT_INPUT, "bgsep", name) == (
        f"edlrr: error: {name}: no file has so long a name; check the name\n"
    )


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_page_of_many(run, many, jobs):
    asked = ("bgsep", many / "in", "--recursive", "-o", many / "out", "--method", "median", "--jobs", jobs)
    reported = records(run(*asked, "--report", many / "page.html", "--json"))
    assert not any({"stills", "windows"} & set(record) for record in reported)
    page = (many / "page.html").read_text()
    assert "3 done, 1 failed" in page
    assert page.count("data:image/") >= 3 * 4
