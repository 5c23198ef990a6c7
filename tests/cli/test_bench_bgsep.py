"""``edlrr bench bgsep``: a tiny sequence, from the folder to the tables."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from edlrr_cli.bench import bgsep, bgsep_memory
from edlrr_cli.bench.record import KEYS
from edlrr_cli.cli.bench import common
from edlrr_cli.errors import EXIT_INTERRUPTED

SIDE_PX, NUM_FRAMES = 40, 10


@pytest.fixture
def data(tmp_path):
    """A folder with one sequence, a square that moves; the range leaves two frames out."""
    folder = tmp_path / "data" / "square"
    for part in ("input", "groundtruth"):
        (folder / part).mkdir(parents=True)
    for number in range(NUM_FRAMES):
        frame, mask = np.full((SIDE_PX, SIDE_PX, 3), 90, np.uint8), np.zeros((SIDE_PX, SIDE_PX), np.uint8)
        position = (slice(10, 20), slice(3 * number, 3 * number + 10))
        frame[position], mask[position] = 220, 255
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
    ("arguments", "code", "message"),
    [
        (["--methods", "medain"], 2, "did you mean 'median'?"),
        (["--sequences", "sqare"], 2, "did you mean 'square'?"),
        (["--device", "tpu"], 5, "unknown device 'tpu'"),
        (["--frames", "1"], 2, "1 is not in the range"),
    ],
)
def test_refusals(refused, data, tmp_path, arguments, code, message):
    target = tmp_path / "a.json"
    assert message in refused(code, "bench", "bgsep", "--data", data, *arguments, "-o", target)
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


def test_it_goes_on_where_it_was_stopped(run, refused, data, tmp_path, monkeypatch):
    target = tmp_path / "bgsep.json"
    arguments = ["bench", "bgsep", "--data", data, "--frames", "3", "--device", "cpu", "-o", target]
    monkeypatch.setattr(bgsep_memory, "fresh_process_peak_bytes", lambda prepare, arguments, *, whole: 7)
    assert run(*arguments, "--methods", "median", "--no-memory").exit_code == 0
    first = json.loads(target.read_text())["rows"][0]

    def stop(case):
        raise KeyboardInterrupt

    monkeypatch.setattr(bgsep_memory, "run_case", stop)  # after the second method
    assert run(*arguments, "--methods", "median,lrr").exit_code == EXIT_INTERRUPTED
    monkeypatch.undo()
    monkeypatch.setattr(bgsep_memory, "fresh_process_peak_bytes", lambda prepare, arguments, *, whole: 7)
    kept = [row["method"] for row in json.loads(target.read_text())["rows"] if row["kind"] == "case"]
    assert kept == ["median", "lrr"]
    computed = []
    original = bgsep.run
    monkeypatch.setattr(bgsep, "run", lambda cases: original(computed.extend(cases) or cases))
    result = run(*arguments, "--methods", "median,lrr")
    assert (result.exit_code, computed) == (0, []), result.stderr
    rows = json.loads(target.read_text())["rows"]
    assert rows[0] == first  # its seconds too
    assert [row["kind"] for row in rows] == ["case", "case", "memory", "memory", "mean", "mean"]
    before = target.read_bytes()
    line = refused(4, *arguments, "--methods", "median")
    assert "cases that are not asked for now" in line
    line = refused(4, *arguments, "--methods", "median,lrr", "--frames", "4")
    assert "was made with another num_scored; name another file, or --overwrite it" in line
    (data / "square" / "temporalROI.txt").write_text("4 9")
    assert "made with another sequence square" in refused(4, *arguments, "--methods", "median,lrr")
    assert target.read_bytes() == before
    assert run(*arguments, "--methods", "median", "--no-memory", "--overwrite").exit_code == 0


def test_progress_without_a_terminal(run, data, tmp_path, monkeypatch):
    monkeypatch.setattr(common, "_LINE_EVERY_S", 0.0)
    arguments = ["--methods", "median", "--frames", "3", "--no-memory", "--device", "cpu"]
    result = run("bench", "bgsep", "--data", data, *arguments, "-o", tmp_path / "a.json")
    assert result.stderr == "1 of 1, 00:00 left: square: median\n"
