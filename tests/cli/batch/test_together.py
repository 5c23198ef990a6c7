"""Inputs that are computed at once, as on a GPU: stages, groups, and what a bad one does to the others."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from edlrr_cli.errors import InputError
from edlrr_cli.pipelines import batch as batch_run
from edlrr_cli.pipelines.batch import BatchOptions, run_batch
from edlrr_cli.pipelines.job import Job, attempt_group
from edlrr_cli.tasks import memory
from edlrr_cli.tasks.denoise import run as denoising
from edlrr_cli.tasks.inpaint import restore

QUICK = ("--quality", "fast", "--steps", "10")
FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
COMPUTED: list[list[str]] = []


@dataclass(frozen=True, kw_only=True)
class Words(Job[str, str]):
    """A job on a word, which says what goes wrong."""

    @property
    def word(self):
        return str(self.input)

    def read(self, monitor):
        if "unreadable" in self.word:
            raise InputError("cannot be read")
        return self.word.upper()

    def group(self, inputs):
        return None if "large" in self.word else self.word[0]

    def compute_each(self, jobs, inputs):
        words = [job.word for job in jobs]
        COMPUTED.append(words)
        if any("killer" in word for word in words):
            os._exit(1)
        if any("bad" in word for word in words):
            raise ValueError("one is bad")
        return [each + "!" for each in inputs]

    def compute(self, inputs, monitor):
        COMPUTED.append([self.word])
        if "killer" in self.word:
            os._exit(1)
        if "bad" in self.word:
            raise InputError("is bad")
        return inputs + "?"

    def write(self, inputs, result, monitor):
        if "unwritable" in self.word:
            raise InputError("cannot be written")
        return {"status": "ok", "input": self.word, "result": result}


def jobs(*words):
    COMPUTED.clear()
    return [Words(input=Path(word), output=Path("out")) for word in words]


def results(records):
    return [record.get("result") or record["error"] for record in records]


def test_what_is_alike_is_computed_at_once_and_told_in_order():
    records = attempt_group(jobs("a1", "b1", "a2", "large", "b2", "c1"))
    assert results(records) == ["A1!", "B1!", "A2!", "LARGE?", "B2!", "C1?"]
    assert COMPUTED == [["large"], ["a1", "a2"], ["b1", "b2"], ["c1"]]


def test_a_fault_is_of_one():
    records = attempt_group(jobs("a1", "a unreadable", "a2", "a unwritable"))
    told = ["A1!", "a unreadable: cannot be read", "A2!", "a unwritable: cannot be written"]
    assert results(records) == told
    assert [record.get("exit_code") for record in records] == [None, 3, None, 3]


def test_where_one_of_many_fails_each_is_computed_by_itself():
    assert results(attempt_group(jobs("a1", "a bad", "a2"))) == ["A1?", "a bad: is bad", "A2?"]
    assert COMPUTED == [["a1", "a bad", "a2"], ["a1"], ["a bad"], ["a2"]]


def test_a_process_that_dies_takes_one_with_it(as_on_a_gpu):
    words = jobs("a1", "a killer", "a2", "a3", "a4", "a5")
    records = run_batch(words, BatchOptions(jobs=2), device="cpu", notify=print)
    told = {record["input"]: record.get("result") for record in records}
    # The other group is whole; of the broken one each was begun again by itself.
    assert told == {"a1": "A1?", "a killer": None, "a2": "A2?", "a3": "A3!", "a4": "A4!", "a5": "A5!"}


@pytest.fixture
def as_on_a_gpu(monkeypatch):
    """Let this CPU take several pictures at once."""
    monkeypatch.setattr(batch_run, "takes_several", lambda device: True)
    monkeypatch.setitem(memory._AT_ONCE_PX, "cpu", 1e6)


@pytest.fixture
def pictures(scene):
    """Four pictures of one size, one of another, one that is none, and masks for them."""
    folder = scene.folder / "in"
    folder.mkdir()
    with Image.open(scene.damaged) as damaged:
        for number, name in enumerate("abcd"):
            damaged.rotate(90 * number).save(folder / f"{name}.png")
        damaged.crop((0, 0, 32, 24)).save(folder / "small.png")
    (folder / "none.png").write_bytes(b"no picture")
    hole = np.zeros((32, 32), np.uint8)
    hole[8:12, 20:23] = hole[20:24, 9:11] = 255
    masks = scene.folder / "masks"
    masks.mkdir()
    for path in folder.iterdir():
        Image.fromarray(hole[:24] if path.stem == "small" else hole).save(masks / path.name)
    return scene.folder


def counted(monkeypatch, module, name, most=10**9):
    """Count of how many pictures a function is called, which has memory for so many."""
    function, counts = getattr(module, name), []

    def counting(pictures, *rest, **settings):
        counts.append(len(pictures))
        if len(pictures) > most:
            raise FULL
        return function(pictures, *rest, **settings)

    monkeypatch.setattr(module, name, counting)
    return counts


def folder_of(pictures, command, *more):
    masks = ("--mask", pictures / "masks") if command == "inpaint" else ()
    return [command, pictures / "in", *masks, "-o", pictures / "out", "--jobs", "1", "--json", *more]


def files(pictures, name):
    return {path.name: np.asarray(Image.open(path)).astype(int) for path in (pictures / name).iterdir()}


@pytest.mark.parametrize(("command", "quick"), [("inpaint", QUICK), ("denoise", ())])
def test_a_batch_comes_to_what_single_commands_come_to(
    run, monkeypatch, pictures, as_on_a_gpu, command, quick
):
    module, name = (restore, "_restored_batch") if command == "inpaint" else (denoising, "denoise_each")
    counts = counted(monkeypatch, module, name)
    result = run(*folder_of(pictures, command, *quick))
    assert sorted(counts) == [1, 4]
    assert result.exit_code == 1
    assert "none.png is not an image of a known kind" in result.stderr
    together = {Path(of["input"]).name: of for of in map(json.loads, result.stdout.splitlines())}
    outputs = files(pictures, "out")
    assert len(outputs) == 5

    monkeypatch.setattr(batch_run, "takes_several", lambda device: False)
    counts.clear()
    alone = run(*folder_of(pictures, command, *quick, "--overwrite"))
    assert set(counts) == {1}
    for record in map(json.loads, alone.stdout.splitlines()):
        other = together[Path(record["input"]).name]
        assert other.keys() == record.keys()
        for key in ("status", "iterations", "stop", "settings", "exit_code", "error", "missing_fraction"):
            assert other.get(key) == record.get(key), key
    for path, pixels in files(pictures, "out").items():
        assert np.abs(outputs[path] - pixels).max() <= 1


def test_a_page_has_the_curves_of_each(run, pictures, as_on_a_gpu):
    run(*folder_of(pictures, "inpaint", *QUICK, "--report", pictures / "page.html"))
    page = (pictures / "page.html").read_text()
    assert page.count("<svg") >= 5


def test_a_gpu_with_room_for_two_takes_two_and_says_so(run, monkeypatch, pictures, as_on_a_gpu):
    counts = counted(monkeypatch, restore, "_restored_batch", most=2)
    result = run(*folder_of(pictures, "inpaint", *QUICK))
    assert sorted(counts) == [1, 2, 2, 4]
    warning = "edlrr: warning: 4 images: GPU memory is too small for a batch of 4 images; the batch size is"
    assert warning in result.stderr
    assert len(files(pictures, "out")) == 5


def test_a_gpu_with_room_for_none_leaves_them_to_the_cpu(run, monkeypatch, pictures, as_on_a_gpu):
    whole = restore._restored_batch
    asked = []

    def full(of, config, denoiser):
        asked.append((len(of), config.device))
        if config.device != "cpu":
            raise FULL
        return whole(of, config, denoiser)

    monkeypatch.setattr(restore, "_restored_batch", full)
    result = run(*folder_of(pictures, "inpaint", *QUICK))
    assert len(files(pictures, "out")) == 5
    assert [of for of in asked if of[0] > 1] == [(4, "auto"), (2, "auto")]
    assert asked.count((1, "cpu")) == 5
    assert result.stderr.count("which is computed on the CPU instead") == 5


def test_groups_in_two_processes(run, monkeypatch, pictures, as_on_a_gpu):
    result = run(*folder_of(pictures, "inpaint", *QUICK, "--jobs", "2"))
    assert result.stdout.count('"status": "ok"') == 5
    assert len(files(pictures, "out")) == 5
