from __future__ import annotations

import pytest
import torch

from edlrr_cli.errors import NumericsError, UsageError
from edlrr_cli.lrr.iterate import Status
from edlrr_cli.lrr.polar import polar_newton_schulz, polar_schedule

from .conftest import relative_error


def oracle(S, cutoff=1e-9):
    """The definition: U V^T over singular values above the cutoff, SVD in float64."""
    U, sigma, Vh = torch.linalg.svd(S.double(), full_matrices=False)
    return (U * (sigma > cutoff * sigma[..., :1])[..., None, :]) @ Vh


@pytest.mark.parametrize("shape", [(12, 12), (12, 30), (30, 12)])
def test_equals_the_svd_polar_factor(spectrum, shape, matrix_with_spectrum):
    S = matrix_with_spectrum(spectrum(12), *shape)
    result = polar_newton_schulz(S)
    # rounding errors of the rank-deficient one, 1e-16, are grown to 1e-9 each; the tail costs eps * 2e6
    assert relative_error(result.value, oracle(S)) < 2e-8
    assert result.status is Status.CONVERGED
    W = result.value
    torch.testing.assert_close(result.residual, (W @ W.T @ W - W).norm() / W.norm(), rtol=0.5, atol=1e-14)


@pytest.mark.parametrize("name", ["flat", "decaying", "step", "clustered"])
def test_to_rounding_where_all_directions_are_resolved(name, dtype, spectra, matrix_with_spectrum, rtol_of):
    sigma = spectra[name](12)
    S = matrix_with_spectrum(sigma, 12, 20)
    result = polar_newton_schulz(S.to(dtype))
    condition = float(sigma[0] / sigma[-1])
    assert relative_error(result.value, oracle(S)) < rtol_of[dtype] * max(1.0, condition / 10)
    assert result.value.dtype == dtype
    assert result.status is Status.CONVERGED


def test_condition_one_million_at_300(matrix_with_spectrum):
    """Measured 8e-12 in 24 steps."""
    S = matrix_with_spectrum(torch.logspace(0, -6, 300, dtype=torch.float64), 300, 300)
    result = polar_newton_schulz(S)
    assert relative_error(result.value, oracle(S)) < 1e-9
    assert result.num_steps <= 26
    assert float(result.residual) < 1e-13


def test_singular_vectors_are_kept_and_values_only_grow(matrix_with_spectrum):
    """Below sigma_min directions end between 0 and 1, zeros stay zero, the rest is at 1."""
    sigma = torch.tensor([1.0, 0.1, 1e-2, 1e-3, 1e-4, 0.0], dtype=torch.float64)
    S = torch.diag(sigma)
    W = polar_newton_schulz(S, sigma_min=1e-2).value
    reached = W.diagonal()
    torch.testing.assert_close(W, torch.diag(reached), rtol=0, atol=1e-15)
    torch.testing.assert_close(reached[:3], torch.ones(3).double(), rtol=1e-12, atol=0)
    assert 0 < reached[4] < reached[3] < 1
    assert reached[5] == 0


def test_rank_deficient_float32_is_right_in_its_range(matrix_with_spectrum):
    S = matrix_with_spectrum([1.0, 0.5, 0.1], 40, 50)
    W = polar_newton_schulz(S.float()).value.double()
    U, _, _ = torch.linalg.svd(S)
    P = U[:, :3] @ U[:, :3].T
    assert relative_error(P @ W, oracle(S)) < 1e-5
    assert torch.linalg.matrix_norm(W, 2) < 1 + 1e-5  # junk directions never exceed 1


def test_tight_bound_does_not_flip_the_largest_singular_value():
    """Rank one: the Frobenius bound is sigma_1 itself, and a scaling of sqrt(3) would annihilate it."""
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        u = torch.randn(30, 1, generator=generator)
        v = torch.randn(1, 20, generator=generator)
        W = polar_newton_schulz(u @ v).value
        # the other directions are rounding errors of S, 1e-7, partly grown: nothing is asked of them
        assert float(u.T @ W @ v.T / (u.norm() * v.norm())) == pytest.approx(1, abs=1e-5)


def test_batch_zero_matrices_and_scales(matrix_with_spectrum):
    S = matrix_with_spectrum([1.0, 0.5, 0.2], 3, 5, dtype=torch.float32)
    batch = torch.stack([S, torch.zeros_like(S), S * 1e30, S * 1e-30]).reshape(2, 2, 3, 5)
    result = polar_newton_schulz(batch)
    assert result.residual.shape == (2, 2)
    assert torch.equal(result.value[0, 1], torch.zeros(3, 5))
    for index in ((0, 0), (1, 0), (1, 1)):
        torch.testing.assert_close(result.value[index], polar_newton_schulz(S).value, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("lower", [1.0, 0.5, 1e-3, 1e-7, 1e-12])
def test_schedule_takes_the_whole_interval_to_one(lower):
    scalings = polar_schedule(lower, tolerance=1e-15, max_steps=100)
    x = torch.logspace(0, torch.log10(torch.tensor(lower)).item(), 2001, dtype=torch.float64).clamp(min=lower)
    for scaling in scalings:
        x = scaling * x * (3 - scaling**2 * x**2) / 2
        assert x.max() <= 1 + 1e-15
    torch.testing.assert_close(x, torch.ones_like(x), rtol=0, atol=1e-13)


def test_schedule_is_much_shorter_than_the_unscaled_iteration():
    x, unscaled = 1e-7, 0
    while 1 - x > 1e-15:
        x, unscaled = x * (3 - x * x) / 2, unscaled + 1
    assert len(polar_schedule(1e-7, tolerance=1e-15, max_steps=100)) <= 23 < 43 <= unscaled


def test_max_steps_is_a_status(matrix_with_spectrum):
    result = polar_newton_schulz(matrix_with_spectrum([1.0, 1e-3], 2, 2), max_steps=3)
    assert result.status is Status.MAX_STEPS
    assert result.num_steps == 3
    assert float(result.residual) > 1e-3


@pytest.mark.parametrize("twin", [lambda W: -W, lambda W: 1.01 * W], ids=["wrong_sign", "one_percent"])
def test_broken_twins_are_caught(twin, matrix_with_spectrum):
    S = matrix_with_spectrum([1.0, 0.5], 2, 2)
    assert relative_error(twin(polar_newton_schulz(S).value), oracle(S)) > 1e-3


def test_two_steps_too_few_is_caught(matrix_with_spectrum):
    S = matrix_with_spectrum([1.0, 1e-3], 2, 2)
    full = polar_newton_schulz(S, sigma_min=1e-3)
    short = polar_newton_schulz(S, sigma_min=1e-3, max_steps=full.num_steps - 2)
    assert relative_error(full.value, oracle(S)) < 1e-11
    assert relative_error(short.value, oracle(S)) > 1e-6
    assert short.residual > 1e-6


def test_records_no_graph_and_calls_no_factorization(op_census):
    S = torch.eye(3, 4, requires_grad=True)
    with op_census() as ops:
        result = polar_newton_schulz(S)
    assert not result.value.requires_grad
    assert "aten.mm.default" in ops


def test_refuses_bad_arguments():
    with pytest.raises(UsageError, match="sigma_min"):
        polar_newton_schulz(torch.eye(2), sigma_min=0.0)
    with pytest.raises(UsageError, match="max_steps"):
        polar_newton_schulz(torch.eye(2), max_steps=-1)
    with pytest.raises(NumericsError, match="finite"):
        polar_newton_schulz(torch.tensor([[float("inf")]]))
