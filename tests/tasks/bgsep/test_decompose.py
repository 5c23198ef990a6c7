from __future__ import annotations

import pytest
import torch

from edlrr_cli.baselines.pcp import pcp
from edlrr_cli.lrr.names import REG_NAMES
from edlrr_cli.tasks.bgsep.decompose import decompose


def low_rank_and_sparse(frames=30, pixels=600, rank=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    course = 1 + 0.1 * torch.randn(frames, rank, generator=generator)
    L = 0.5 + 0.2 * course @ torch.randn(rank, pixels, generator=generator) / rank
    covered = torch.rand(frames, pixels, generator=generator) < 0.05
    return torch.where(covered, torch.rand(frames, pixels, generator=generator), L), L, covered


def test_adam_reaches_the_exact_minimum_of_principal_component_pursuit():
    V, _, _ = low_rank_and_sparse()
    exact = pcp(V, growth=1.05)
    assert exact.gap < 5e-4
    ours = decompose(V, steps=200)
    lam = max(V.shape) ** 0.5
    assert ours.objective == pytest.approx(lam * exact.objective, rel=1e-3)
    assert (ours.low_rank - exact.low_rank).abs().mean() < 0.5 / 255


def test_the_objective_is_that_of_the_definition():
    V, _, _ = low_rank_and_sparse(frames=12, pixels=80)
    ours = decompose(V, weight=2.0, steps=30)
    sigma = torch.linalg.svdvals(ours.low_rank.double())
    defined = (V - ours.low_rank).abs().sum().double() + 2 * max(V.shape) ** 0.5 * sigma.sum()
    assert ours.objective == pytest.approx(float(defined), rel=1e-5)
    assert ours.rank == int((sigma > 1e-3 * sigma[0]).sum())


def test_ialm_is_the_same_problem():
    V, L, _ = low_rank_and_sparse()
    ialm = decompose(V, solver="ialm")
    assert ialm.objective == pytest.approx(decompose(V, steps=200).objective, rel=1e-3)
    assert (ialm.low_rank - L).abs().mean() < 1 / 255


@pytest.mark.parametrize("reg", [name.replace("-P", "-0.5") for name in REG_NAMES])
def test_every_penalty_finds_the_background(reg):
    V, L, covered = low_rank_and_sparse()
    found = decompose(V, reg=reg, weight=1.5)
    median = V.median(dim=0).values.expand_as(V)
    assert (found.low_rank - L)[~covered].abs().mean() < (median - L)[~covered].abs().mean()
    assert 1 <= found.rank < 20
    assert found.sparsity > 0.3


def test_a_black_video_is_its_own_background():
    found = decompose(torch.zeros(5, 40), steps=5)
    assert found.objective == pytest.approx(0, abs=1e-3)
    assert found.low_rank.abs().max() < 1e-3
