"""Several images as one batch: each comes to what it comes to alone."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from edlrr_cli.errors import UsageError
from edlrr_cli.pipelines.denoisers import load_denoiser
from edlrr_cli.tasks import memory
from edlrr_cli.tasks.denoise.config import Config as Denoising
from edlrr_cli.tasks.denoise.run import denoise, denoise_each
from edlrr_cli.tasks.inpaint.config import Config
from edlrr_cli.tasks.inpaint.lowrank.completion import inpaint_each
from edlrr_cli.tasks.inpaint.problem import InpaintProblem
from edlrr_cli.tasks.inpaint.restore import restore, restore_each


@pytest.fixture(autouse=True)
def a_cpu_takes_several(monkeypatch):
    monkeypatch.setitem(memory._AT_ONCE_PX, "cpu", 1e6)


# Of 255: far less than pixels can tell.
SAME = 0.2 / 255


def sample(seed, *, missing=0.4, noise=0.0):
    """Return an image of waves with some noise, and which of its pixels are known."""
    y, x = np.mgrid[:44, :40]
    generator = np.random.default_rng(seed)
    waves = [0.5 + 0.2 * np.sin(x / (3 + seed) + c) * np.cos(y / (4 + c) + seed) for c in range(3)]
    known = generator.random(y.shape) >= missing
    image = (np.stack(waves, axis=-1) + noise * generator.standard_normal((*y.shape, 3))).clip(0, 1)
    return np.where(known[..., None], image, 0.0), known


def wide_hole(seed):
    image, known = sample(seed, missing=0)
    known[14:32, 10:30] = False
    return np.where(known[..., None], image, 0.0), known


def hardly_known(seed):
    """Too little for `auto` to judge by."""
    return sample(seed, missing=0.95)


MIXED = [sample(0), wide_hole(1), hardly_known(2), sample(3, missing=0.2)]


def assert_same(one, other):
    assert np.abs(one.restored - other.restored).max() < SAME
    assert (one.iterations, one.stop, one.quality) == (other.iterations, other.stop, other.quality)
    for name in ("scale", "penalty", "weight", "noise", "effective_rank_before", "effective_rank_after"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-3, abs=1e-6), name
    assert [step for step, _, _ in one.history] == [step for step, _, _ in other.history]
    assert one.held_out_psnr == pytest.approx(other.held_out_psnr, abs=1e-2)
    assert list(one.mixture_weights) == list(other.mixture_weights)
    assert (one.error is None) == (other.error is None)


@pytest.mark.parametrize("settings", [{}, {"quality": "fast"}, {"prior": "global"}, {"prior": "local"}])
def test_each_comes_to_what_it_comes_to_alone(settings):
    config = Config(**settings)
    heard = [[] for _ in MIXED]
    damaged = [
        InpaintProblem(*pair, callback=reported.append) for pair, reported in zip(MIXED, heard, strict=True)
    ]
    for together, pair, reported in zip(restore_each(damaged, config), MIXED, heard, strict=True):
        mine = []
        assert_same(together, restore(*pair, config, callback=mine.append))
        assert (together.restored[pair[1]] == pair[0][pair[1]]).all()
        assert [(of.stage, of.step, of.num_steps) for of in reported] == [
            (of.stage, of.step, of.num_steps) for of in mine
        ]
        assert np.abs(reported[-1].current() - mine[-1].current()).max() < SAME


@pytest.mark.parametrize("prior", ["global", "local"])
def test_each_has_its_own_noise(prior):
    """Known, estimated or none; the pull on the known pixels adapts to each."""
    pairs = [sample(seed, noise=noise) for seed, noise in enumerate((0.0, 0.03, 0.1))]
    damaged = [InpaintProblem(*pair) for pair in pairs]
    config = Config(prior=prior, noise=None, quality="fast")
    together = restore_each(damaged, config, denoiser=load_denoiser())
    assert len({result.noise for result in together}) == 3
    for result, pair in zip(together, pairs, strict=True):
        alone = restore(*pair, config, denoiser=load_denoiser())
        assert_same(result, alone)
        assert (result.lam or 0.0) == pytest.approx(alone.lam or 0.0, rel=1e-3)
        assert result.data_term == pytest.approx(alone.data_term, rel=1e-3)


def test_with_and_without_noise_in_one_batch():
    pairs = [sample(0), sample(1, noise=0.1)]
    config = Config(prior="global")
    damaged = [InpaintProblem(*pair, noise=noise) for pair, noise in zip(pairs, (0.0, 0.1), strict=True)]
    for result, one in zip(inpaint_each(damaged, config), damaged, strict=True):
        assert_same(result, inpaint_each([one], config)[0])
    exact, noisy = inpaint_each(damaged, config)
    assert exact.lam is None
    assert noisy.lam > 0
    assert (exact.restored[pairs[0][1]] == pairs[0][0][pairs[0][1]]).all()


def test_images_stop_by_themselves():
    """One that stagnates early keeps what it has, while the others go on."""
    flat = np.full_like(MIXED[0][0], 0.5), MIXED[0][1]
    config = Config(prior="global", steps=400)
    damaged = [InpaintProblem(*pair) for pair in (flat, MIXED[0], MIXED[1])]
    together = restore_each(damaged, config)
    assert len({result.iterations for result in together}) > 1
    for result, one in zip(together, damaged, strict=True):
        assert_same(result, restore(one.image, one.known, config))


def test_a_time_budget_is_of_each():
    config = Config(prior="global", steps=10**6, time_budget=0.3)
    started = time.perf_counter()
    results = restore_each([InpaintProblem(*pair) for pair in MIXED[:3]], config)
    assert time.perf_counter() - started > 0.9
    assert {result.stop for result in results} == {"time budget"}


def test_probes_are_drawn_as_for_one():
    config = Config(prior="global", reg="nuclear", probes=20, steps=20)
    results = restore_each([InpaintProblem(*pair) for pair in MIXED[:2]], config)
    for result, pair in zip(results, MIXED, strict=False):
        assert (result.restored == restore(*pair, config).restored).all()


def test_what_is_wrong_with_one_is_wrong_with_all():
    broken = replace(InpaintProblem(*MIXED[0]), known=np.ones_like(MIXED[0][1]))
    with pytest.raises(UsageError, match="no pixel is missing"):
        restore_each([InpaintProblem(*MIXED[1]), broken], Config())


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_images_are_denoised_together(channels):
    config = Denoising(sigma=None)
    noisy = [
        np.dstack([sample(seed, missing=0, noise=0.05 * seed)[0]] * 2)[..., :channels] for seed in range(4)
    ]
    flat = np.full((44, 40, channels), 0.5)  # without noise, which the network must not be reported
    ticks = []
    together = denoise_each([*noisy, flat], config, load_denoiser(), progress=lambda *of: ticks.append(of))
    done = [number / count for number, count in ticks]
    assert len(done) >= channels
    assert done == sorted(set(done))
    assert done[-1] == 1
    for result, pixels in zip(together, [*noisy, flat], strict=True):
        alone = denoise(pixels, config, load_denoiser())
        assert result.sigma == alone.sigma
        assert np.abs(result.pixels - alone.pixels).max() < 1e-4
    assert (together[-1].pixels == flat).all()


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_batch_on_a_gpu_comes_to_what_each_comes_to_on_the_cpu():
    config = Config(quality="fast")
    damaged = [InpaintProblem(*pair) for pair in MIXED]
    there = restore_each(damaged, replace(config, device="cuda"))
    here = restore_each(damaged, replace(config, device="cpu"))
    for one, other in zip(there, here, strict=True):
        assert np.abs(one.restored - other.restored).max() < 0.02
