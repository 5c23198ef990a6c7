"""``edlrr bench bgsep``: a tiny sequence, from the folder to the tables."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from edlrr_cli.bench import bgsep
from edlrr_cli.bench.record import KEYS

SIDE_PX, NUM_FRAMES = 40, 10


@pytest.fixture
def data(tmp_path):
    """A folder with one sequence, a square that moves; the range leaves two frames out."""
    folder = tmp_path / "data" / "square"
    for part in ("input", "groundtruth"):
        (folder / part).mkdir(parents=True)
    for number in range(NUM_FRAMES):
        frame, mask = np.full((SIDE_PX, SIDE_PX, 3), 90, np.uint8), np.zeros((SIDE_PX, SIDE_PX), np.uint8)
        place = (slice(10, 20), slice(3 * number, 3 * number + 10))
        frame[place], mask[place] = 220, 255
        Image.fromarray(frame).save(folder / "input" / f"in{number + 1:06d}.png")
        Image.fromarray(mask).save(folder / "groundtruth" / f"gt{number + 1:06d}.png")
    (folder / "temporalROI.txt").write_text(f"3 {NUM_FRAMES}")
    return folder.parent


def test_from_sequences_to_tables(run, data, tmp_path):
    target, readme = tmp_path / "bgsep.json", tmp_path / "README.md"
    arguments = ["--data", data, "--methods", "median,lrr", "--frames", "5", "--no-memory", "--device", "cpu"]
    result = run("bench", "bgsep", *arguments, "-o", target)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{target}: 4 rows\n"
    record = json.loads(target.read_text(), parse_constant=pytest.fail)
    assert tuple(record) == KEYS
    assert record["command"].startswith("edlrr bench bgsep --data")
    assert record["parameters"]["sequences"]["square"]["scored"] == [2, 4, 6, 7, 9]
    cases = {row["method"]: row for row in record["rows"] if row["kind"] == "case"}
    assert list(cases) == ["median", "lrr"]
    assert all(row["f_measure"] > 0.8 and row["num_frames"] == NUM_FRAMES for row in cases.values())
    readme.write_text("<!-- bench:bgsep -->\n<!-- /bench:bgsep -->\n")
    assert run("bench", "report", target, "--into", readme).exit_code == 0
    assert "| median | " in readme.read_text()
    assert "Background of" not in readme.read_text()
    assert run("bench", "report", target).stdout.count("Made by") == 2


def test_a_failure_is_reported_by_the_exit_code(run, data, tmp_path):
    (data / "square" / "input" / "in000005.png").write_bytes(b"")
    target = tmp_path / "a.json"
    result = run("bench", "bgsep", "--data", data, "--methods", "median", "--no-memory", "-o", target)
    assert result.exit_code == 1
    assert "1 cases failed; " in result.stderr
    case, mean = json.loads(target.read_text())["rows"]
    assert "in000005.png" in case["error"]
    assert mean["num_failed"] == 1


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--methods", "medain"], 2, "did you mean 'median'?"),
        (["--sequences", "sqare"], 2, "did you mean 'square'?"),
        (["--device", "tpu"], 5, "unknown device 'tpu'"),
        (["--frames", "1"], 2, "1 is not in the range"),
    ],
)
def test_refusals(refused, data, tmp_path, arguments, code, said):
    target = tmp_path / "a.json"
    assert said in refused(code, "bench", "bgsep", "--data", data, *arguments, "-o", target)
    assert not target.exists()


def test_a_folder_without_sequences(refused, tmp_path):
    target = tmp_path / "a.json"
    assert "no NAME/input in it" in refused(3, "bench", "bgsep", "--data", tmp_path, "-o", target)


def test_one_sequence_is_left_out(run, refused, data, tmp_path, monkeypatch):
    monkeypatch.setattr(bgsep, "VARIANTS", dict(list(bgsep.VARIANTS.items())[:1]))
    target, page = tmp_path / "bgsep_left_out.json", tmp_path / "page.md"
    arguments = ["--leave-one-out", "--frames", "3", "--device", "cpu", "-o", target]
    assert "needs two or more" in refused(2, "bench", "bgsep", "--data", data, *arguments)
    shutil.copytree(data / "square", data / "again")
    result = run("bench", "bgsep", "--data", data, *arguments)
    assert result.exit_code == 0, result.stderr
    rows = json.loads(target.read_text())["rows"]
    assert [row["sequence"] for row in rows if row["kind"] == "left_out"] == ["again", "square"]
    page.write_text("<!-- bench:bgsep_left_out -->\n<!-- /bench:bgsep_left_out -->\n")
    assert run("bench", "report", target, "--into", page).exit_code == 0
    assert "| square | lrr | " in page.read_text()
    assert "| lrr:levels=1 | " in page.read_text()
