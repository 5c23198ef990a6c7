"""Benchmark of background and foreground separation on sequences with ground-truth masks."""

from __future__ import annotations

import importlib.util
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from edlrr_cli.bench import runner
from edlrr_cli.bench.bgsep_scores import PLAIN_THRESHOLDS, Scorer
from edlrr_cli.bench.memory import measure_peak
from edlrr_cli.bench.record import Row
from edlrr_cli.bench.sequences import Excerpt, Scene, choose, find_sequences, first_frames, read_scene
from edlrr_cli.bench.table1_means import average
from edlrr_cli.errors import UsageError
from edlrr_cli.media.video import Video
from edlrr_cli.tasks.bgsep.config import Config
from edlrr_cli.tasks.bgsep.stream import Separation
from edlrr_cli.tasks.bgsep.tuning import DEFAULT, Tuning
from edlrr_cli.tasks.checks import require_choice
from edlrr_cli.tasks.device import resolve_device

NAME = "bgsep"
LEFT_OUT_NAME = "bgsep_left_out"
#: Number of frames of the warm-up, in which a method imports and initializes its libraries.
WARM_UP_FRAMES = 3

PARAMETERS = {
    "scored": "frames with a mask within temporalROI.txt, evenly spread; the same for all methods",
    "truth": "labels 85 and 170 and black pixels of ROI.bmp are ignored; of the rest only 255 is foreground",
    "measures": "of the mask that the method returns, pooled over the scored frames; mean over the sequences",
    "f_best": "F at the best threshold on the method's own difference, no clean-up; chosen with the truth",
    "f_plain_best": f"F at the best of {PLAIN_THRESHOLDS} on |gray(frame) - gray(background)|, likewise",
    "background": "median over the scored frames compared with background.png",
    "frames_per_second": "of the whole separation, including reading but not scoring; after a warm-up",
    "rank, sparsity": "of the low-rank solutions: the largest rank and the mean sparsity of the windows",
    "peak_bytes": "above the level before the call, scoring included: up to a background per scored frame",
    "lrr:batch": "the whole sequence in one window",
    "lrr:paper, pcp": "the scored frames only, in one matrix",
    "memory": "rows of this kind: peak of a whole process that splits the first frames, repeated if too few",
}
_MEANS = (
    "recall",
    "specificity",
    "false_positive_rate",
    "false_negative_rate",
    "percent_wrong",
    "precision",
    "f_measure",
    "f_best",
    "f_plain_best",
    "frames_per_second",
)


