"""The separation benchmark: what is counted, what runs, and what a failure leaves behind."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from edlrr_cli.bench import bgsep, bgsep_memory
from edlrr_cli.bench.bgsep import METHODS, VARIANTS, Case, left_out, make_cases, means, run, run_case
from edlrr_cli.bench.bgsep_scores import Scorer
from edlrr_cli.bench.sequences import Scene
from edlrr_cli.errors import InputError, UsageError
from edlrr_cli.tasks.bgsep.stream import Split
from edlrr_cli.tasks.bgsep.tuning import DEFAULT

HEIGHT_PX, WIDTH_PX, NUM_FRAMES = 24, 40, 12


def write(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folder(tmp_path) -> Path:
    """A square that moves over a gray ramp, with masks and the background."""
    where = tmp_path / "square"
    ramp = np.linspace(40, 120, WIDTH_PX).astype(np.uint8)
    background = np.tile(ramp[None, :, None], (HEIGHT_PX, 1, 3))
    write(where / "background.png", background)
    for number in range(NUM_FRAMES):
        frame, mask = background.copy(), np.zeros((HEIGHT_PX, WIDTH_PX), np.uint8)
        position = (slice(6, 16), slice(2 * number, 2 * number + 10))
        frame[position], mask[position] = 250, 255
        write(where / "input" / f"in{number:06d}.png", frame)
        write(where / "groundtruth" / f"gt{number:06d}.png", mask)
    return where


def a_split(background, mask, difference):
    """A frame of two equal rows."""
    frame = SimpleNamespace(pixels=np.full((2, 5, 1), 100, np.uint8))
    background = np.full((2, 5, 1), background, np.uint8)
    difference = None if difference is None else np.array([difference] * 2, np.float32)
    return Split(0, frame, background, np.array([mask] * 2, bool), difference)


@pytest.fixture
def scorer(tmp_path):
    """Two frames of five pixels in the region, and of five moving ones outside."""
    write(tmp_path / "0.png", np.array([[0, 50, 85, 170, 255], [255] * 5], np.uint8))
    write(tmp_path / "1.png", np.array([[0, 255, 255, 170, 1], [255] * 5], np.uint8))
    video = SimpleNamespace(info=SimpleNamespace(peak=255))
    masks = {0: tmp_path / "0.png", 1: tmp_path / "1.png"}
    truth = np.full((2, 5, 1), 90, np.uint8)
    return Scorer(Scene(video, masks, np.array([[True] * 5, [False] * 5]), truth, ()))


def test_pooled_counts_and_best_thresholds_by_hand(scorer):
    scorer.add(0, a_split(88, [0, 1, 1, 1, 1], [1, 2, 9, 9, 8]))
    scorer.add(1, a_split(90, [0, 1, 0, 0, 1], [1, 7, 6, 9, 3]))
    scores = scorer.scores()
    assert scores["counts"] == {
        "true_positive": 2,
        "false_positive": 2,
        "false_negative": 1,
        "true_negative": 2,
        "shadow_errors": 1,
    }
    assert scores["precision"] == 0.5
    assert scores["recall"] == pytest.approx(2 / 3)
    assert scores["f_measure"] == pytest.approx(4 / 7)
    assert (scores["f_best"], scores["f_best_threshold"]) == (1.0, 3.0)
    # On the plain difference, 12 and 10 everywhere: above 10 are all pixels of the first frame.
    assert scores["f_plain_best"] == pytest.approx(2 / 6)
    assert scores["f_plain_best_threshold"] == 10
    assert scores["background"]["age"] == 1.0  # the median of 88 and 90


def test_a_method_without_a_difference_has_no_best_threshold(scorer):
    scorer.add(0, a_split(90, [0, 0, 0, 0, 1], None))
    scores = scorer.scores()
    assert scores["f_measure"] == 1
    assert [scores[name] for name in ("f_best", "f_best_threshold", "f_plain_best")] == [None] * 3


def test_settings_of_the_rows():
    assert METHODS["lrr"].config(700, "cpu").num_window == 600
    assert METHODS["lrr:batch"].config(700, "cpu").num_window == 700
    paper, exact = (METHODS[name].config(90, "cpu") for name in ("lrr:paper", "pcp"))
    assert (paper.num_window, paper.reg, paper.weight) == (exact.num_window, exact.reg, exact.weight)
    assert (paper.solver, exact.solver) == ("adam", "ialm")
    assert METHODS["median"].config(9, "cpu").shadows
    assert not METHODS["mog2"].config(9, "cpu").shadows


@pytest.mark.parametrize("method", ["median", "lrr:paper"])
def test_one_case(folder, method):
    row = run_case(Case(folder, "square", method, 5, "cpu"))
    assert row["num_scored"] == 5
    assert row["num_frames"] == (5 if method == "lrr:paper" else NUM_FRAMES)
    assert row["frames_per_second"] == pytest.approx(row["num_frames"] / row["seconds"])
    assert sum(row["counts"].values()) == 5 * HEIGHT_PX * WIDTH_PX
    assert row["f_measure"] > 0.8
    assert row["f_plain_best"] > 0.95
    assert row["background"]["age"] < 5
    assert (row["rank"] is None) == (method == "median")
    assert [window["stop"] for window in row["windows"]] == [row["num_frames"]]


def test_the_time_of_the_scoring_does_not_count(folder, monkeypatch):
    ticks = itertools.count()
    monkeypatch.setattr(bgsep.time, "perf_counter", lambda: next(ticks))
    monkeypatch.setattr(bgsep.Scorer, "add", lambda *_: [next(ticks) for _ in range(10_000)])
    monkeypatch.setattr(bgsep.Scorer, "scores", lambda _: {})
    assert run_case(Case(folder, "square", "median", 5, "cpu"))["seconds"] < 10_000


def test_a_failure_is_a_row(folder, tmp_path):
    broken = tmp_path / "broken"
    for part in ("input", "groundtruth"):
        (broken / part).mkdir(parents=True)
        for file in (folder / part).iterdir():
            (broken / part / file.name).write_bytes(file.read_bytes())
    write(broken / "input" / "in000009.png", np.zeros((9, 9, 3), np.uint8))
    cases = make_cases(tmp_path, sequences=None, methods=["median"], num_scored=4, device="cpu")
    rows = list(run(cases))
    assert [row["sequence"] for row in rows] == ["broken", "square"]
    assert rows[0]["error"].startswith("InputError: ")
    assert "error" not in rows[1]
    (mean,) = means(rows)
    assert (mean["num_sequences"], mean["num_failed"], mean["f_measure"]) == (2, 1, None)


def test_means_are_over_sequences():
    def row(method, **measures):
        return {"kind": "case", "method": method, **measures}

    rows = [
        row("a", f_measure=0.5, f_best=None),
        row("b", f_measure=1.0),
        row("a", f_measure=0.7, f_best=1.0),
    ]
    first, second = means(rows)
    assert (first["method"], first["f_measure"], first["f_best"]) == ("a", pytest.approx(0.6), None)
    assert (second["method"], second["num_sequences"]) == ("b", 1)


def test_refusals(folder, tmp_path):
    wanted = {"sequences": None, "methods": None, "num_scored": 4, "device": "cpu"}
    with pytest.raises(UsageError, match="unknown method 'medain'"):
        make_cases(folder, **wanted | {"methods": ["medain"]})
    with pytest.raises(UsageError, match="no sequence 'circle'"):
        make_cases(folder, **wanted | {"sequences": ["circle"]})
    (folder / "temporalROI.txt").write_text("90 99")
    with pytest.raises(InputError, match="no frame has a mask"):
        make_cases(tmp_path, **wanted)


def test_methods_of_an_absent_library_are_left_out(monkeypatch):
    monkeypatch.setattr(bgsep.importlib.util, "find_spec", lambda name: None)
    assert bgsep.methods_here() == ("lrr", "lrr:batch", "lrr:paper", "pcp", "median")


def test_memory_is_that_of_the_longest_sequence(folder, monkeypatch):
    monkeypatch.setattr(bgsep_memory, "fresh_process_peak_bytes", lambda prepare, arguments, *, whole: 7)
    short, long = map(bgsep_memory.run_case, bgsep_memory.make_cases({"square": folder}, "cpu"))
    assert short == {"kind": "memory", "sequence": "square", "num_frames": 200, "peak_bytes": 7}
    assert long["num_frames"] == 400
    for call in bgsep_memory.prepare(str(folder), 14, "cpu"):
        call()


def test_a_sequence_is_scored_with_what_is_best_on_the_others():
    scores = {
        "a": {"lrr": 0.5, "lrr:gap=2": 0.9},
        "b": {"lrr": 0.8, "lrr:gap=2": 0.7},
        "c": {"lrr": 0.6, "lrr:gap=2": 0.65},
    }
    rows = [
        {"kind": "case", "sequence": name, "method": method, "f_measure": f_measure}
        for name, measured in scores.items()
        for method, f_measure in measured.items()
    ]
    rows += [{**rows[0], "sequence": "d"}, {"kind": "case", "sequence": "d", "method": "x", "error": "no"}]
    found = {row["sequence"]: (row["method"], row["f_measure"], row["f_default"]) for row in left_out(rows)}
    assert found == {
        "a": ("lrr", 0.5, 0.5),  # alone it would have chosen the other
        "b": ("lrr:gap=2", 0.7, 0.8),
        "c": ("lrr:gap=2", 0.65, 0.6),
    }


def test_variants_change_one_constant_each():
    for name, variant in VARIANTS.items():
        key, value = name.removeprefix("lrr:").split("=")
        assert variant.tuning == replace(DEFAULT, **{key: float(value)})
        assert variant.tuning != DEFAULT
