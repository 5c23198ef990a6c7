"""``edlrr bench denoise`` end to end, with networks of a moment."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from edlrr_cli.bench import denoise_networks, denoise_training
from edlrr_cli.errors import EXIT_INPUT, EXIT_USAGE


@pytest.fixture
def data(tmp_path, monkeypatch):
    recipe = dataclasses.replace(
        denoise_networks.RECIPES["cpu"], depth=3, width=2, steps=2, batch=2, levels=(15, 25)
    )
    monkeypatch.setitem(denoise_networks.RECIPES, "cpu", recipe)
    home = tmp_path / "data"
    generator = np.random.default_rng(0)
    for name, count in (("Train400", 11), ("Set12", 2), ("BSD68", 5)):
        (home / name).mkdir(parents=True)
        for index in range(count):
            levels = generator.integers(0, 256, (6, 6), dtype=np.uint8)
            Image.fromarray(levels).resize((48, 48)).save(home / name / f"{index}.png")
    return home


def test_networks_are_trained_once_and_everything_is_scored(run, data, tmp_path):
    arguments = ["bench", "denoise", "--data", data, "--models", tmp_path / "nets", "--seeds", "2"]
    arguments += ["--device", "cpu"]
    first = run(*arguments, "-o", tmp_path / "a.json", "--figure", tmp_path / "f.png")
    assert first.exit_code == 0, first.stderr
    record = json.loads((tmp_path / "a.json").read_text())
    kinds = {
        kind: [row for row in record["rows"] if row["kind"] == kind] for kind in ("score", "trial", "verdict")
    }
    methods = {row["method"] for row in kinds["score"]}
    trained = denoise_networks.RECIPES["cpu"].trained_at
    assert {*trained, "noisy", "tv", "nlm", "wavelet", "lrr-groups", "rescaled"} <= methods
    assert {row["set"] for row in kinds["score"]} == {"Set12", "BSD68"}
    assert {(row["trained_at"], row["level"]) for row in kinds["verdict"]} == {
        (trained_at, level) for trained_at in (15, 25, 50) for level in (15, 25)
    }
    assert sum(row["chosen"] for row in kinds["trial"]) == 5  # lrr at three levels, two variants at one
    assert (tmp_path / "f.png").exists()
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "nets").iterdir()}
    assert run(*arguments, "-o", tmp_path / "b.json").exit_code == 0
    assert times == {path: path.stat().st_mtime_ns for path in (tmp_path / "nets").iterdir()}
    again = [row for row in json.loads((tmp_path / "b.json").read_text())["rows"] if row["kind"] == "score"]
    assert again == kinds["score"]


def test_patches_beside_the_image_on_shipped_photographs(run, tmp_path, monkeypatch):
    recipe = dataclasses.replace(
        denoise_networks.RECIPES["patches"], depth=3, width=2, steps=2, batch=2, levels=(25,)
    )
    monkeypatch.setitem(denoise_networks.RECIPES, "patches", recipe)
    monkeypatch.setattr(denoise_networks, "GRIDS", {kind: (0.1,) for kind in ("lrr", "windows", "groups")})
    monkeypatch.setattr(denoise_training, "GRIDS", denoise_networks.GRIDS)
    arguments = ["--models", tmp_path / "nets", "--recipe", "patches", "--seeds", "1", "--device", "cpu"]
    result = run("bench", "denoise", *arguments, "-o", tmp_path / "a.json")
    assert result.exit_code == 0, result.stderr
    rows = json.loads((tmp_path / "a.json").read_text())["rows"]
    assert {row["network"] for row in rows if row["kind"] == "verdict"} == {"lrr", "windows", "groups"}
    scores = [row for row in rows if row["kind"] == "score"]
    assert {row["set"] for row in scores} == {"scikit-image"}
    assert {row["method"] for row in scores} >= {"noisy", "plain", "lrr", "windows", "groups"}
    assert not [row for row in rows if row["kind"] == "time"]


def test_networks_of_another_recipe_are_not_taken_for_these(run, refused, data, tmp_path, monkeypatch):
    arguments = ["bench", "denoise", "--data", data, "--models", tmp_path / "nets", "--seeds", "1"]
    assert run(*arguments, "-o", tmp_path / "a.json").exit_code == 0
    longer = dataclasses.replace(denoise_networks.RECIPES["cpu"], steps=3)
    monkeypatch.setitem(denoise_networks.RECIPES, "cpu", longer)
    reported = refused(EXIT_INPUT, *arguments, "-o", tmp_path / "b.json")
    assert "was trained for 2 steps, not 3" in reported


def test_missing_data_and_unknown_recipes_are_refused(refused, data, tmp_path):
    arguments = ["bench", "denoise", "--models", tmp_path / "nets", "-o", tmp_path / "a.json"]
    assert "Set12 is not a folder" in refused(EXIT_INPUT, *arguments, "--data", tmp_path)
    reported = refused(EXIT_USAGE, *arguments, "--data", data, "--recipe", "papr")
    assert "did you mean 'paper'" in reported
