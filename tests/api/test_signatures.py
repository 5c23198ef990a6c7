"""What an editor and a type checker see of the library."""

from __future__ import annotations

import dataclasses
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import edlrr_cli
from edlrr_cli.tasks.denoise.config import Config as Denoising
from edlrr_cli.tasks.inpaint.config import Config as Inpainting

ROOT = Path(__file__).parents[2]

SCRIPT = """
import numpy as np
import torch
from typing_extensions import assert_type
from edlrr_cli import LowRankRegularizer, denoise, inpaint, inpaint_lowrank, lowrank_penalty, separate
image, hole = np.zeros((8, 8), np.uint8), np.zeros((8, 8), np.bool_)
tensor = torch.nn.Parameter(torch.zeros(8, 8))
restored = inpaint(image, hole, noise="auto", device=torch.device("cpu"))
restored.astype(np.float32).sum()
assert_type(inpaint(tensor, torch.zeros(8, 8, dtype=torch.bool), prior="local", lam=0.5), torch.Tensor)
assert_type(denoise(tensor, sigma="auto", method="lrr"), torch.Tensor)
denoise(image, sigma=0.1, device="cpu").astype(np.float32)
inpaint_lowrank(np.zeros((8, 8, 3)), hole, channel_axis=-1, steps=5).mean()
background, foreground, mask = next(separate(iter([image, image]), ignore=hole, window=2))
background.mean() + foreground.mean() + mask.mean()
separate("clip.mp4", "out", ignore="zones.json", objects=True)["frames"]
(LowRankRegularizer("nuclear")(tensor).sum() + lowrank_penalty(tensor, "nuclear")).backward()
"""

WRONG = {
    "denoise(image, sigmas=1)": "call-arg",
    "denoise(image, sigma='atuo')": "arg-type",
    "inpaint(image, hole, steps='many')": "arg-type",
    "inpaint(image, torch.zeros(8, 8))": "type-var",
    "separate(image, codec='h264')": "call-overload",
    "from edlrr_cli import inpant": "attr-defined",
}


@pytest.mark.parametrize(
    ("function", "config", "own"),
    [
        (edlrr_cli.inpaint, Inpainting, ("image", "mask")),
        (edlrr_cli.inpaint_lowrank, Inpainting, ("image", "mask", "channel_axis")),
        (edlrr_cli.denoise, Denoising, ("image",)),
    ],
)
def test_the_parameters_are_the_settings(function, config, own):
    parameters = inspect.signature(function).parameters
    settings = {name: one for name, one in parameters.items() if name not in own}
    assert tuple(parameters)[: len(own)] == own
    assert [(name, one.default) for name, one in settings.items()] == [
        (field.name, field.default) for field in dataclasses.fields(config)
    ]
    assert {one.kind for one in settings.values()} == {inspect.Parameter.KEYWORD_ONLY}
    for name in parameters:
        assert f"{name}:" in function.__doc__ or f"{name}," in function.__doc__, name


def test_every_setting_arrives(monkeypatch):
    import numpy as np

    from edlrr_cli.api import denoising, inpainting

    given = {"prior": "local", "quality": "best", "reg": "nuclear", "fill": "mean", "backend": "gram"}
    given |= {"noise": 0.25, "center": False, "device": "cpu", "held_out": 0.25, "time_budget": 9.0}
    given |= {"gamma": 2.0, "scale": 3.0, "lam": 4.0, "steps": 5, "lr": 6.0, "refresh": 7, "whiten": 8.0}
    given |= {"probes": 10, "seed": 11}
    seen = []
    monkeypatch.setattr(
        inpainting, "restored_alike", lambda restore, image, mask: seen.append(restore) or image
    )
    monkeypatch.setattr(denoising, "restored_alike", lambda restore, image: seen.append(restore) or image)
    image, hole = np.zeros((8, 8)), np.eye(8, dtype=bool)
    edlrr_cli.inpaint(image, hole, **given)
    edlrr_cli.inpaint_lowrank(image, hole, **given)
    assert [restore.args[0] for restore in seen] == 2 * [Inpainting(**given)]
    given = {"method": "lrr", "sigma": 0.5, "strength": 2.0, "reg": "nuclear", "gamma": 3.0, "device": "cpu"}
    edlrr_cli.denoise(image, **given)
    assert seen[-1].args[0] == Denoising(**given)


def test_the_package_says_that_it_is_typed():
    assert (Path(edlrr_cli.__file__).parent / "py.typed").is_file()


def test_a_users_script_is_checked_strictly(tmp_path):
    right, wrong = tmp_path / "right.py", tmp_path / "wrong.py"
    right.write_text(SCRIPT)
    wrong.write_text(SCRIPT + "\n".join(WRONG))
    # The options and the cache are those of the project's own check, without which this takes a while.
    cached = ["--config-file", ROOT / "pyproject.toml", "--cache-dir", ROOT / ".mypy_cache"]
    command = [sys.executable, "-m", "mypy", *cached, "--show-error-codes", "--no-pretty"]
    checked = [
        subprocess.run([*command, path], cwd=ROOT, capture_output=True, text=True) for path in (right, wrong)
    ]
    assert checked[0].returncode == 0, checked[0].stdout
    lines = checked[1].stdout.splitlines()
    codes = [line.rpartition("[")[2].rstrip("]") for line in lines if ": error:" in line]
    assert codes == list(WRONG.values()), checked[1].stdout
