"""The history of a computation, thinned to a few points."""

from __future__ import annotations

import json
from types import SimpleNamespace

from edlrr_cli.baselines.result import Progress
from edlrr_cli.pipelines.inpaint.history import MAX_POINTS, History


def test_the_last_run_of_each_stage_is_kept():
    reported = []
    history = History(reported.append)
    for stage, losses in (("global", [3.0, 2.0]), ("local", [9.0]), ("global", [5.0, 1 / 3])):
        for step, loss in enumerate(losses):
            history(Progress(10 * step, 20, loss, stage))
    assert len(reported) == 5
    assert history.as_record(None) == [
        {"stage": "global", "runs": 2, "points": [[0, 5.0], [10, 0.333333]]},
        {"stage": "local", "runs": 1, "points": [[0, 9.0]]},
    ]


def test_long_histories_are_thinned_and_strict_json():
    history = History()
    for step in range(5000):
        history(Progress(step, 5000, float("nan") if step == 7 else float(step), "tnnr"))
    (stage,) = history.as_record(None)
    steps = [step for step, _ in stage["points"]]
    assert len(steps) == MAX_POINTS
    assert (steps[0], steps[-1]) == (0, 4999)
    assert steps == sorted(set(steps))
    json.dumps(stage, allow_nan=False)


def test_no_progress_is_no_history():
    assert History().as_record(None) == []


def test_one_window_of_a_large_image_is_kept():
    history = History()
    for number in (1, 2):
        history(Progress(number, 2, 100.0 * number, "windows"))
    result = SimpleNamespace(history=((10, 2.0, None), (20, 1.0, 0.1)))
    points = [[10, 2.0], [20, 1.0]]
    assert history.as_record(result) == [{"stage": "global", "runs": 2, "points": points}]
