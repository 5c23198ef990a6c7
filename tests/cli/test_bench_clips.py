"""``edlrr bench clips``: a tiny sequence, from the frames to the table; delogo by its definition."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from edlrr_cli.bench.delogo import delogo
from edlrr_cli.bench.record import KEYS


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data" / "wall" / "input"
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    wall = generator.integers(40, 200, (40, 50, 3))
    for number in range(8):
        noisy = wall + generator.integers(-3, 4, wall.shape)
        Image.fromarray(noisy.astype(np.uint8)).save(folder / f"{number}.png")
    return folder.parent.parent


def test_from_frames_to_the_table(run, data, tmp_path):
    target, page = tmp_path / "clips.json", tmp_path / "page.md"
    arguments = ("--data", data, "--methods", "lrr,delogo", "--scored", "1", "--device", "cpu")
    result = run("bench", "clips", *arguments, "-o", target)
    assert result.exit_code == 0, result.stderr
    record = json.loads(target.read_text(), parse_constant=pytest.fail)
    assert tuple(record) == KEYS
    rows = {(row["hole"], row["method"]): row for row in record["rows"]}
    assert set(rows) == {(hole, method) for hole in ("logo", "box") for method in ("lrr", "delogo")}
    # The box moves over a wall that stands still: other frames show all of it.
    assert rows["box", "lrr"]["psnr"] > rows["box", "delogo"]["psnr"] + 10
    page.write_text("<!-- bench:clips -->\n<!-- /bench:clips -->\n")
    assert run("bench", "report", target, "--into", page).exit_code == 0
    assert "| wall, box |" in page.read_text()
    assert "| CPU s/frame |" in page.read_text()
    assert 0 < rows["box", "lrr"]["cpu_seconds"] < 60


def test_delogo_continues_a_ramp_and_keeps_the_rest():
    ramp = np.tile(np.arange(30.0)[:, None, None], (1, 20, 1)) + 2 * np.arange(20.0)[None, :, None]
    hole = np.zeros((30, 20), dtype=bool)
    hole[8:15, 5:14] = True
    damaged = np.where(hole[..., None], 255.0, ramp)
    np.testing.assert_allclose(delogo(damaged, hole), ramp, atol=0.5)
    kept = ~hole
    np.testing.assert_array_equal(delogo(damaged, hole)[kept], ramp[kept])
