"""Images that a command computes as a batch, as on a GPU."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from edlrr_cli.pipelines import batch
from edlrr_cli.tasks.denoise import run as denoising
from edlrr_cli.tasks.inpaint import restore

QUICK = ("--quality", "fast", "--steps", "10")
FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")


@pytest.fixture
def images(scene):
    """Four images of one size, one of another, a file that is no image, and masks for them."""
    folder = scene.folder / "in"
    folder.mkdir()
    with Image.open(scene.damaged) as damaged:
        for number, name in enumerate("abcd"):
            damaged.rotate(90 * number).save(folder / f"{name}.png")
        damaged.crop((0, 0, 32, 24)).save(folder / "small.png")
    (folder / "none.png").write_bytes(b"no image")
    hole = np.zeros((32, 32), np.uint8)
    hole[8:12, 20:23] = hole[20:24, 9:11] = 255
    masks = scene.folder / "masks"
    masks.mkdir()
    for path in folder.iterdir():
        Image.fromarray(hole[:24] if path.stem == "small" else hole).save(masks / path.name)
    return scene.folder


def counted(monkeypatch, module, name, most=10**9):
    """Record the batch sizes with which a function is called that has memory for so many images."""
    function, counts = getattr(module, name), []

    def counting(batch, *rest, **settings):
        counts.append(len(batch))
        if len(batch) > most:
            raise FULL
        return function(batch, *rest, **settings)

    monkeypatch.setattr(module, name, counting)
    return counts


def folder_of(images, command, *more):
    masks = ("--mask", images / "masks") if command == "inpaint" else ()
    return [command, images / "in", *masks, "-o", images / "out", "--jobs", "1", "--json", *more]


def files(images, name):
    return {path.name: np.asarray(Image.open(path)).astype(int) for path in (images / name).iterdir()}


@pytest.mark.parametrize(("command", "quick"), [("inpaint", QUICK), ("denoise", ())])
def test_a_batch_and_single_images_have_the_same_results(
    run, monkeypatch, images, batches_on_cpu, command, quick
):
    module, name = (restore, "_restored_batch") if command == "inpaint" else (denoising, "denoise_each")
    counts = counted(monkeypatch, module, name)
    result = run(*folder_of(images, command, *quick))
    assert sorted(counts) == [1, 4]
    assert result.exit_code == 1
    assert "none.png is not an image of a known kind" in result.stderr
    batched = {Path(of["input"]).name: of for of in map(json.loads, result.stdout.splitlines())}
    outputs = files(images, "out")
    assert len(outputs) == 5

    monkeypatch.setattr(batch, "takes_several", lambda device: False)
    counts.clear()
    single = run(*folder_of(images, command, *quick, "--overwrite"))
    assert set(counts) == {1}
    for record in map(json.loads, single.stdout.splitlines()):
        other = batched[Path(record["input"]).name]
        assert other.keys() == record.keys()
        for key in ("status", "iterations", "stop", "settings", "exit_code", "error", "missing_fraction"):
            assert other.get(key) == record.get(key), key
    for path, pixels in files(images, "out").items():
        assert np.abs(outputs[path] - pixels).max() <= 1


def test_a_report_has_the_curves_of_each_image(run, images, batches_on_cpu):
    run(*folder_of(images, "inpaint", *QUICK, "--report", images / "page.html"))
    page = (images / "page.html").read_text()
    assert page.count("<svg") >= 5


def test_a_gpu_with_memory_for_two_images_takes_two_with_a_warning(run, monkeypatch, images, batches_on_cpu):
    counts = counted(monkeypatch, restore, "_restored_batch", most=2)
    result = run(*folder_of(images, "inpaint", *QUICK))
    assert sorted(counts) == [1, 2, 2, 4]
    warning = "edlrr: warning: 4 images: GPU memory is too small for a batch of 4 images; the batch size is"
    assert warning in result.stderr
    assert len(files(images, "out")) == 5


def test_a_gpu_with_memory_for_no_image_leaves_them_to_the_cpu(run, monkeypatch, images, batches_on_cpu):
    whole = restore._restored_batch
    asked = []

    def full(of, config, denoiser):
        asked.append((len(of), config.device))
        if config.device != "cpu":
            raise FULL
        return whole(of, config, denoiser)

    monkeypatch.setattr(restore, "_restored_batch", full)
    result = run(*folder_of(images, "inpaint", *QUICK))
    assert len(files(images, "out")) == 5
    assert [of for of in asked if of[0] > 1] == [(4, "auto"), (2, "auto")]
    assert asked.count((1, "cpu")) == 5
    assert result.stderr.count("which is computed on the CPU instead") == 5


def test_two_processes_compute_batches(run, monkeypatch, images, batches_on_cpu):
    result = run(*folder_of(images, "inpaint", *QUICK, "--jobs", "2"))
    assert result.stdout.count('"status": "ok"') == 5
    assert len(files(images, "out")) == 5
