"""TNN-3DTV against its formulas: three singular value decompositions, Kronecker matrices, a dense solve."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from edlrr_cli.baselines.tnn_3dtv import _tubal_svt


def tubal_svt(A, threshold):
    """The definition, A of shape (h, w, c): every slice of the transform is decomposed."""
    slices = np.fft.fft(A, axis=2)
    for k in range(A.shape[2]):
        U, sigma, Vh = np.linalg.svd(slices[:, :, k], full_matrices=False)
        slices[:, :, k] = (U * np.maximum(sigma - threshold, 0)) @ Vh
    return np.fft.ifft(slices, axis=2).real


def tubal_norm(A):
    slices = np.moveaxis(np.fft.fft(A, axis=2), 2, 0)
    return np.linalg.svd(slices, compute_uv=False).sum() / A.shape[2]


def difference_matrix(shape, mode):
    """D of the flattened tensor, as a Kronecker product with a circulant matrix."""
    factors = [np.eye(size) for size in shape]
    factors[mode] = np.roll(np.eye(shape[mode]), 1, axis=1) - np.eye(shape[mode])
    return np.kron(np.kron(factors[0], factors[1]), factors[2])


def objective(X, mu):
    variation = [np.abs(np.roll(X, -1, axis=mode) - X).sum() for mode in range(3)]
    return tubal_norm(X) + np.dot(mu, variation)


def transcription(image, known, mu, steps, penalty=1e-2, smooth_penalty=1e-4, growth=1.05):
    """X and the objective of Y and Z after the steps."""
    W = np.broadcast_to(known[..., None], image.shape)
    shape, size = image.shape, image.size
    D = [difference_matrix(shape, mode) for mode in range(3)]
    X, K, N = W * image, np.zeros(shape), np.zeros(shape)
    L = [np.zeros(size) for _ in range(3)]
    beta, lam, value = penalty, smooth_penalty, np.nan
    for _ in range(steps):
        Y = tubal_svt(X + K / beta, 1 / beta)
        Z = []
        for k in range(3):
            b = D[k] @ X.ravel() + L[k] / lam
            Z.append(np.sign(b) * np.maximum(np.abs(b) - mu[k] / lam, 0))
        V = X + N / beta
        V[W] = image[W]
        A = 2 * beta * np.eye(size) + lam * sum(D[k].T @ D[k] for k in range(3))
        b = (beta * (Y + V) - K - N).ravel() + sum(D[k].T @ (lam * Z[k] - L[k]) for k in range(3))
        X = np.linalg.solve(A, b).reshape(shape)
        K = K + beta * (X - Y)
        L = [L[k] + lam * (D[k] @ X.ravel() - Z[k]) for k in range(3)]
        N = N + beta * (X - V)
        beta, lam = growth * beta, growth * lam
        value = tubal_norm(Y) + sum(mu[k] * np.abs(Z[k]).sum() for k in range(3))
    return X, value


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_the_proximal_map_decomposes_every_slice(channels):
    A = np.random.default_rng(0).standard_normal((6, 5, channels))
    Y, norm = _tubal_svt(torch.from_numpy(A).permute(2, 0, 1), 1.2)
    wanted = tubal_svt(A, 1.2)
    assert np.abs(Y.permute(1, 2, 0).numpy() - wanted).max() < 1e-12
    assert norm == pytest.approx(tubal_norm(wanted), rel=1e-12)


def test_the_proximal_map_minimises_what_it_should():
    rng = np.random.default_rng(0)
    A = rng.standard_normal((6, 5, 3))
    best = _tubal_svt(torch.from_numpy(A).permute(2, 0, 1), 1.2)[0].permute(1, 2, 0).numpy()

    def value(Y):
        return 1.2 * tubal_norm(Y) + ((Y - A) ** 2).sum() / 2

    for _ in range(200):
        step = rng.standard_normal(A.shape)
        for size in (1e-3, 1e-2, 1e-1):
            assert value(best + size * step) > value(best)


@pytest.mark.parametrize("steps", [1, 2, 6])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_step_is_that_of_the_dense_matrices(steps, channels, sample, hole, complete):
    # Large penalties, so that nothing is thresholded away: the formulas are the same for all.
    image, known = sample(6, 5, channels, rank=4), hole(6, 5)
    given = {"penalty": 3.0, "smooth_penalty": 0.5, "growth": 1.2}
    X, value = transcription(image, known, (0.2, 0.2, 0.05), steps, **given)
    result = complete(
        "tnn-3dtv", image, known, smoothness=0.2, colour_smoothness=0.05, max_iterations=steps, **given
    )
    assert np.abs(result.raw - X).max() < 1e-11
    assert result.history[-1][1] == pytest.approx(value, rel=1e-9)


def test_published_settings_are_the_defaults(sample, hole, complete):
    image, known = sample(6, 5), hole(6, 5)
    X, _ = transcription(image, known, (0.01, 0.01, 0.0), 100)
    result = complete("tnn-3dtv", image, known, rtol=0.0)
    assert result.iterations == 100
    assert np.abs(result.raw - X).max() < 1e-9


@pytest.mark.parametrize("smoothness", [0.0, 0.1])
def test_no_feasible_neighbour_has_a_smaller_objective(smoothness, hole, complete):
    rng = np.random.default_rng(0)
    image, known = rng.random((8, 7, 3)), hole(8, 7)
    settings = {"penalty": 1.0, "smooth_penalty": 1.0, "growth": 1.0, "rtol": 1e-10, "max_iterations": 2000}
    result = complete("tnn-3dtv", image, known, smoothness=smoothness, **settings)
    mu = (smoothness, smoothness, 0.0)
    assert result.stop == "tolerance"
    assert np.abs(result.raw - image)[known].max() < 1e-8
    best = objective(result.raw, mu)
    assert result.history[-1][1] == pytest.approx(best, abs=1e-6)
    for _ in range(50):
        step = np.where(known[..., None], 0.0, rng.standard_normal(image.shape))
        for size in (1e-3, 1e-2, 1e-1):
            assert objective(result.raw + size * step, mu) > best - 1e-7


def test_recovers_low_tubal_rank_without_total_variation(hole, complete):
    rng = np.random.default_rng(0)
    left, right = (np.fft.fft(rng.standard_normal(shape), axis=2) for shape in ((24, 2, 3), (2, 20, 3)))
    image = np.fft.ifft(np.einsum("irk,rjk->ijk", left, right), axis=2).real
    known = hole(24, 20, rate=0.2)
    settings = {"penalty": 0.1, "smooth_penalty": 1e-8, "growth": 1.1, "rtol": 1e-8, "max_iterations": 400}
    result = complete("tnn-3dtv", image, known, smoothness=0.0, **settings)
    assert result.stop == "tolerance"
    assert np.abs(result.raw - image).max() < 1e-4


def test_x_meets_the_known_pixels_only_in_the_end(sample, hole, complete):
    image, known = sample(16, 14), hole(16, 14)
    gaps = [
        np.abs(complete("tnn-3dtv", image, known, max_iterations=steps).raw - image)[known].max()
        for steps in (20, 50, 100)
    ]
    assert gaps[0] > gaps[1] > gaps[2] > 1e-6
