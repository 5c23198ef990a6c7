"""The partial sum: its proximal map against brute force, its two loops against transcriptions."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from edlrr_cli.baselines.pssv import psvt


def naive_psvt(Y, threshold, rank):
    U, s, Vt = np.linalg.svd(Y, full_matrices=False)
    kept = [value if i < rank else max(value - threshold, 0) for i, value in enumerate(s)]
    return (U * np.array(kept)) @ Vt


def proximal_objective(X, Y, threshold, rank):
    tail = np.linalg.svd(X, compute_uv=False)[..., rank:].sum(-1)
    return threshold * tail + ((X - Y) ** 2).sum((-2, -1)) / 2


@pytest.mark.parametrize("rank", [0, 1, 3])
def test_no_other_matrix_has_a_smaller_proximal_objective(rank):
    rng = np.random.default_rng(rank)
    Y, threshold = rng.standard_normal((6, 5)), 0.8
    best = psvt(torch.from_numpy(Y), threshold, rank)[0].numpy()
    lowest = proximal_objective(best, Y, threshold, rank)
    for size in (1e-3, 1e-2, 0.1, 1.0):
        others = best + size * rng.standard_normal((3000, 6, 5))
        assert proximal_objective(others, Y, threshold, rank).min() > lowest
    truncated = [naive_psvt(Y, t, kept) for t in np.linspace(0, 3, 31) for kept in range(6)]
    assert proximal_objective(np.array(truncated), Y, threshold, rank).min() > lowest - 1e-12


def test_the_largest_are_kept_even_below_the_threshold():
    Y = torch.diag(torch.tensor([3.0, 1.0, 0.5], dtype=torch.float64))
    assert psvt(Y, 2.0, rank=2)[1].tolist() == [3.0, 1.0, 0.0]
    assert psvt(Y, 2.0, rank=9)[1].tolist() == [3.0, 1.0, 0.5]


def naive_completion(M, known, rank, steps):
    P = np.where(known, M, 0.0)
    X, E, L, mu = 0 * P, 0 * P, 0 * P, 1e-4
    for _ in range(steps):
        X = naive_psvt(P - E + L / mu, 1 / mu, rank)
        E = np.where(known, 0.0, P - X + L / mu)
        L, mu = L + mu * (P - X - E), min(1.1 * mu, 1e10)
    return X


def naive_rpca(D, rank, steps):
    A, L, lam = 0 * D, 0 * D, 1 / np.sqrt(max(D.shape))
    first = mu = 1.25 / np.linalg.norm(D, 2)
    for _ in range(steps):
        R = D - A + L / mu
        E = np.sign(R) * np.maximum(np.abs(R) - lam / mu, 0)
        A = naive_psvt(D - E + L / mu, 1 / mu, rank)
        L, mu = L + mu * (D - A - E), min(1.1 * mu, 1e7 * first)
    return A


@pytest.mark.parametrize("steps", [3, 40])
def test_both_agree_with_transcriptions(steps, sample, hole, complete):
    # Free singular values amplify rounding where the next ones are as large: hence an image, not noise.
    noise = 0.02 * np.random.default_rng(1).standard_normal((12, 17, 2))
    image, known = sample(12, 17, 2, rank=4) + noise, hole(12, 17)
    masked = complete("pssv", image, known, rank=2, rtol=0.0, max_iterations=steps).raw
    robust = complete("pssv-rpca", image, known, rank=2, rtol=0.0, max_iterations=steps).raw
    for channel in range(2):
        M = image[..., channel]
        np.testing.assert_allclose(masked[..., channel], naive_completion(M, known, 2, steps), atol=1e-9)
        np.testing.assert_allclose(robust[..., channel], naive_rpca(M * known, 2, steps), atol=1e-7)


def test_rank_0_is_the_nuclear_norm(sample, hole, complete):
    image, known = sample(12, 17), hole(12, 17)
    ours, theirs = complete("pssv", image, known, rank=0), complete("nuclear-admm", image, known)
    assert ours.history == theirs.history
    assert (ours.raw == theirs.raw).all()


def test_recover_a_matrix_of_low_rank(sample, hole, complete):
    image = sample(60, 60, 2)
    masked = complete("pssv", image, hole(60, 60), rank=2)
    robust = complete("pssv-rpca", image, hole(60, 60, rate=0.1), rank=2)
    assert (masked.stop, robust.stop) == ("tolerance", "tolerance")
    assert np.abs(masked.raw - image).max() < 1e-3
    assert np.abs(robust.raw - image).max() < 1e-3


def test_a_black_image_stays_black(hole, complete):
    assert not complete("pssv-rpca", np.zeros((12, 17, 2)), hole(12, 17)).raw.any()
