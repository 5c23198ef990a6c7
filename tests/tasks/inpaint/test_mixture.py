from __future__ import annotations

import numpy as np
import pytest

from edlrr_cli.tasks.inpaint.mixture import mix

SHAPE = (80, 90, 3)


@pytest.fixture
def truth():
    return np.random.default_rng(0).random(SHAPE)


@pytest.fixture
def hidden():
    return np.random.default_rng(1).random(SHAPE[:2]) < 0.05


def noisy(truth, deviation, seed):
    return truth + deviation * np.random.default_rng(seed).standard_normal(truth.shape)


def error_of(pixels, truth):
    return float(np.sqrt(np.square(pixels - truth).mean()))


def test_weights_are_by_inverse_variance(truth, hidden):
    candidates = [noisy(truth, deviation, seed) for seed, deviation in enumerate((0.05, 0.1))]
    mixture = mix(candidates, truth, hidden, ~hidden)
    assert mixture.weights == pytest.approx((0.8, 0.2), abs=0.08)
    assert sum(mixture.weights) == pytest.approx(1)
    assert error_of(mixture.pixels, truth) < 0.048


def test_each_region_has_the_better_one(truth):
    """The left half of one candidate is right, the right half of the other."""
    hidden = np.random.default_rng(1).random(SHAPE[:2]) < 0.5
    wrong = noisy(truth, 0.2, 0)
    left = np.arange(SHAPE[1])[None, :, None] < 45
    one, other = np.where(left, truth, wrong), np.where(left, wrong, truth)
    mixture = mix([one, other], truth, hidden, ~hidden)
    # Half of each everywhere would miss by 0.1, 0.08 in the mean of absolute values.
    assert error_of(mixture.pixels, truth) < 0.09
    assert np.abs(mixture.pixels - truth)[:, :10].mean() < 0.06
    assert np.abs(mixture.pixels - truth)[:, -10:].mean() < 0.06


def test_a_hopeless_candidate_has_no_weight(truth, hidden):
    mixture = mix([noisy(truth, 0.02, 0), np.zeros(SHAPE)], truth, hidden, ~hidden)
    assert mixture.weights[1] < 0.01


def test_equal_candidates_are_no_obstacle(truth, hidden):
    one = noisy(truth, 0.1, 0)
    mixture = mix([one, one, one], truth, hidden, ~hidden)
    assert np.allclose(mixture.pixels, one)
    single = mix([one], truth, hidden, ~hidden)
    assert single.weights == (1.0,)
    assert np.allclose(single.pixels, one)


def test_one_hidden_pixel_will_do(truth):
    hidden = np.zeros(SHAPE[:2], bool)
    hidden[3, 4] = True
    mixture = mix([noisy(truth, 0.1, seed) for seed in range(3)], truth, hidden, ~hidden)
    assert np.isfinite(mixture.pixels).all()
    assert np.isfinite(mixture.error).all()


def test_the_expected_error_is_the_error(truth, hidden):
    """Where candidates differ more, errors are larger: by how much, the hidden pixels tell."""
    hard = np.arange(SHAPE[0])[:, None, None] < 30
    candidates = [np.where(hard, noisy(truth, 0.2, seed), noisy(truth, 0.02, seed)) for seed in range(3)]
    mixture = mix(candidates, truth, hidden, ~hidden)
    for rows in (np.s_[:28], np.s_[32:]):
        real = error_of(mixture.pixels[rows], truth[rows])
        assert np.sqrt(np.square(mixture.error[rows]).mean()) == pytest.approx(real, rel=0.3)


def test_nothing_is_modified(truth, hidden):
    candidates = [noisy(truth, 0.1, seed) for seed in range(2)]
    copies = [candidate.copy() for candidate in candidates]
    mix(candidates, truth, hidden, ~hidden)
    assert all((one == other).all() for one, other in zip(candidates, copies, strict=True))
