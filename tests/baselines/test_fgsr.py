"""FGSR against its identities, one channel at a time as the paper prunes it, and where it must break down."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from edlrr_cli.baselines.fgsr import Factors, Half, TwoThirds, prune, settled, step_A
from edlrr_cli.errors import UsageError

REGULARISERS = [(TwoThirds(), 2 / 3, 1.5), (Half(), 1 / 2, 2.0)]


def randn(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def shorten(W, threshold):
    """Shorten every column of a matrix, one after the other."""
    for j in range(W.shape[1]):
        norm = np.linalg.norm(W[:, j])
        W[:, j] *= max(1 - threshold / norm, 0) if norm > 0 else 0
    return W


def naive_A(A, B, target, penalty, safety):
    tau = safety * penalty * np.linalg.norm(B, 2) ** 2
    return shorten(A + penalty / tau * (target - A @ B) @ B.T, 1 / tau)


def naive_B(name, A, B, target, penalty, safety):
    if name == "two-thirds":
        return np.linalg.solve(penalty * A.T @ A + np.eye(A.shape[1]), penalty * A.T @ target)
    tau = safety * penalty * np.linalg.norm(A, 2) ** 2
    return shorten((B + penalty / tau * A.T @ (target - A @ B)).T, 1 / tau).T


def naive_start(name, Y, max_rank):
    U, sigma, Vh = np.linalg.svd(Y, full_matrices=False)
    power = 2 / 3 if name == "two-thirds" else 1 / 2
    return (U * sigma**power)[:, :max_rank], (sigma ** (1 - power) * Vh.T).T[:max_rank]


def naive_rpca(name, D, weight, penalty, max_rank, steps):
    """Return D - E and the number of columns left, of one channel, with columns removed as they vanish."""
    A, B = naive_start(name, D, max_rank)
    E, Q = np.zeros_like(D), np.zeros_like(D)
    for _ in range(steps):
        B = naive_B(name, A, B, D - E + Q / penalty, penalty, 1.01)
        A = naive_A(A, B, D - E + Q / penalty, penalty, 1.01)
        rest = D - A @ B + Q / penalty
        E = np.sign(rest) * np.maximum(np.abs(rest) - weight / penalty, 0)
        Q = Q + penalty * (D - A @ B - E)
        kept = [j for j in range(A.shape[1]) if A[:, j] @ A[:, j] > 1e-5]
        A, B = A[:, kept], B[kept]
    return D - E, A.shape[1]


def naive_completion(name, P, known, penalty, steps):
    """Return X and the number of columns left, of one channel, with columns removed as they vanish."""
    A, B = naive_start(name, P * known.size / known.sum(), int(np.ceil(known.mean() * min(P.shape) / 2)))
    X, Q = P.copy(), np.zeros_like(P)
    for _ in range(steps):
        A = naive_A(A, B, X + Q / penalty, penalty, 1.0)
        B = naive_B(name, A, B, X + Q / penalty, penalty, 3.0)
        X = np.where(known, P, A @ B - Q / penalty)
        Q = Q + penalty * (X - A @ B)
        kept = [j for j in range(A.shape[1]) if A[:, j] @ A[:, j] > 1e-5 and B[j] @ B[j] > 1e-5]
        A, B = A[:, kept], B[kept]
    return X, A.shape[1]


@pytest.fixture
def uneven(sample):
    """An image whose channels lose different numbers of columns: ranks 2, 3 and 5."""
    return np.stack([sample(40, 46, 1, rank)[..., 0] for rank in (2, 3, 5)], axis=2)


@pytest.mark.parametrize(("fgsr", "power", "factor"), REGULARISERS)
def test_the_start_attains_the_schatten_quasi_norm(fgsr, power, factor):
    Y = randn(2, 9, 12)
    factors = fgsr.factorize(Y, 9)
    torch.testing.assert_close(factors.A @ factors.B, Y)
    wanted = factor * torch.linalg.svdvals(Y).pow(power).sum()
    torch.testing.assert_close(fgsr.cost(factors), wanted)


@pytest.mark.parametrize(("fgsr", "power", "factor"), REGULARISERS)
def test_no_other_factors_of_the_same_product_cost_less(fgsr, power, factor):
    Y = randn(1, 7, 8)
    least = fgsr.cost(fgsr.factorize(Y, 7))
    A, B = fgsr.factorize(Y, 7)
    for seed in range(40):
        for size in (1e-3, 0.1, 1.0):
            M = torch.eye(7, dtype=torch.float64) + size * randn(7, 7, seed=seed)
            assert fgsr.cost(Factors(A @ M, torch.linalg.solve(M, B))) >= least
    # also with more columns than the rank
    N = torch.linalg.qr(randn(9, 9)).Q[:7]
    assert fgsr.cost(Factors(A @ N, N.mT @ B)) > least


@pytest.mark.parametrize(("fgsr", "power", "factor"), REGULARISERS)
def test_each_step_lowers_the_augmented_cost(fgsr, power, factor):
    target, penalty = randn(2, 12, 15), 0.7

    def value(factors):
        return float(fgsr.cost(factors) + penalty / 2 * (target - factors.A @ factors.B).square().sum())

    factors = Factors(randn(2, 12, 6, seed=1), randn(2, 6, 15, seed=2))
    values = [value(factors)]
    for _ in range(20):
        factors = factors._replace(A=step_A(factors, target, penalty, 1.0))
        values.append(value(factors))
        factors = factors._replace(B=fgsr.step_B(factors, target, penalty, 1.0))
        values.append(value(factors))
    assert np.diff(values).max() < 0


@pytest.mark.parametrize("name", ["two-thirds", "half"])
def test_rpca_is_each_channel_alone_with_columns_removed(name, uneven, hole, complete):
    known = hole(40, 46, rate=0.1)
    settings = {"weight": 0.05, "penalty": 0.5, "max_rank": 15}
    raw = complete("fgsr-rpca", uneven, known, regulariser=name, rtol=0.0, max_iterations=60, **settings).raw
    ranks = []
    for channel in range(3):
        wanted, rank = naive_rpca(name, uneven[..., channel] * known, **settings, steps=60)
        ranks.append(rank)
        assert np.abs(raw[..., channel] - wanted).max() < 1e-9
    assert len(set(ranks)) > 1
    assert max(ranks) < 15


@pytest.mark.parametrize("name", ["two-thirds", "half"])
def test_completion_is_each_channel_alone_with_columns_removed(name, uneven, hole, complete):
    known = hole(40, 46)
    raw = complete(f"fgsr-{name}", uneven, known, penalty=0.5, rtol=0.0, max_iterations=80).raw
    ranks = []
    for channel in range(3):
        wanted, rank = naive_completion(name, uneven[..., channel] * known, known, 0.5, 80)
        ranks.append(rank)
        assert np.abs(raw[..., channel] - wanted).max() < 1e-9
    assert len(set(ranks)) > 1
    assert max(ranks) < 14


@pytest.mark.parametrize("name", ["fgsr-two-thirds", "fgsr-half"])
def test_completion_recovers_a_matrix_of_low_rank(name, sample, hole, complete):
    image, known = sample(60, 66, 2, rank=3), hole(60, 66)
    result = complete(name, image, known, rtol=1e-6)
    assert result.stop == "tolerance"
    assert np.abs(result.raw - image).max() < 1e-4


@pytest.mark.parametrize(("name", "power"), [("fgsr-two-thirds", 2 / 3), ("fgsr-half", 1 / 2)])
def test_the_penalty_follows_the_data_scale(name, power, sample, hole, complete):
    image, known = sample(40, 46, 2, rank=3), hole(40, 46)
    settings = {"rtol": 0.0, "max_iterations": 30}
    full = complete(name, image, known, penalty=0.3, **settings).raw
    penalties = (0.3 * 0.25 ** (power - 2), 0.3)
    scaled, same = (
        4 * complete(name, image / 4, known, penalty=penalty, **settings).raw for penalty in penalties
    )
    # What is negligible is not scaled, which costs 2e-5.
    assert np.abs(scaled - full).max() < 1e-4
    assert np.abs(same - full).max() > 1e-2


@pytest.mark.parametrize("name", ["fgsr-two-thirds", "fgsr-half"])
def test_a_penalty_for_larger_entries_drops_columns_that_are_needed(name, sample, hole, complete):
    image, known = sample(60, 66, 2, rank=3), hole(60, 66)
    published = {"fgsr-two-thirds": 1e-3, "fgsr-half": 1e-4}[name]
    raw = complete(name, image, known, penalty=published, max_iterations=200).raw
    assert np.abs(raw - image).max() > 0.2


def mean_error(raw, image, known):
    return np.abs(raw - image)[~known].mean()


def test_rpca_breaks_down_where_black_pixels_are_the_majority(sample, hole, complete):
    image = sample(60, 66, 2, rank=3)
    errors = []
    for rate in (0.1, 0.6):
        known = hole(60, 66, rate=rate)
        raw = complete("fgsr-rpca", image, known, weight=0.05, max_iterations=100).raw
        errors.append(mean_error(raw, image, known))
    assert errors[0] < 0.001
    assert errors[1] > 0.9 * image.mean()


def test_rpca_takes_a_block_for_a_part_of_the_image(sample, hole, complete):
    image, known = sample(60, 66, 2, rank=3), np.ones((60, 66), dtype=bool)
    known[20:40, 20:40] = False
    raw = complete("fgsr-rpca", image, known, weight=0.05, max_iterations=100).raw
    assert mean_error(raw, image, known) > 0.9 * image[~known].mean()


def test_pruning_zeroes_in_one_channel_and_leaves_out_what_is_gone_in_all():
    A = torch.ones(2, 4, 3, dtype=torch.float64)
    B = torch.ones(2, 3, 5, dtype=torch.float64)
    A[0, :, 1] = 1e-4
    A[:, :, 2] = 1e-4
    B[1, 1] = 1e-4
    kept = prune(Factors(A, B), by_rows=False)
    assert kept.A.shape == (2, 4, 2)
    assert kept.B.shape == (2, 2, 5)
    assert kept.A.any(1).tolist() == kept.B.any(2).tolist() == [[True, False], [True, True]]
    assert prune(Factors(A, B), by_rows=True).A.shape == (2, 4, 1)


def test_settled_ignores_what_was_and_is_zero_and_wants_every_channel():
    one, zero = torch.ones(2, 3, 3), torch.zeros(2, 3, 3)
    moved = one.clone()
    moved[1] *= 1.01
    assert settled((one, one, zero), (one, one, zero), 1e-4)
    assert not settled((one, one, zero), (one, moved, zero), 1e-4)
    assert not settled((one, one, zero), (one, one, one), 1e-4)
    assert settled((one, one, one), (one, moved, one), 1e-4)
    assert not settled((one, one, one), (one, one, moved), 1e-4)
    assert settled((one, one, one), (one, one, one * 1.00005), 1e-4)
    assert not settled((one, one, one), (one, moved, one * 1.00005), 1e-4)


@pytest.mark.parametrize("name", ["fgsr-rpca", "fgsr-two-thirds", "fgsr-half"])
@pytest.mark.parametrize("shade", [0.0, 1.0])
def test_plain_images_and_the_loss_of_every_column_are_no_error(name, shade, complete):
    image, known = np.full((12, 14, 3), shade), np.ones((12, 14), dtype=bool)
    assert np.isfinite(complete(name, image, known, penalty=1e-6, max_iterations=20).raw).all()
    assert np.isfinite(complete(name, image, ~known, max_iterations=20).raw).all()


def test_refuses_an_unknown_regulariser(sample, hole, complete):
    with pytest.raises(UsageError, match="unknown regulariser 'third'"):
        complete("fgsr-rpca", sample(8, 8), hole(8, 8), regulariser="third")
