"""Exact nuclear-norm completion, against what is known to be its answer."""

from __future__ import annotations

import numpy as np


def nuclear_norm(channels):
    return np.linalg.svd(np.moveaxis(channels, 2, 0), compute_uv=False).sum()


def test_recovers_a_matrix_of_low_rank(sample, hole, complete):
    image, known = sample(60, 60, 2), hole(60, 60, rate=0.3)
    result = complete("nuclear-admm", image, known, rtol=1e-9, growth=1.05, max_iterations=1000)
    assert result.stop == "tolerance"
    assert np.abs(result.raw - image).max() < 1e-5


def test_no_feasible_neighbour_has_a_smaller_nuclear_norm(sample, hole, complete):
    rng = np.random.default_rng(0)
    image, known = rng.random((12, 15, 1)), hole(12, 15)
    best = complete("nuclear-admm", image, known, rtol=1e-10, growth=1.01, max_iterations=4000).raw
    for _ in range(50):
        step = np.where(known[..., None], 0.0, rng.standard_normal(image.shape))
        for size in (1e-3, 1e-2, 1e-1):
            assert nuclear_norm(best + size * step) > nuclear_norm(best) - 1e-6
