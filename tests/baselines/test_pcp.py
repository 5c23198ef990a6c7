"""Principal component pursuit: exact recovery, the dual certificate, and the equivalent problem."""

from __future__ import annotations

import pytest
import torch

from edlrr_cli.baselines.pcp import pcp


def low_rank_and_sparse(m=60, n=40, rank=2, fraction=0.05, seed=0):
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    L = normal(m, rank) @ normal(rank, n)
    hit = torch.rand(m, n, generator=generator) < fraction
    return L, torch.where(hit, 5 * normal(m, n), 0.0)


def noise(m=30, n=12):
    return torch.randn(m, n, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_recovers_both_parts():
    L, S = low_rank_and_sparse()
    split = pcp(L + S)
    assert split.converged
    assert split.iterations < 60
    torch.testing.assert_close(split.low_rank, L, rtol=0, atol=1e-5)
    torch.testing.assert_close(split.sparse, S, rtol=0, atol=1e-5)
    assert int((split.singular_values > 0).sum()) == 2


@pytest.mark.parametrize("V", [noise(), noise().T, noise(20, 20)], ids=["tall", "wide", "square"])
def test_the_objective_is_within_the_gap_of_the_minimum(V):
    quick, exact = pcp(V), pcp(V, growth=1.005, rtol=1e-10, max_iterations=5000)
    assert exact.gap < 1e-6
    assert exact.objective <= quick.objective <= (1 + quick.gap) * exact.objective * (1 + 1e-9)
    assert quick.gap < 0.1  # noise is neither low-rank nor sparse, the worst case for the growing penalty


def test_the_objective_is_that_of_the_parts():
    V = noise()
    split = pcp(V, weight=0.3)
    wanted = torch.linalg.svdvals(split.low_rank).sum() + 0.3 * (V - split.low_rank).abs().sum()
    assert split.objective == pytest.approx(float(wanted), rel=1e-9)
    torch.testing.assert_close(split.low_rank + split.sparse, V)


def test_no_neighbour_is_better():
    V, weight = noise(8, 6), 0.3
    split = pcp(V, weight=weight, growth=1.005, rtol=1e-11, max_iterations=5000)
    generator = torch.Generator().manual_seed(2)
    for size in (1e-3, 1e-2, 1e-1):
        for _ in range(20):
            X = split.low_rank + size * torch.randn(V.shape, generator=generator, dtype=torch.float64)
            assert torch.linalg.svdvals(X).sum() + weight * (V - X).abs().sum() >= split.objective - 1e-7


def test_the_scale_does_not_matter():
    V = noise()
    ones, bytes_ = pcp(V), pcp(255 * V)
    torch.testing.assert_close(bytes_.low_rank / 255, ones.low_rank, rtol=1e-8, atol=1e-8)


def test_float32_and_the_number_of_steps():
    L, S = low_rank_and_sparse()
    split = pcp((L + S).float(), rtol=1e-6)
    assert split.low_rank.dtype == torch.float32
    torch.testing.assert_close(split.low_rank.double(), L, rtol=0, atol=1e-3)
    few = pcp(L + S, max_iterations=3)
    assert (few.iterations, few.converged) == (3, False)


def test_nothing_moves_in_a_constant_image():
    V = torch.full((50, 7), 0.5, dtype=torch.float64)
    split = pcp(V)
    torch.testing.assert_close(split.low_rank, V, rtol=0, atol=1e-6)
    assert not pcp(torch.zeros(5, 4, dtype=torch.float64)).low_rank.any()
