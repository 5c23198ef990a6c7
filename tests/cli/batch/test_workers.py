"""Tasks in other processes: outcomes, failures, deaths, threads."""

from __future__ import annotations

import os
from concurrent.futures.process import BrokenProcessPool

from edlrr_cli.cli.batch.workers import run_each


def work(task):
    if task == "die":
        os._exit(1)
    if task == "threads":
        return os.environ["OMP_NUM_THREADS"]
    return 6 // task


def test_yields_outcomes_and_failures():
    outcomes = dict(run_each(work, [1, 0, 3, "threads"], jobs=1, threads=5))
    assert (outcomes[1], outcomes[3], outcomes["threads"]) == (6, 2, "5")
    assert isinstance(outcomes[0], ZeroDivisionError)
    assert os.environ.get("OMP_NUM_THREADS") != "5"


def test_the_death_of_a_process_ends_its_task_alone():
    outcomes = dict(run_each(work, [1, "die", 2, 3], jobs=2, threads=1))
    assert isinstance(outcomes.pop("die"), BrokenProcessPool)
    assert outcomes == {1: 6, 2: 3, 3: 2}
