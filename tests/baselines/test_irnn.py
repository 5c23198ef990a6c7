"""IRNN against a transcription of the authors' program, one channel at a time, with an SVD."""

from __future__ import annotations

import numpy as np
import pytest

from edlrr_cli.errors import UsageError

# The derivative of each penalty as the authors write it, with their shape for images.
GAINS = {
    "lp": lambda s, lam, p=0.35: lam * p * s ** (p - 1),
    "scad": lambda s, lam, g=10.0: np.clip((g * lam - s) / (g - 1), 0, lam),
    "log": lambda s, lam, g=0.1: lam * g / ((g * s + 1) * np.log(g + 1)),
    "mcp": lambda s, lam, g=0.1: np.maximum(lam - s / g, 0),
    "etp": lambda s, lam, g=0.001: lam * g * np.exp(-g * s) / (1 - np.exp(-g)),
    "geman": lambda s, lam, g=10.0: lam * g / (s + g) ** 2,
    "laplace": lambda s, lam, g=10.0: lam / g * np.exp(-s / g),
}


def transcription(M, known, gain):
    """Restore one channel on 0..255."""
    X, observed = np.zeros_like(M), np.where(known, M, 0.0)
    first = lam = 1000 * np.abs(observed).max()

    def watch():
        return np.linalg.norm(observed - X * known) + lam * np.abs(X).sum()

    watched = watch()
    while lam > 1e-5 * first:
        for _ in range(200):
            before = watched
            U, s, Vt = np.linalg.svd(X + (observed - X * known) / 1.1, full_matrices=False)
            X = (U * np.maximum(s - gain(s, lam) / 1.1, 0)) @ Vt
            watched = watch()
            if abs(watched - before) / abs(watched + before) < 1e-5:
                break
        if np.linalg.norm(observed - X * known) < 1e-5:
            break
        lam *= 0.5
    return X


@pytest.mark.parametrize("penalty", GAINS)
def test_agrees_with_the_transcription_on_bytes(penalty, sample, hole, complete):
    noise = 0.03 * np.random.default_rng(1).standard_normal((14, 18, 2))
    image, known = sample(14, 18, 2) + noise, hole(14, 18)
    image[..., 1] *= 0.3  # so that the channels have other weights and stop at other steps
    ours = complete("irnn", image, known, penalty=penalty).raw
    for channel in range(2):
        theirs = transcription(255 * image[..., channel], known, GAINS[penalty]) / 255
        np.testing.assert_allclose(ours[..., channel], theirs, rtol=0, atol=1e-7)


def test_the_scale_matters(sample, hole, complete):
    image, known = sample(14, 18) ** 2, hole(14, 18)
    bytes_, units = (complete("irnn", image, known, scale=scale).raw for scale in (255.0, 1.0))
    assert np.abs(bytes_ - units).max() > 1e-4


def objectives(complete, image, known, **params):
    """The exact objective after each step with one lambda."""
    one_weight = {"decay": 1.0, "inner_iterations": 1, "max_iterations": 60}
    return np.array([loss for _, loss in complete("irnn", image, known, **one_weight, **params).history])


def test_descends_where_the_gains_are_those_of_the_proof(sample, hole, complete):
    image, known = np.random.default_rng(0).random((14, 18, 2)), hole(14, 18)
    losses = objectives(complete, image, known, shape=1.0, first_weight=0.5)
    assert (np.diff(losses) <= 1e-9 * losses[:-1]).all()
    assert losses[-1] < 0.9 * losses[0]


def test_may_rise_with_the_gains_of_the_program(sample, hole, complete):
    noise = 0.05 * np.random.default_rng(1).standard_normal((30, 36, 2))
    losses = objectives(complete, sample(30, 36, 2, rank=4) + noise, hole(30, 36), first_weight=20.0)
    assert (np.diff(losses) > 1e-6 * losses[:-1]).any()


def test_a_black_channel_stays_black(sample, hole, complete):
    image = sample(14, 18, 2)
    image[..., 1] = 0.0
    result = complete("irnn", image, hole(14, 18))
    assert not result.raw[..., 1].any()
    assert result.raw[..., 0].any()


def test_recovers_a_matrix_of_low_rank(sample, hole, complete):
    image = sample(60, 60, 1)
    result = complete("irnn", image, hole(60, 60))
    assert (result.stop, result.iterations) == ("tolerance", 17)
    assert np.abs(result.raw - image).max() < 2e-3


def test_refuses_what_is_no_penalty(sample, hole, complete):
    image, known = sample(8, 8), hole(8, 8)
    with pytest.raises(UsageError, match="unknown penalty 'scda'; did you mean 'scad'"):
        complete("irnn", image, known, penalty="scda")
    with pytest.raises(UsageError, match="0 < shape <= 1, got 2"):
        complete("irnn", image, known, shape=2.0)
