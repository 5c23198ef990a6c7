from __future__ import annotations

import time

import numpy as np
import pytest

import edlrr_cli
from edlrr_cli.errors import UsageError
from edlrr_cli.metrics import psnr
from edlrr_cli.tasks.inpaint.config import Config
from edlrr_cli.tasks.inpaint.lowrank.completion import START_SMOOTHING, inpaint, inpaint_each
from edlrr_cli.tasks.inpaint.problem import InpaintProblem
from edlrr_cli.tasks.inpaint.restore import restore


@pytest.fixture(scope="module")
def case():
    y, x = np.mgrid[:48, :40]
    image = np.stack([0.5 + 0.3 * np.sin(0.9 * np.hypot(y - 5, x + 20) + c) for c in range(3)], axis=-1)
    known = np.random.default_rng(0).random(image.shape[:2]) >= 0.5
    return image, known, np.where(known[..., None], image, 0.0)


def test_global_is_the_paper_s_alone(case):
    _, known, damaged = case
    config = Config(prior="global")
    assert (restore(damaged, known, config).restored == inpaint(damaged, known, config).restored).all()


@pytest.mark.parametrize("prior", ["global", "local", "nonlocal", "auto"])
def test_the_penalty_decides(case, prior):
    image, known, damaged = case
    psnrs = [
        psnr(restore(damaged, known, Config(prior=prior, reg=reg)).restored, image, data_range=1)
        for reg in ("nuclear", "laguerre-gamma")
    ]
    assert abs(psnrs[0] - psnrs[1]) > 0.1


@pytest.mark.parametrize("optimizer", ["adam", "cg"])
def test_every_optimizer_restores(case, optimizer):
    image, known, damaged = case
    result = restore(damaged, known, Config(optimizer=optimizer))
    assert psnr(result.restored, image, data_range=1) > 30
    best = max(each.held_out_psnr for each in result.candidates)
    assert result.held_out_psnr > best - 0.5


def test_auto_is_a_penalty_for_each_prior(case):
    _, known, damaged = case
    config = Config(prior="local")
    name, gamma = config.penalty("local")
    named = restore(damaged, known, Config(prior="local", reg=name, gamma=gamma))
    assert name.startswith("exact-")
    assert np.abs(named.restored - restore(damaged, known, config).restored).max() < 0.05


@pytest.mark.parametrize("prior", ["local", "nonlocal"])
def test_other_priors_go_on_from_global(case, prior):
    image, known, damaged = case
    before, after = (restore(damaged, known, Config(prior=name)) for name in ("global", prior))
    assert psnr(after.restored, image, data_range=1) > psnr(before.restored, image, data_range=1) + 0.5
    assert (after.restored[known] == image[known]).all()
    assert (after.restored >= 0).all()
    assert (after.restored <= 1).all()
    (start,) = inpaint_each([InpaintProblem(damaged, known)], Config(), smoothing=START_SMOOTHING)
    assert after.held_out_psnr == start.held_out_psnr
    assert after.effective_rank_after != before.effective_rank_after
    assert after.mixture_weights == {}
    assert after.expected_psnr is None


def test_quality_is_effort(case):
    """More rounds get lower, and take longer; that they are better holds in the mean of many images."""
    _, known, damaged = case
    reported = {}
    for quality in ("fast", "balanced", "best"):
        rounds = []
        restore(damaged, known, Config(prior="nonlocal", quality=quality, steps=0), callback=rounds.append)
        reported[quality] = len(rounds)
    assert reported["fast"] < reported["balanced"] < reported["best"]


def test_each_round_is_told(case):
    _, known, damaged = case
    reported = []
    result = restore(damaged, known, Config(prior="nonlocal", steps=10), callback=reported.append)
    assert [progress.step for progress in reported] == [10, *range(1, reported[-1].num_steps + 1)]
    assert (reported[-1].current() == result.restored).all()


def test_a_spent_time_budget_ends_before_the_groups(case):
    _, known, damaged = case
    spent = {"time_budget": 1e-9}
    (start,) = inpaint_each([InpaintProblem(damaged, known)], Config(**spent), smoothing=START_SMOOTHING)
    result = restore(damaged, known, Config(prior="nonlocal", **spent))
    # The known pixels are exact, the others pass through float32.
    assert np.abs(result.restored - start.restored).max() < 1e-6
    assert result.stop == "time budget"
    assert restore(damaged, known, Config(**spent)).stop == "time budget"


def test_a_time_budget_that_ends_among_the_groups_is_told(case):
    _, known, damaged = case
    rounds = []

    def slow(progress):
        rounds.append(progress.step)
        time.sleep(2)

    result = restore(damaged, known, Config(prior="nonlocal", steps=0, time_budget=2), callback=slow)
    assert rounds == [1]
    assert result.stop == "time budget"


@pytest.mark.parametrize("prior", ["local", "auto"])
def test_noise_is_taken_off_the_known_pixels_too(case, prior):
    image, known, _ = case
    noise = 0.05 * np.random.default_rng(1).standard_normal(image.shape)
    noisy = np.where(known[..., None], image + noise, 0.0).clip(0, 1)
    result = restore(noisy, known, Config(prior=prior, noise=0.05, quality="fast"))
    assert result.noise == 0.05
    for where in (known, ~known):
        assert psnr(result.restored, image, data_range=1, where=where) > 29


def test_noise_can_be_estimated():
    image = np.repeat(np.linspace(0.3, 0.7, 96)[None, :, None], 96, axis=0)
    image = image + 0.05 * np.random.default_rng(0).standard_normal(image.shape)
    known = np.random.default_rng(1).random(image.shape[:2]) >= 0.5
    damaged = np.where(known[..., None], image, 0.0).clip(0, 1)
    for prior in ("global", "local"):
        result = restore(damaged, known, Config(prior=prior, noise=None, steps=10))
        assert result.noise == pytest.approx(0.05, rel=0.2)


def test_in_one_call():
    image = np.tile(np.array([0, 0, 255, 255], np.uint8), (24, 6))
    hole = np.zeros((24, 24), bool)
    hole[::5, ::3] = True
    restored = edlrr_cli.inpaint(np.where(hole, 128, image).astype(np.uint8), hole, prior="nonlocal")
    assert np.abs(restored.astype(int) - image).max() < 20


def test_unfit_input_is_refused_first():
    with pytest.raises(UsageError, match="no pixel is missing"):
        restore(np.zeros((4, 4, 1)), np.ones((4, 4), bool))
    with pytest.raises(UsageError, match="the prior auto needs held-out pixels, got held_out 0"):
        restore(np.zeros((4, 4, 1)), np.arange(16).reshape(4, 4) > 3, Config(held_out=0))
