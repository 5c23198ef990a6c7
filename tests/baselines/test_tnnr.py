"""TNNR against a transcription, one channel at a time, with an SVD."""

from __future__ import annotations

import numpy as np


def transcription(M, known, rank, outer):
    """Restore one channel on 0..255."""
    observed = np.where(known, M, 0.0)
    size, X, mu = np.linalg.norm(observed), observed, 0.05
    for _ in range(outer):
        last = X
        U, _, Vt = np.linalg.svd(X)
        UV = U[:, :rank] @ Vt[:rank]
        W = L = X
        for _ in range(200):
            before = X
            Q, s, Rt = np.linalg.svd(W - L / mu, full_matrices=False)
            X = (Q * np.maximum(s - 1 / mu, 0)) @ Rt
            if np.linalg.norm(X - before) < 1e-4 * size:
                break
            W = np.where(known, M, X + (UV + L) / mu)
            L = L + mu * (X - W)
        if np.linalg.norm(X - last) < 3e-4 * size:
            break
    return X


def test_agrees_with_the_transcription_on_bytes(sample, hole, complete):
    noise = 0.03 * np.random.default_rng(1).standard_normal((14, 18, 2))
    image, known = sample(14, 18, 2) + noise, hole(14, 18)
    image[..., 1] *= 0.3  # so that the channels stop at other steps
    ours = complete("tnnr", image, known, rank=3, max_iterations=8).raw
    for channel in range(2):
        theirs = transcription(255 * image[..., channel], known, 3, 8) / 255
        np.testing.assert_allclose(ours[..., channel], theirs, rtol=0, atol=1e-7)


def test_the_scale_matters(sample, hole, complete):
    image, known = sample(14, 18), hole(14, 18)
    bytes_, units = (complete("tnnr", image, known, scale=scale).raw for scale in (255.0, 1.0))
    assert np.abs(bytes_ - units).max() > 1e-3


def test_the_partial_sum_descends_from_one_outer_step_to_the_next(hole, complete):
    image, known, rank = np.random.default_rng(0).random((12, 15, 1)), hole(12, 15), 2
    exact = {"rank": rank, "inner_rtol": 1e-9, "inner_iterations": 500, "rtol": 0.0}
    sums = []
    for outer in (1, 2, 3):
        result = complete("tnnr", image, known, max_iterations=outer, **exact)
        feasible = np.where(known[..., None], image, result.raw)[..., 0]
        sums.append(np.linalg.svd(feasible, compute_uv=False)[rank:].sum())
    assert (np.diff(sums) < 1e-7).all()
    assert sums[-1] < sums[0] - 1e-3


def test_recovers_a_matrix_of_low_rank(sample, hole, complete):
    image = sample(60, 60, 2)
    result = complete("tnnr", image, hole(60, 60), rank=2)
    assert result.stop == "tolerance"
    assert np.abs(result.raw - image).max() < 3e-3
