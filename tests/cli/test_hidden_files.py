"""What operating systems leave in folders is no image: in batches, frames, masks, training and benchmarks."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from edlrr_cli.bench.cases import Data
from edlrr_cli.bench.sequences import find_sequences

QUICK = ("--prior", "global", "--steps", "5")
TINY_NETWORK = ("--arch", "dncnn", "--depth", "3", "--width", "2", "--patch-px", "8", "--batch", "1")
TINY_RUN = (*TINY_NETWORK, "--held-out", "1", "--steps", "2", "--sigma", "25", "--device", "cpu")
LITTER = ("._0.png", ".DS_Store", "Thumbs.db", "desktop.ini", "@eaDir/0.png", "__MACOSX/._0.png")


def litter(folder):
    """Put there what macOS, Windows and file servers do; nothing of it is an image."""
    for name in LITTER:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"\x00\x05\x16\x07")
    return folder


@pytest.fixture
def frames(tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for index in range(4):
        level = np.full((16, 24, 3), 90, np.uint8)
        level[4:8, 4 * index : 4 * index + 4] = 230
        Image.fromarray(level).save(folder / f"{index}.png")
    return litter(folder)


@pytest.mark.parametrize("named", ["", "*", "*.png"])
def test_frames_of_a_video(run, frames, named):
    out = frames.with_name("out")
    result = run("bgsep", frames / named, "--method", "median", "-o", out, "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["frames"] == 4


@pytest.mark.parametrize("named", [("", "--recursive"), ("*",), ("*.png",)])
def test_images_of_a_batch(run, frames, named):
    given = (frames / named[0], *named[1:])
    result = run("denoise", *given, "--method", "tv", "-o", frames.with_name("out"), "--jobs", "1", "--json")
    assert result.exit_code == 0, result.stderr
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert [record["input"] for record in records] == [str(frames / f"{index}.png") for index in range(4)]


def test_masks_and_references_in_folders(run, scene):
    for name, path in (("images", scene.damaged), ("masks", scene.mask), ("references", scene.clean)):
        (scene.folder / name).mkdir()
        shutil.copy(path, litter(scene.folder / name) / "0.png")
    folder = scene.folder
    beside = ("--mask", folder / "masks", "--reference", folder / "references", "-o", folder / "out")
    result = run("inpaint", folder / "images", *beside, *QUICK, "--jobs", "1")
    assert result.exit_code == 0, result.stderr
    assert "1 done" in result.stderr


def test_a_hidden_file_that_is_named_is_worked_on(run, scene):
    for name, path in ((".hidden.png", scene.damaged), ("masks/.hidden.png", scene.mask)):
        (scene.folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(path, scene.folder / name)
    hidden = scene.folder / ".hidden.png"
    result = run("inpaint", hidden, "--mask", scene.folder / "masks", *QUICK, "-q")
    assert (result.exit_code, result.stderr) == (0, "")
    assert (scene.folder / ".hidden_restored.png").exists()


def test_training_images(run, frames, tmp_path):
    result = run("train", "--data", frames, "-o", tmp_path / "m.safetensors", *TINY_RUN, "-q")
    assert (result.exit_code, result.stderr) == (0, "")


def test_training_reads_whatever_denoising_reads(run, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("a.gif", "b.ppm", "c.pgm", "d.jp2", "e.jfif"):
        Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).save(folder / name)
    result = run("train", "--data", folder, "-o", tmp_path / "m.safetensors", *TINY_RUN, "-q")
    assert (result.exit_code, result.stderr) == (0, "")
    result = run("denoise", folder, "--method", "tv", "-o", tmp_path / "out", "--jobs", "1")
    assert "5 done" in result.stderr


def test_images_and_sequences_of_benchmarks(frames, tmp_path):
    assert Data(frames).images == ["0", "1", "2", "3"]
    for name in ("@eaDir", "__MACOSX", ".cache", "highway"):
        (tmp_path / "data" / name / "input").mkdir(parents=True)
    assert list(find_sequences(tmp_path / "data")) == ["highway"]