@dataclass(frozen=True)
class Method:
    """One row of the table.

    Attributes:
        settings: Fields of `Config` that differ from the defaults.
        only_scored: Split a video that consists of the scored frames only.
        one_window: Process all frames in one window.
        tuning: Constants of the separation.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    only_scored: bool = False
    one_window: bool = False
    tuning: Tuning = DEFAULT

    def config(self, num_frames: int, device: str) -> Config:
        """Return the settings for a video of ``num_frames`` frames."""
        window = max(num_frames, 2) if self.one_window else None
        return Config(**self.settings, window=window, device=device)


_PAPER = {"fit": "full", "reg": "nuclear", "solver": "adam", "lam": 1.0, "stabilize": "off"}

#: The rows of the table. OpenCV's methods detect shadows themselves; the ground truth labels them background.
METHODS = {
    "lrr": Method(),
    "lrr:batch": Method(one_window=True),
    "lrr:paper": Method(_PAPER, only_scored=True, one_window=True),
    "pcp": Method({**_PAPER, "solver": "ialm"}, only_scored=True, one_window=True),
    "median": Method({"method": "median", "stabilize": "off"}),
    "mog2": Method({"method": "mog2", "shadows": False}),
    "knn": Method({"method": "knn", "shadows": False}),
}


def _variants() -> dict[str, Method]:
    values = {"levels": (1.0, 4.0), "gap": (2.0, 4.5), "floor": (12.0, 20.0), "factor": (2.0, 4.0)}
    changes = [(name, value) for name, choices in values.items() for value in choices]
    return {f"lrr:{name}={value:g}": Method(tuning=Tuning(**{name: value})) for name, value in changes}


#: The default with one constant changed.
VARIANTS = _variants()
_NEED_OPENCV = ("mog2", "knn")


def methods_here() -> tuple[str, ...]:
    """Return the names of the methods whose libraries are installed."""
    missing = () if importlib.util.find_spec("cv2") else _NEED_OPENCV
    return tuple(name for name in METHODS if name not in missing)


@dataclass(frozen=True)
class Case:
    """One method on one sequence."""

    folder: Path
    sequence: str
    method: str
    num_scored: int
    device: str

    def as_row(self) -> Row:
        """Return the columns that identify the case."""
        return {"kind": "case", "sequence": self.sequence, "method": self.method}


def make_cases(
    data: Path, *, sequences: list[str] | None, methods: Sequence[str] | None, num_scored: int, device: str
) -> list[Case]:
    """Return the cases of the run, after checking that each can be run.

    Args:
        sequences: Names; None for all.
        methods: Names; None for those of `methods_here`.

    Raises:
        UsageError: A sequence or method is unknown; the message suggests the closest name.
        InputError: There is no sequence, or a sequence has no masks.
        DeviceError: The device does not exist.
    """
    resolve_device(device)
    names = methods_here() if methods is None else methods
    for name in names:
        require_choice("method", name, (*METHODS, *VARIANTS))
    folders = choose(find_sequences(data), sequences)
    for folder in folders.values():
        read_scene(folder)
    return [
        Case(folder, sequence, method, num_scored, device)
        for sequence, folder in folders.items()
        for method in names
    ]


def describe(cases: Sequence[Case]) -> dict[str, Any]:
    """Return the parameters of this run, in addition to `PARAMETERS`."""
    folders = {case.sequence: case for case in cases}
    return {
        "methods": {case.method: dict({**METHODS, **VARIANTS}[case.method].settings) for case in cases},
        "sequences": {name: _facts(case) for name, case in folders.items()},
        "num_scored": cases[0].num_scored,
        "device": cases[0].device,
    }


def _facts(case: Case) -> dict[str, Any]:
    scene = read_scene(case.folder)
    info = scene.video.info
    return {
        "num_frames": info.num_frames,
        "size_px": info.size_px,
        "scored": scene.spread(case.num_scored),
        "notes": scene.notes,
    }


def run(cases: Sequence[Case]) -> Iterator[Row]:
    """Run cases one at a time with all threads; see `edlrr_cli.bench.runner.run_cases`."""
    return runner.run_cases(run_case, cases, jobs=1, threads=torch.get_num_threads())


def run_case(case: Case) -> Row:
    """Run one case in this process."""
    scene, method = read_scene(case.folder), {**METHODS, **VARIANTS}[case.method]
    scored = scene.spread(case.num_scored)
    video: Video = Excerpt(scene.video, tuple(scored)) if method.only_scored else scene.video
    config = method.config(video.info.num_frames, case.device)
    indices = dict(enumerate(scored)) if method.only_scored else {index: index for index in scored}
    split_all(first_frames(video, WARM_UP_FRAMES), config)
    return _measure(scene, Separation(video, config, tuning=method.tuning), indices)


def split_all(video: Video, config: Config) -> None:
    """Split a video and discard the result."""
    deque(Separation(video, config), maxlen=0)


def _measure(scene: Scene, separation: Separation, indices: Mapping[int, int]) -> Row:
    """Split all frames and score those in ``indices``: index in the video -> index in the sequence."""
    scorer = Scorer(scene)

    def split() -> tuple[int, float]:
        num_frames, scoring_s, started = 0, 0.0, time.perf_counter()
        for found in separation:
            num_frames += 1
            if found.index in indices:
                since = time.perf_counter()
                scorer.add(indices[found.index], found)
                scoring_s += time.perf_counter() - since
        return num_frames, time.perf_counter() - started - scoring_s

    (num_frames, seconds), peak = measure_peak(split, separation.device)
    windows = separation.windows
    return {
        **scorer.scores(),
        "num_scored": len(indices),
        "num_frames": num_frames,
        "seconds": seconds,
        "frames_per_second": num_frames / seconds,
        "peak_bytes": peak,
        "rank": max((window.rank for window in windows if window.rank is not None), default=None),
        "sparsity": average(window.sparsity for window in windows),
        "windows": [asdict(window) for window in windows],
    }


def means(rows: Sequence[Row]) -> list[Row]:
    """Return one row per method, ``kind`` "mean"; the mean of a measure with missing values is None."""
    by_method: dict[str, list[Row]] = {}
    for row in rows:
        if row["kind"] == "case":
            by_method.setdefault(row["method"], []).append(row)
    return [
        {
            "kind": "mean",
            "method": method,
            **{name: average(case.get(name) for case in cases) for name in _MEANS},
            "num_sequences": len(cases),
            "num_failed": sum("error" in case for case in cases),
        }
        for method, cases in by_method.items()
    ]


def left_out_cases(data: Path, *, sequences: list[str] | None, num_scored: int, device: str) -> list[Case]:
    """Return the cases of the default and of `VARIANTS`; see `make_cases`.

    Raises:
        UsageError: There is a single sequence.
    """
    methods = ["lrr", *VARIANTS]
    cases = make_cases(data, sequences=sequences, methods=methods, num_scored=num_scored, device=device)
    if len({case.sequence for case in cases}) < 2:
        raise UsageError("leaving one sequence out needs two or more", "give more sequences")
    return cases


def left_out(rows: Sequence[Row]) -> list[Row]:
    """Return for each sequence F with the constants that are best on all others, ``kind`` "left_out".

    Sequences on which a case failed or is missing are ignored; a single one has no others.
    """
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        found.setdefault(row["sequence"], {})[row["method"]] = row.get("f_measure")
    num_methods = max(map(len, found.values()), default=0)
    found = {
        name: scores
        for name, scores in found.items()
        if None not in scores.values() and len(scores) == num_methods
    }
    return [
        {
            "kind": "left_out",
            "sequence": name,
            "method": method,
            "f_measure": scores[method],
            "f_default": scores["lrr"],
        }
        for name, scores in found.items()
        if len(found) > 1
        for method in [_best_without(name, found)]
    ]


def _best_without(name: str, found: Mapping[str, Mapping[str, float]]) -> str:
    """Return the method with the largest mean over the other sequences."""
    others = [scores for other, scores in found.items() if other != name]
    return max(found[name], key=lambda method: sum(scores[method] for scores in others))
