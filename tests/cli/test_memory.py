"""A GPU whose memory is too small: the CPU takes over."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from edlrr_cli.cli.memory import or_on_cpu
from edlrr_cli.tasks.denoise import run as denoising
from edlrr_cli.tasks.inpaint import compared, restore
from edlrr_cli.tasks.inpaint.config import Config

FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
TOLD = "edlrr: warning: the memory of the GPU is too small for this, which is computed on the CPU instead\n"


def full_gpu(monkeypatch, module, name):
    """Let a computation fail on a GPU."""
    computed = getattr(module, name)

    def compute(*arguments, **settings):
        if "cuda" in [settings.get("device"), *(getattr(of, "device", None) for of in arguments)]:
            raise FULL
        return computed(*arguments, **settings)

    monkeypatch.setattr(module, name, compute)


@pytest.mark.parametrize(
    ("module", "name", "arguments"),
    [
        (restore, "restore", ("--prior", "global")),
        (compared, "inpaint_by", ("--method", "tv")),
    ],
)
def test_inpaint_goes_on_on_the_cpu(run, scene, monkeypatch, module, name, arguments):
    full_gpu(monkeypatch, module, name)
    steps = ("--steps", "5") if name == "restore" else ()
    given = ["inpaint", scene.damaged, "--mask", scene.mask, "--device", "cuda", *arguments, *steps, "--json"]
    result = run(*given)
    record = json.loads(result.stdout)
    assert (record["device"], record["settings"]["device"]) == ("cpu", "cuda")
    assert result.stderr.endswith(TOLD)
    assert scene.restored.exists()
    assert run(*given, "-q", "--overwrite").stderr == ""


def test_denoise_goes_on_on_the_cpu_in_a_batch_too(run, scene, monkeypatch):
    full_gpu(monkeypatch, denoising, "denoise")
    monkeypatch.setattr("edlrr_cli.cli.batch.run.takes_several", lambda device: False)
    given = ("--device", "cuda", "--method", "lrr", "--sigma", "5", "--jobs", "1", "-o", scene.folder / "out")
    result = run("denoise", scene.clean, scene.damaged, *given)
    assert result.exit_code == 0
    assert result.stdout.count(" s on cpu") == 2
    assert f"edlrr: warning: {scene.clean}: the memory of the GPU is too small" in result.stderr


def test_other_faults_stay_faults():
    def compute(config):
        raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        or_on_cpu(compute, Config())


def test_what_the_driver_says_is_understood_and_the_cpu_is_asked_once():
    asked = []

    def compute(config):
        asked.append(config.device)
        raise RuntimeError("CUDA error: out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        or_on_cpu(compute, replace(Config(), device="cuda"))
    assert asked == ["cuda", "cpu"]
