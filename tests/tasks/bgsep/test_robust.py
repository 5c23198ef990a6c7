from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import linprog

from edlrr_cli.tasks.bgsep.robust import l1_fit


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
