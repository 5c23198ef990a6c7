"""Tasks in other processes: outcomes, failures, deaths, threads."""

from __future__ import annotations

import os
from concurrent.futures.process import BrokenProcessPool

from edlrr_cli.pipelines.executors import ProcessExecutor, SerialExecutor


def work(task):
    if task == "die":
        os._exit(1)
    if task == "threads":
        return os.environ["OMP_NUM_THREADS"]
    return 6 // task


def test_yields_outcomes_and_failures():
    outcomes = dict(ProcessExecutor(1, 5).run(work, [1, 0, 3, "threads"]))
    assert (outcomes[1], outcomes[3], outcomes["threads"]) == (6, 2, "5")
    assert isinstance(outcomes[0], ZeroDivisionError)
    assert os.environ.get("OMP_NUM_THREADS") != "5"


def test_the_serial_executor_has_the_same_interface():
    assert list(SerialExecutor().run(work, [1, 2])) == [(1, 6), (2, 3)]


def test_the_death_of_a_process_ends_its_own_task_only():
    outcomes = dict(ProcessExecutor(2, 1).run(work, [1, "die", 2, 3]))
    assert isinstance(outcomes.pop("die"), BrokenProcessPool)
    assert outcomes == {1: 6, 2: 3, 3: 2}
