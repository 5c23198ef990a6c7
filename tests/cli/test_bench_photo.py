"""``edlrr bench photo`` end to end."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from edlrr_cli.bench import photo
from edlrr_cli.errors import EXIT_INPUT


@pytest.mark.parametrize(
    ("more", "name", "sources"), [([], "photo", photo.CAMERAS), (["--white"], "photo_white", photo.WHITE)]
)
def test_photographs_are_denoised_by_all_methods(run, tmp_path, more, name, sources):
    shades = np.random.default_rng(0).integers(60, 200, (3, 4, 3), dtype=np.uint8)
    (tmp_path / "data").mkdir()
    Image.fromarray(shades).resize((48, 40), Image.Resampling.BICUBIC).save(tmp_path / "data" / "a.png")
    output = tmp_path / f"{name}.json"
    result = run("bench", "photo", "--data", tmp_path / "data", *more, "--device", "cpu", "-o", output)
    assert result.exit_code == 0, result.stderr
    record = json.loads(output.read_text())
    assert set(record["parameters"]["cameras"]) == set(photo.CAMERAS)
    assert {row["camera"] for row in record["rows"]} == set(sources)
    assert {"noisy", "edlrr", "edlrr:white", "edlrr:gray", "nlm"} <= {row["method"] for row in record["rows"]}
    page = tmp_path / "page.md"
    page.write_text(f"<!-- bench:{name} -->\n<!-- /bench:{name} -->\n")
    assert run("bench", "report", output, "--into", page).exit_code == 0
    assert "mean gain" in page.read_text()


def test_a_folder_without_images_is_refused(run, tmp_path):
    (tmp_path / "empty").mkdir()
    result = run("bench", "photo", "--data", tmp_path / "empty", "-o", tmp_path / "photo.json")
    assert result.exit_code == EXIT_INPUT
