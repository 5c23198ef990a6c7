"""``edlrr inpaint`` of many images."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

QUICK = ("--prior", "global", "--steps", "5")


@pytest.fixture
def many(scene):
    """Six images in two folders, one of them no image, and a mask for each but one."""
    names = ("in/a.png", "in/b.png", "in/sub/a.png", "in/sub/c.png", "in/sub/bad.png", "in/alone.png")
    for name in names:
        path = scene.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(scene.damaged, path)
        if name != "in/alone.png":
            mask = scene.folder / "masks" / path.relative_to(scene.folder / "in")
            mask.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(scene.mask, mask)
    (scene.folder / "in/sub/bad.png").write_bytes(b"no image")
    return scene


def whole(scene, *more):
    """The batch over the folder."""
    folders = ("in", "--mask", "masks", "-o", "out")
    given = [scene.folder / name if name in ("in", "masks", "out") else name for name in folders]
    return ["inpaint", *given, "--recursive", *QUICK, *more]


def written(scene, folder="out"):
    return sorted(
        str(path.relative_to(scene.folder / folder)) for path in (scene.folder / folder).rglob("*.*")
    )


DONE = ["a.png", "b.png", "sub/a.png", "sub/c.png"]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_the_bad_are_reported_and_the_rest_goes_on(run, many, jobs):
    result = run(*whole(many, "--jobs", jobs))
    assert result.exit_code == 1
    assert written(many) == DONE
    errors = result.stderr.splitlines()
    assert sum(line.startswith("edlrr: error: ") for line in errors) == 2
    assert any("alone.png: " in line and "has no mask alone.*" in line for line in errors)
    assert any("bad.png is not an image of a known kind" in line for line in errors)
    assert errors[-1].startswith("4 done, 2 failed, ")
    lines = result.stdout.splitlines()
    assert len(lines) == 4
    assert all(line.startswith("ok       ") and " -> " in line and " s on cpu" in line for line in lines)
    # One at a time, of other names, they come to the same.
    alone = many.folder / "alone_out.png"
    run("inpaint", many.damaged, "--mask", many.mask, "-o", alone, *QUICK)
    assert (many.folder / "out/sub/c.png").read_bytes() == alone.read_bytes()


def test_json_lines(run, many):
    result = run(*whole(many, "--jobs", "1", "--json"))
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert sorted(record["status"] for record in records) == ["error"] * 2 + ["ok"] * 4
    failed = {record["input"]: record for record in records if record["status"] == "error"}
    assert failed[str(many.folder / "in/sub/bad.png")]["exit_code"] == 3
    assert all({"error", "remedy", "exit_code", "version"} <= set(record) for record in failed.values())
    assert {record["psnr"] for record in records if record["status"] == "ok"} == {None}


def test_what_is_done_is_left_out(run, many):
    first = run(*whole(many, "--jobs", "1", "-q"))
    assert first.stdout == ""
    assert first.stderr.count("\n") == first.stderr.count("edlrr: error: ") == 2
    before = {name: (many.folder / "out" / name).stat().st_mtime_ns for name in DONE}
    (many.folder / "out/b.png").unlink()
    result = run(*whole(many, "--jobs", "1", "--skip-existing"))
    assert result.stderr.splitlines()[-1].startswith("1 done, 3 skipped, 2 failed, ")
    after = {name: (many.folder / "out" / name).stat().st_mtime_ns for name in DONE}
    assert {name for name in DONE if before[name] != after[name]} == {"b.png"}
    again = run(*whole(many, "--jobs", "1"))
    assert again.exit_code == 1
    assert again.stderr.count("exists already; pass --overwrite to replace it") == 4


def test_a_dry_run_does_nothing(run, many):
    result = run(*whole(many, "--dry-run"))
    assert not (many.folder / "out").exists()
    assert result.stdout.count("planned  ") == 5
    assert result.exit_code == 1
    one = run(*many.arguments("--dry-run"))
    assert one.stdout == f"planned  {many.damaged} -> {many.restored}\n"
    assert (one.exit_code, many.restored.exists()) == (0, False)


def test_shards_are_all_together(run, refused, many):
    parts = [
        run(*whole(many, "--dry-run", "--shard", f"{number}/3")).stdout.splitlines() for number in (1, 2, 3)
    ]
    assert max(map(len, parts)) <= 2
    everything = run(*whole(many, "--dry-run")).stdout.splitlines()
    assert sorted(line for part in parts for line in part) == sorted(everything)
    for wrong in ("0/3", "4/3", "1", "a/b"):
        assert "is not K/N with K from 1 to N" in refused(2, *whole(many, "--shard", wrong))


def test_names_of_results(run, many):
    images = [many.folder / "in/a.png", many.folder / "in/b.png"]
    assert run("inpaint", *images, "--mask", many.mask, "--jobs", "1", *QUICK).exit_code == 0
    assert (many.folder / "in/a_restored.png").exists()
    assert (
        run("inpaint", *images, "--mask", many.mask, "--suffix", "_x", "--jobs", "1", *QUICK).exit_code == 0
    )
    assert (many.folder / "in/b_x.png").exists()
    (many.folder / "folder").mkdir()
    run("inpaint", images[0], "--mask", many.mask, "-o", many.folder / "folder", *QUICK)
    assert written(many, "folder") == ["a.png"]


def test_a_single_image_goes_to_the_file_that_is_named(run, scene):
    named = scene.arguments("-o", scene.folder / "own.png", "--skip-existing", "--prior", "global")
    first, second = run(*named), run(*named)
    assert first.stdout.startswith(f"ok       {scene.damaged} -> {scene.folder / 'own.png'}  ")
    assert second.stdout == f"skipped  {scene.damaged} -> {scene.folder / 'own.png'}\n"


def test_masks_beside_the_images(run, scene):
    folder = scene.folder / "mixed"
    folder.mkdir()
    for name in ("x", "y"):
        shutil.copy(scene.damaged, folder / f"{name}.png")
        shutil.copy(scene.mask, folder / f"{name}_mask.png")
        shutil.copy(scene.clean, folder / f"{name}_clean.png")
    result = run(
        "inpaint", folder / "?.png", "--mask", folder, "--mask-suffix", "_mask", "-o", scene.folder / "out",
        "--jobs", "1", *QUICK,
    )  # fmt: skip
    assert (result.exit_code, written(scene)) == (0, ["x.png", "y.png"])


def test_two_images_are_never_written_to_one_file(run, many):
    """The second of them fails, so that neither is lost."""
    images = (many.folder / "in/a.png", many.folder / "in/sub/a.png")
    result = run("inpaint", *images, "--mask", many.mask, "-o", many.folder / "out", "--jobs", "1", *QUICK)
    assert (result.exit_code, written(many)) == (1, ["a.png"])
    assert (
        f"{images[1]} and {images[0]} would both be {many.folder / 'out/a.png'}; rename one" in result.stderr
    )


def test_refusals(refused, many):
    a, b = many.folder / "in/a.png", many.folder / "in/b.png"
    options = ("--mask", many.mask, *QUICK)
    assert "figure is for one image" in refused(
        2, "inpaint", a, b, *options, "--figure", many.folder / "f.png"
    )
    assert "is a file, and the results are many" in refused(4, "inpaint", a, b, *options, "-o", many.damaged)
    assert "nothing matches" in refused(3, "inpaint", many.folder / "*.bmp", *options)


def twelve(scene, *more):
    """A command line that restores twelve images in two processes."""
    folder = scene.folder / "in"
    folder.mkdir()
    for number in range(12):
        shutil.copy(scene.damaged, folder / f"{number:02}.png")
    return [
        sys.executable, "-m", "edlrr_cli", "inpaint", str(folder), "--mask", str(scene.mask), "-o",
        str(scene.folder / "out"), "--jobs", "2", "--prior", "global", "--steps", "60", "--json", *more,
    ]  # fmt: skip


def test_killed_half_way_and_started_again(scene):
    """No file is damaged, none is left behind by a child, and none is done twice."""
    command, out = twelve(scene, "--skip-existing"), scene.folder / "out"
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    first = [running.stdout.readline() for _ in range(2)]
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()
    assert all(json.loads(line)["status"] == "ok" for line in first)
    time.sleep(1.5)  # the children end with it
    done = {path.name: path.stat().st_mtime_ns for path in out.glob("*.png")}
    assert 2 <= len(done) < 12
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    records = [json.loads(line) for line in ended.stdout.splitlines()]
    assert sum(record["status"] == "skipped" for record in records) == len(done)
    assert len(list(out.glob("*.png"))) == 12
    assert {name: (out / name).stat().st_mtime_ns for name in done} == done
    images = [np.asarray(Image.open(path)) for path in sorted(out.glob("*.png"))]
    assert all((image == images[0]).all() for image in images)


def test_ctrl_c_keeps_what_is_done(scene):
    command, out = twelve(scene), scene.folder / "out"
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    running.stdout.readline()
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=300)
    assert running.returncode == 130
    assert "of 12 done, nothing is left half-written; go on with --skip-existing" in errors
    assert "Traceback" not in errors
    assert [path for path in out.iterdir() if path.suffix != ".png"] == []
