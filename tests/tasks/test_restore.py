from __future__ import annotations

import time

import numpy as np
import pytest

import edlrr_cli
from edlrr_cli.errors import UsageError
from edlrr_cli.metrics import psnr
from edlrr_cli.tasks.config import Config
from edlrr_cli.tasks.inpaint import inpaint
from edlrr_cli.tasks.restore import restore


@pytest.fixture(scope="module")
def case():
    y, x = np.mgrid[:48, :40]
    image = np.stack([0.5 + 0.3 * np.sin(0.9 * np.hypot(y - 5, x + 20) + c) for c in range(3)], axis=-1)
    known = np.random.default_rng(0).random(image.shape[:2]) >= 0.5
    return image, known, np.where(known[..., None], image, 0.0)


def test_global_is_the_paper_s_alone(case):
    _, known, damaged = case
    assert (restore(damaged, known).restored == inpaint(damaged, known).restored).all()


def test_nonlocal_goes_on_from_global(case):
    image, known, damaged = case
    before, after = (restore(damaged, known, Config(prior=prior)) for prior in ("global", "nonlocal"))
    assert psnr(after.restored, image, data_range=1) > psnr(before.restored, image, data_range=1) + 0.5
    assert (after.restored[known] == image[known]).all()
    assert (after.restored >= 0).all()
    assert (after.restored <= 1).all()
    assert after.held_out_psnr == before.held_out_psnr
    assert after.effective_rank_after != before.effective_rank_after


def test_each_round_is_told(case):
    _, known, damaged = case
    told = []
    result = restore(damaged, known, Config(prior="nonlocal", steps=10), callback=told.append)
    assert [progress.step for progress in told] == [10, *range(1, 9)]
    assert (told[-1].current() == result.restored).all()


def test_a_spent_time_budget_ends_before_the_groups(case):
    _, known, damaged = case
    spent = Config(prior="nonlocal", time_budget=1e-9)
    first = restore(damaged, known, Config(time_budget=1e-9)).restored
    result = restore(damaged, known, spent)
    # The known pixels are exact, the others pass through float32.
    assert np.abs(result.restored - first).max() < 1e-6
    assert result.stop == "time budget"


def test_a_time_budget_that_ends_among_the_groups_is_told(case):
    _, known, damaged = case
    rounds = []

    def slow(progress):
        rounds.append(progress.step)
        time.sleep(2)

    result = restore(damaged, known, Config(prior="nonlocal", steps=0, time_budget=2), callback=slow)
    assert rounds == [1]
    assert result.stop == "time budget"


def test_noise_is_refused():
    with pytest.raises(UsageError, match="prior nonlocal takes known pixels as exact; leave noise out"):
        Config(prior="nonlocal", noise=0.1)


def test_in_one_call():
    image = np.tile(np.array([0, 0, 255, 255], np.uint8), (24, 6))
    hole = np.zeros((24, 24), bool)
    hole[::5, ::3] = True
    restored = edlrr_cli.inpaint(np.where(hole, 128, image).astype(np.uint8), hole, prior="nonlocal")
    assert np.abs(restored.astype(int) - image).max() < 20
