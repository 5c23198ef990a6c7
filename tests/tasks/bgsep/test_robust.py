from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import linprog

from edlrr_cli.tasks.bgsep.robust import consensus_fit, l1_fit


def least_absolute_deviations(A, v):
    """Solve min |v - A c| as the linear program that it is."""
    m, r = A.shape
    cost = np.concatenate([np.zeros(r), np.ones(m)])
    above, below = np.hstack([A, -np.eye(m)]), np.hstack([-A, -np.eye(m)])
    bounds = [(None, None)] * r + [(0, None)] * m
    return linprog(cost, np.vstack([above, below]), np.concatenate([v, -v]), bounds=bounds).fun


@pytest.mark.parametrize("rank", [1, 2, 4])
def test_it_comes_near_the_linear_program(rank):
    generator = torch.Generator().manual_seed(rank)
    A = torch.cat([torch.ones(60, 1), 0.3 * torch.randn(60, rank - 1, generator=generator)], dim=1)
    V = A @ torch.rand(rank, 20, generator=generator) + 0.02 * torch.randn(60, 20, generator=generator)
    V[:15] = torch.rand(15, 20, generator=generator)
    reached = (V - A @ l1_fit(A, V)).abs().sum(0)
    for column in range(20):
        least = least_absolute_deviations(A.double().numpy(), V[:, column].double().numpy())
        assert reached[column] <= 1.01 * least


def test_weights_of_zero_leave_values_out():
    V = torch.tensor([[0.2], [0.3], [0.9], [0.9], [0.9]])
    where = torch.tensor([[1.0], [1.0], [0.0], [0.0], [0.0]])
    assert 0.19 < float(l1_fit(torch.ones(5, 1), V, where=where)) < 0.31
    assert float(l1_fit(torch.ones(5, 1), V, where=torch.zeros(5, 1))) == 0


def test_the_larger_agreement_wins_although_it_is_a_minority():
    generator = torch.Generator().manual_seed(0)
    A = torch.rand(300, 1, generator=generator) + 0.3
    V = A.clone()
    V[:180] = 0.4 * torch.rand(180, 1, generator=generator)  # covered by something dark
    usual = torch.tensor([[0.95]])
    assert float(l1_fit(A, V)) < 0.9
    assert float(consensus_fit(A, V, usual)) == pytest.approx(1, abs=0.01)


def test_a_brightness_far_from_the_usual_is_found():
    A = torch.rand(300, 1, generator=torch.Generator().manual_seed(0)) + 0.3
    assert float(consensus_fit(A, 0.5 * A, torch.tensor([[1.0]]))) == pytest.approx(0.5, abs=1e-3)
