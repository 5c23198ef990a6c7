"""Multi-Schatten-p completion, against its formulas written out for one channel, and what is proven of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from edlrr_cli.baselines.multi_schatten import prox_schatten
from edlrr_cli.errors import UsageError


def shrink(Y, weight, p):
    U, sigma, Vh = np.linalg.svd(Y, full_matrices=False)
    return (U * (np.maximum(sigma - weight, 0) if p == 1 else sigma / (1 + weight))) @ Vh


def chain(factors, size):
    product = np.eye(size)
    for X in factors:
        product = product @ X
    return product


def schatten(X, p):
    return (np.linalg.svd(X, compute_uv=False) ** p).sum()


def transcription(M, W, factors, lam, p, sweeps):
    """One channel, by the SVD: Nesterov's sequence, a plain sweep where the objective would rise."""
    height = len(M)

    def sweep(factors, before, extrapolation):
        factors = list(factors)
        for i in range(len(factors)):
            Z = factors[i] + extrapolation * (factors[i] - before[i])
            L = chain(factors[:i], height)
            R = chain(factors[i + 1 :], factors[i].shape[1])
            t = np.linalg.norm(L, 2) ** 2 * np.linalg.norm(R, 2) ** 2
            factors[i] = shrink(Z + L.T @ (W * (M - L @ Z @ R)) @ R.T / t, lam / t, p)
        norms = sum(schatten(X, p) / p for X in factors)
        return factors, lam * norms + ((W * (M - chain(factors, height))) ** 2).sum() / 2

    before, momentum, values = factors, 1.0, []
    for _ in range(sweeps):
        grown = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        swept, value = sweep(factors, before, (momentum - 1) / grown)
        if values and value > values[-1]:
            swept, value = sweep(factors, factors, 0.0)
            grown = 1.0
        before, factors, momentum = factors, swept, grown
        values.append(value)
    return chain(factors, height), values


def start(height, width, channels, rank, num_factors, seed=0):
    generator = torch.Generator().manual_seed(seed)
    first = torch.rand(channels, height, rank, generator=generator, dtype=torch.float64).numpy()
    last = torch.rand(channels, rank, width, generator=generator, dtype=torch.float64).numpy()
    return [[first[k], *[np.eye(rank)] * (num_factors - 2), last[k]] for k in range(channels)]


@pytest.mark.parametrize(("num_factors", "p"), [(2, 2.0), (2, 1.0), (4, 1.0)])
def test_is_its_formulas(num_factors, p, sample, hole, complete):
    image, known = sample(14, 17, 2, rank=3), hole(14, 17)
    settings = {"lam": 0.05, "rank": 5, "num_factors": num_factors, "factor_p": p}
    result = complete("multi-schatten", image, known, **settings, rtol=0.0, max_iterations=40)
    values = 0
    for channel, factors in enumerate(start(14, 17, 2, 5, num_factors)):
        X, reported = transcription(image[..., channel], known, factors, 0.05, p, 40)
        values = values + np.array(reported)
        np.testing.assert_allclose(result.raw[..., channel], X, rtol=0, atol=1e-7)
    np.testing.assert_allclose([loss for _, loss in result.history], values, rtol=1e-8)


@pytest.mark.parametrize("p", [1.0, 2.0])
def test_the_objective_never_rises(p, sample, hole, complete):
    image, known = sample(rank=4), hole(30, 36, rate=0.5)
    result = complete(
        "multi-schatten", image, known, lam=0.3, rank=6, factor_p=p, rtol=0.0, max_iterations=100
    )
    assert (np.diff([loss for _, loss in result.history]) <= 1e-12 * result.history[0][1]).all()


@pytest.mark.parametrize("p", [1.0, 2.0])
def test_no_neighbour_is_better_than_the_proximal_point(p):
    rng = np.random.default_rng(0)
    Y = rng.standard_normal((7, 5))
    X, norm = prox_schatten(torch.from_numpy(Y)[None], torch.full((1, 1, 1), 0.8, dtype=torch.float64), p)
    X = X[0].numpy()

    def value(Z):
        return 0.8 * schatten(Z, p) / p + ((Z - Y) ** 2).sum() / 2

    assert float(norm) == pytest.approx(schatten(X, p) / p, rel=1e-12)
    for _ in range(200):
        step = rng.standard_normal(Y.shape)
        assert all(value(X + size * step) > value(X) for size in (1e-4, 1e-2, 1.0))


@pytest.mark.parametrize(("num_factors", "p"), [(2, 2.0), (2, 1.0), (4, 1.0)])
def test_the_norms_of_the_factors_add_up_to_that_of_the_product(num_factors, p, matrix_with_spectrum):
    """(1 / p) ||X||_p^p is the least sum, attained where all factors have the spectrum sigma^(1 / I)."""
    whole = p / num_factors
    X = matrix_with_spectrum([3.0, 1.0, 0.2], 6, 5, dtype=torch.float64).numpy()
    U, sigma, Vh = np.linalg.svd(X, full_matrices=False)
    root = np.diag(sigma ** (1 / num_factors))
    factors = [U @ root, *[root] * (num_factors - 2), root @ Vh]
    wanted = schatten(X, whole) / whole
    assert sum(schatten(F, p) / p for F in factors) == pytest.approx(wanted, rel=1e-4)
    rng = np.random.default_rng(0)
    for _ in range(50):
        change = np.eye(5) + 0.1 * rng.standard_normal((5, 5))
        other = [factors[0] @ change, np.linalg.inv(change) @ factors[1], *factors[2:]]
        np.testing.assert_allclose(chain(other, 6), X, atol=1e-10)
        assert sum(schatten(F, p) / p for F in other) > wanted * (1 - 1e-9)


def test_the_published_weight_blackens_an_image(sample, hole, complete):
    raw = complete("multi-schatten", sample(), hole(30, 36), lam=200.0).raw
    assert np.abs(raw).max() < 1e-6


def test_recovers_an_image_of_low_rank(sample, hole, complete):
    image, known = sample(40, 40, 1), hole(40, 40)
    result = complete("multi-schatten", image, known, lam=1e-3, rank=4, max_iterations=300)
    assert np.abs(result.raw - image).max() < 0.01


def test_refuses_other_powers(sample, hole, complete):
    with pytest.raises(UsageError, match="expected 1 or 2"):
        complete("multi-schatten", sample(8, 8), hole(8, 8), factor_p=0.5)
