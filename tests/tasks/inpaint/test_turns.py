"""Runs side by side report as if they had run one after another."""

from __future__ import annotations

from concurrent.futures import CancelledError

import numpy as np
import pytest
import torch

from edlrr_cli.tasks.inpaint.config import Config
from edlrr_cli.tasks.inpaint.restore import restore
from edlrr_cli.tasks.inpaint.turns import Turns


def test_the_second_run_waits_for_its_turn():
    heard = []
    turns = Turns(3)
    first, second, third = (turns.callback(run, heard.append) for run in range(3))
    second("b1")
    first("a1")
    third("c1")
    first("a2")
    assert heard == ["a1", "a2"]
    turns.finish(1)
    assert heard == ["a1", "a2"]
    turns.finish(0)
    assert heard == ["a1", "a2", "b1", "c1"]
    third("c2")
    turns.finish(2)
    assert heard[-1] == "c2"


def test_a_stopped_run_ends_at_its_next_report():
    turns = Turns(1)
    turns.callback(0, None)("quiet")
    turns.stop.set()
    with pytest.raises(CancelledError):
        turns.callback(0, None)("never")


def test_priors_side_by_side_give_what_they_give_in_turn():
    x, y = np.meshgrid(*[np.linspace(0, 6, 40)] * 2)
    image = (0.5 + 0.4 * np.sin(x) * np.cos(y))[..., None]
    known = np.random.default_rng(0).random((40, 40)) < 0.6
    config = Config(quality="balanced", steps=10)
    results, stages = [], []
    before = torch.get_num_threads()
    for num_threads in (1, 2):
        torch.set_num_threads(num_threads)
        try:
            heard = []
            results.append(
                restore(image, known, config, callback=lambda progress, to=heard: to.append(progress.stage))
            )
            assert torch.get_num_threads() == num_threads
            stages.append(heard)
        finally:
            torch.set_num_threads(before)
    assert stages[0] == stages[1]
    assert (results[0].restored == results[1].restored).all()
    assert results[0].mixture_weights == results[1].mixture_weights
