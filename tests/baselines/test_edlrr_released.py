"""The released program: its penalty against a naive transcription, differentiated by autograd."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from edlrr_cli.baselines.edlrr_released import effective_weights
from edlrr_cli.baselines.shrinkage import shrink_singular_values
from edlrr_cli.errors import UsageError


def penalty_as_released(S, penalty, gamma, terms):
    """Matrices as in the program: ridge inverse, one Newton step, binomial series of the square root."""
    identity = torch.eye(S.shape[1], dtype=S.dtype)
    A = S.T @ S
    k = 1.1 * torch.linalg.svdvals(A.detach())[0]
    series, power, coefficient = torch.zeros_like(A), identity, 0.5
    for i in range(1, terms + 1):
        power = power @ (identity - A / k)
        series = series + abs(coefficient) * power
        coefficient *= (0.5 - i) / (i + 1)
    root = k.sqrt() * (identity - series)
    inverse = torch.linalg.solve(A + 0.1 * identity, S.T)
    inverse = inverse @ (2 * torch.eye(len(S), dtype=S.dtype) - S @ inverse)
    h = root if penalty == "nuclear" else identity - torch.linalg.matrix_exp(-root / gamma)
    return torch.trace(inverse @ S @ h)


@pytest.mark.parametrize("penalty", ["nuclear", "laplace"])
@pytest.mark.parametrize("terms", [1, 7, 40])
def test_the_gradient_is_that_of_the_program(penalty, terms, matrix_with_spectrum):
    S = matrix_with_spectrum([9.0, 3.0, 1.0, 0.2, 0.01], 7, 5).requires_grad_()
    (wanted,) = torch.autograd.grad(penalty_as_released(S, penalty, 2.0, terms), S)
    ours, _ = shrink_singular_values(
        S.detach(), lambda sigma: effective_weights(sigma, penalty=penalty, gamma=2.0, terms=terms)
    )
    torch.testing.assert_close(ours, wanted, rtol=1e-9, atol=1e-9)


def test_many_terms_and_large_singular_values_give_the_nuclear_norm():
    sigma = torch.tensor([100.0, 80.0, 60.0], dtype=torch.float64)
    weights = effective_weights(sigma, penalty="nuclear", gamma=1.0, terms=1000)
    torch.testing.assert_close(weights, torch.ones_like(sigma), rtol=1e-4, atol=0)


def test_small_singular_values_are_hardly_penalised():
    sigma = torch.tensor([100.0, 1.0], dtype=torch.float64)
    few, many = (
        effective_weights(sigma, penalty="nuclear", gamma=1.0, terms=terms)[1] for terms in (100, 10**6)
    )
    assert few < 0.3  # where the nuclear norm pulls with 1
    assert many == pytest.approx(1.02, abs=0.01)


def test_keeps_known_pixels_and_moves_the_others(sample, hole, complete):
    image, known = sample(20, 26), hole(20, 26)
    raw = complete("edlrr-released", image, known, max_iterations=30, terms=500).raw
    assert (raw[known] == image[known]).all()
    assert np.abs(raw - image)[~known].mean() < np.abs(image)[~known].mean()


def test_refuses_an_unknown_penalty(sample, hole, complete):
    with pytest.raises(UsageError, match="unknown penalty 'lnn'"):
        complete("edlrr-released", sample(8, 8), hole(8, 8), penalty="lnn")
