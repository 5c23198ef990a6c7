"""A GPU whose memory is too small: the CPU takes over."""

from __future__ import annotations

import json

import pytest
import torch

from edlrr_cli.tasks.denoise import run as denoising
from edlrr_cli.tasks.inpaint import baseline, restore

FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
WARNING = (
    "edlrr: warning: the memory of the GPU is too small for this, which is computed on the CPU instead\n"
)


def full_gpu(monkeypatch, module, name):
    """Let a computation fail on a GPU."""
    computed = getattr(module, name)

    def compute(*arguments, **settings):
        if "cuda" in [settings.get("device"), *(getattr(each, "device", None) for each in arguments)]:
            raise FULL
        return computed(*arguments, **settings)

    monkeypatch.setattr(module, name, compute)


@pytest.mark.parametrize(
    ("module", "name", "arguments"),
    [
        (restore, "restore", ("--prior", "global")),
        (baseline, "inpaint_by_baseline", ("--method", "tv")),
    ],
)
def test_inpaint_continues_on_the_cpu(run, scene, monkeypatch, module, name, arguments):
    full_gpu(monkeypatch, module, name)
    steps = ("--steps", "5") if name == "restore" else ()
    given = ["inpaint", scene.damaged, "--mask", scene.mask, "--device", "cuda", *arguments, *steps, "--json"]
    result = run(*given)
    record = json.loads(result.stdout)
    assert (record["device"], record["settings"]["device"]) == ("cpu", "cuda")
    assert result.stderr.endswith(WARNING)
    assert scene.restored.exists()
    assert run(*given, "-q", "--overwrite").stderr == ""


def test_denoise_continues_on_the_cpu_in_a_batch_too(run, scene, monkeypatch):
    full_gpu(monkeypatch, denoising, "denoise")
    monkeypatch.setattr("edlrr_cli.pipelines.batch.takes_several", lambda device: False)
    given = ("--device", "cuda", "--method", "lrr", "--sigma", "5", "--jobs", "1", "-o", scene.folder / "out")
    result = run("denoise", scene.clean, scene.damaged, *given)
    assert result.exit_code == 0
    assert result.stdout.count(" s on cpu") == 2
    assert f"edlrr: warning: {scene.clean}: the memory of the GPU is too small" in result.stderr
