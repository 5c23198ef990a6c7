"""``edlrr bench table1``: runs, goes on where it was stopped, and survives what fails."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edlrr_cli.baselines.registry import METHODS
from edlrr_cli.bench.table1 import make_plan
from edlrr_cli.bench.table1_methods import PAPER_COLUMNS

HEIGHT_PX, WIDTH_PX = 24, 28


@pytest.fixture
def data(tmp_path) -> Path:
    """The folder of Table 1 in small, with two images."""
    folder = tmp_path / "data"
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    x, y = np.meshgrid(np.linspace(0, 6, WIDTH_PX), np.linspace(0, 6, HEIGHT_PX))
    waves = np.stack([np.sin(x) * np.cos(y), np.sin(x + 1), np.cos(y)], axis=2)
    for number in (2, 10):
        shade = (127 + (100 - number) * waves).astype(np.uint8)
        Image.fromarray(shade).save(folder / "images" / f"{number}.jpg")
    for name in ("block_square_small.bmp", "block_text.bmp"):
        mask = np.full((HEIGHT_PX, HEIGHT_PX, 3), 255, np.uint8)
        mask[8:12, 8:12] = 0
        Image.fromarray(mask).save(folder / "masks" / name)
    return folder


@pytest.fixture
def table1(run, data, tmp_path):
    """Run the benchmark and return its record."""

    def start(*arguments, exit_code=0):
        target = tmp_path / "a.json"
        result = run("bench", "table1", "--data", data, *arguments, "-o", target)
        assert result.exit_code == exit_code, result.stderr
        return json.loads(target.read_text(), parse_constant=pytest.fail)

    return start


def rows_of(record, kind):
    return {
        (row["corruption"], row["method"]): row
        for row in record["rows"]
        if row["kind"] == kind and row.get("seed", 0) == 0 and row.get("image", "2") == "2"
    }


def test_measures_every_method_on_every_image(table1, tmp_path):
    methods = "untouched,nuclear-admm,nuclear"
    arguments = ["--methods", methods, "--corruptions", "drop40,block", "--seeds", "2", "--jobs", "2"]
    record = table1(*arguments, "--html", tmp_path / "a.html", "--pictures", "10")
    assert record["command"].endswith(f"--pictures 10 -o {tmp_path / 'a.json'}")
    assert record["parameters"]["images"] == ["2", "10"]
    assert record["parameters"]["settings"]["nuclear-admm"]["growth"] == 1.1
    cases, means = rows_of(record, "case"), rows_of(record, "mean")
    counts = [sum(row["kind"] == kind for row in record["rows"]) for kind in ("case", "mean")]
    assert counts == [2 * 3 * 3, 2 * 3]  # the mask needs no second seed
    dropped = np.random.default_rng(0).random((HEIGHT_PX, WIDTH_PX)) < 0.4
    assert cases["drop40", "nuclear"]["missing_fraction"] == pytest.approx(dropped.mean())
    for corruption, num_seeds in (("drop40", 2), ("block", 1)):
        black = cases[corruption, "untouched"]
        assert black["psnr"] == black["psnr_raw"] == black["psnr_input"]
        for method in ("nuclear-admm", "nuclear"):
            assert cases[corruption, method]["psnr"] > black["psnr"] + 5
            assert means[corruption, method]["num_seeds"] == num_seeds
            assert (means[corruption, method]["psnr_sd"] is None) == (num_seeds == 1)
    ours = cases["block", "nuclear"]
    assert ours["seconds"] > 0
    assert ours["iterations"] > 0
    assert ours["psnr_raw"] == ours["psnr"]
    drawn = sorted(path.name for path in (tmp_path / "a_pictures").iterdir())
    assert len(drawn) == 2 * (3 + 2)
    assert "block-0-10-_clean.jpg" in drawn
    page = (tmp_path / "a.html").read_text()
    assert "nuclear norm, exact" in page
    assert "data:image/jpeg" in page


def test_tuned_rows_tell_what_was_chosen(table1):
    methods = ("pssv", "pssv:tuned", "pssv:rank=1:max_iterations=3")
    record = table1("--methods", ",".join(methods), "--corruptions", "text", "--images", "2")
    plain, tuned, fixed = (rows_of(record, "case")["text", method] for method in methods)
    assert plain["params"] == {}
    assert plain["tuning_seconds"] is None
    assert tuned["params"].keys() <= record["parameters"]["settings"]["pssv"].keys()
    assert tuned["params"]
    assert fixed["iterations"] == 3
    assert record["parameters"]["settings"][methods[2]]["rank"] == 1
    assert tuned["tuning_seconds"] > 0


def test_runs_only_what_is_new(table1):
    arguments = ("--corruptions", "block", "--images", "2")
    first = table1("--methods", "untouched", *arguments)
    second = table1("--methods", "nuclear,untouched", *arguments)
    old, new = (rows_of(record, "case")["block", "untouched"] for record in (first, second))
    assert old == new  # its seconds too
    assert ("block", "nuclear") in rows_of(second, "case")
    third = table1("--methods", "nuclear,untouched", *arguments, "--overwrite")
    assert rows_of(third, "case")["block", "untouched"]["seconds"] != old["seconds"]


def test_loses_nothing(table1, refused, data, tmp_path):
    arguments = ["--methods", "untouched", "--corruptions", "block"]
    table1(*arguments)
    before = (tmp_path / "a.json").read_bytes()
    again = ["bench", "table1", "--data", data, "-o", tmp_path / "a.json"]
    line = refused(4, *again, *arguments, "--images", "2")
    assert "cases that are not asked for now; ask for them too, or --overwrite it" in line
    shutil.copy(data / "images" / "2.jpg", data / "images" / "10.jpg")
    assert "was made with another 10" in refused(4, *again, *arguments)
    assert (tmp_path / "a.json").read_bytes() == before


def test_rows_of_other_settings_are_not_taken_over(table1, refused, data, tmp_path):
    arguments = ["--methods", "biharmonic,nuclear-admm", "--corruptions", "block", "--images", "2"]
    record = table1(*arguments)
    record["parameters"]["settings"]["nuclear-admm"]["growth"] = 1.2
    (tmp_path / "a.json").write_text(json.dumps(record))
    line = refused(4, "bench", "table1", "--data", data, *arguments, "-o", tmp_path / "a.json")
    assert "was made with another setting of nuclear-admm" in line


def test_goes_on_after_a_failed_case_and_tries_it_again(table1, data):
    image = data / "images" / "10.jpg"
    whole = image.read_bytes()
    image.write_bytes(whole[:100])
    arguments = ("--methods", "untouched", "--corruptions", "block")
    record = table1(*arguments, exit_code=1)
    failed = [row for row in record["rows"] if "error" in row]
    assert [row["image"] for row in failed] == ["10"]
    assert failed[0]["error"].startswith("InputError: ")
    mean = rows_of(record, "mean")["block", "untouched"]
    assert (mean["num_images"], mean["num_failed"]) == (1, 1)
    table1(*arguments, exit_code=1)


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal of POSIX")
def test_ctrl_c_keeps_what_is_done(data, tmp_path):
    target = tmp_path / "a.json"
    slow = [
        "--methods",
        "untouched,nuclear:paper",
        "--corruptions",
        "drop20,drop30,drop40,drop50",
        "--seeds",
        "9",
    ]
    command = [sys.executable, "-m", "edlrr_cli", "bench", "table1", "--data", data, *slow, "-o", target]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    deadline = time.monotonic() + 60
    while not target.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    _, reported = process.communicate(timeout=300)
    assert process.returncode == 130
    assert reported.splitlines()[-1].startswith("edlrr: interrupted")
    assert "Traceback" not in reported
    record = json.loads(target.read_text())
    assert any(row["kind"] == "case" for row in record["rows"])


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "no images to restore; give --data DIR"),
        (["--data", "absent"], 3, "absent is not a folder"),
        (["--data", "."], 3, "has no images"),
        (["--data", "data", "--images", "3"], 2, "no image '3' in the data"),
        (["--data", "data", "--corruptions", "rain"], 2, "unknown corruption 'rain'"),
        (["--data", "data", "--corruptions", "drop0"], 2, "unknown corruption 'drop0'"),
        (["--data", "data", "--methods", "irn"], 2, "unknown method 'irn'; did you mean 'irnn'?"),
        (["--data", "data", "--methods", "biharmonic:tuned"], 2, "unknown method 'biharmonic:tuned'"),
        (["--data", "data", "--methods", "irnn:paper"], 2, "unknown method 'irnn:paper'"),
        (["--data", "data", "--methods", "tnnr:rank"], 2, "unknown method 'tnnr:rank'"),
        (["--data", "data", "--methods", "tnnr:rank=x"], 2, "rank must be a whole number, got 'x'"),
        (["--data", "data", "--methods", "tnnr:rnak=2"], 2, "unknown parameter 'rnak'; did you mean 'rank'?"),
        (["--data", "data", "--device", "cuda:99"], 5, "is not available"),
        (["--data", "data", "--html", "absent/a.html"], 4, "does not exist"),
    ],
)
def test_refusals(refused, data, tmp_path, monkeypatch, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    assert message in refused(code, "bench", "table1", *arguments, "-o", "a.json")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_quick_needs_no_data(run, tmp_path):
    target = tmp_path / "quick.json"
    result = run(
        "bench", "table1", "--quick", "--methods", "untouched,nuclear-admm", "--jobs", "2", "-o", target
    )
    assert result.exit_code == 0, result.stderr
    record = json.loads(target.read_text())
    assert record["parameters"]["images"] == ["brick", "cat"]
    assert record["parameters"]["crop_px"] == 128
    means = {(row["corruption"], row["method"]): row for row in record["rows"] if row["kind"] == "mean"}
    assert len(means) == 3 * 2
    for corruption in ("drop50", "block", "text"):
        better, black = (means[corruption, method]["psnr"] for method in ("nuclear-admm", "untouched"))
        assert better > black + 5


def test_quick_runs_every_method_once_untuned():
    left_to_itself = dict.fromkeys(("methods", "corruptions", "images", "picture_images"))
    plan = make_plan(None, **left_to_itself, quick=True)
    installed = {name for name, method in METHODS.items() if method.installed}
    assert set(plan.methods) == installed | set(PAPER_COLUMNS)
    assert len(plan.cases()) == 2 * 3 * len(plan.methods)
