from __future__ import annotations

import itertools
import math

import pytest
import torch

from edlrr_cli.errors import NumericsError, UsageError
from edlrr_cli.lrr.estimators import (
    project_columns,
    trace_nuclear,
    trace_rank,
    trace_schatten,
    trace_series,
)
from edlrr_cli.lrr.probes import gaussian_probes, sign_probes_all


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def definition(S, h):
    """sum h(sigma) over the nonzero singular values, SVD in float64."""
    sigma = torch.linalg.svdvals(S.double())
    return h(sigma[sigma > 1e-9 * sigma[0]]).sum()


def naive_algorithm_1(S, p, probes, k_1, k_2):
    """Algorithm 1 as printed: one probe after the other, P_S[g] for every p, powers of a matrix."""
    result = torch.zeros((), dtype=S.dtype)
    for i in range(probes.shape[1]):
        g = probes[:, i]
        X = S.T / max(S.abs().sum(0).max() * S.abs().sum(1).max(), 1e-300)
        for _ in range(k_1):
            X = 2 * X - X @ S @ X
        v = S @ X @ g
        A, eye = S @ S.T, torch.eye(len(S), dtype=S.dtype)
        Y, Z = A / A.norm(), eye
        for _ in range(k_2):
            Y, Z = 0.5 * Y @ (3 * eye - Z @ Y), 0.5 * (3 * eye - Z @ Y) @ Z
        M = torch.linalg.matrix_power(A.norm().sqrt() * Y, p)
        result = result + v @ M @ g
    return result / probes.shape[1]


@pytest.mark.parametrize("shape", [(6, 6), (6, 9), (9, 6)])
def test_all_signs_give_the_exact_trace(spectrum, shape, matrix_with_spectrum):
    sigma = spectrum(6)
    S = matrix_with_spectrum(sigma, *shape)
    signs = sign_probes_all(6)
    tail = float(sigma.min()) == 1e-6
    rtol = 1e-6 if tail else 1e-10  # sqrt accuracy of the root in the directions of a tiny tail
    torch.testing.assert_close(trace_rank(S, probes=signs), definition(S, torch.ones_like), rtol=1e-8, atol=0)
    torch.testing.assert_close(trace_nuclear(S, probes=signs), sigma.sum(), rtol=rtol, atol=0)
    for p in range(1, 8):
        exact = (sigma**p).sum()
        torch.testing.assert_close(trace_schatten(S, p, probes=signs), exact, rtol=rtol, atol=0)
    coefficients = [0.5, -1.0, 0.25, 0.0, -0.125, 0.0625, 0.03125]
    torch.testing.assert_close(
        trace_series(S, coefficients, probes=signs),
        definition(S, lambda x: sum(c * x**power for power, c in enumerate(coefficients))),
        rtol=10 * rtol,
        atol=1e-9 if not tail else 1e-6,
    )


def test_both_sides_give_the_same(matrix_with_spectrum):
    S = matrix_with_spectrum([2.0, 1.0, 0.5], 4, 7)
    for estimate in (trace_rank, trace_nuclear):
        torch.testing.assert_close(
            estimate(S, probes=sign_probes_all(4)), estimate(S, probes=sign_probes_all(7)), rtol=1e-9, atol=0
        )
    tall = trace_nuclear(S.T, num_probes=50, generator=seeded(3))
    assert torch.equal(tall, trace_nuclear(S, num_probes=50, generator=seeded(3)))


@pytest.mark.parametrize("p", [1, 2, 3, 4, 5])
def test_fast_path_matches_the_paper_as_printed(p, matrix_with_spectrum):
    """Same probes; with k1 large the projection of the paper is idle, with p even k2 is as well."""
    S = matrix_with_spectrum([1.0, 0.7, 0.4, 0.2], 4, 4)
    probes = gaussian_probes(S, 20, generator=seeded(0))
    for k_2 in (3, 6, 14):
        fast = trace_schatten(S, p, probes=probes, num_steps_sqrt=k_2)
        if p == 1 or k_2 == 14:
            naive = naive_algorithm_1(S, p, probes, 14, k_2)
            torch.testing.assert_close(fast, naive, rtol=1e-9, atol=0)
        if p % 2 == 0:
            torch.testing.assert_close(fast, naive_algorithm_1(S, p, probes, 14, 14), rtol=1e-9, atol=0)


@pytest.mark.parametrize("p", [1, 2, 3])
def test_monte_carlo_mean_and_variance(p, matrix_with_spectrum):
    """Var[g^T A g] = 2 ||A||_F^2; the sample variance of N chi-square-like draws is within 5 % at 20000."""
    sigma = torch.tensor([1.0, 0.8, 0.5, 0.3, 0.1], dtype=torch.float64)
    S = matrix_with_spectrum(sigma, 5, 8)
    num_draws = 20_000
    probes = gaussian_probes(S, num_draws, generator=seeded(7))
    exact, variance = float((sigma**p).sum()), 2 * float((sigma ** (2 * p)).sum())
    mean = float(trace_schatten(S, p, probes=probes))
    assert abs(mean - exact) < 4 * math.sqrt(variance / num_draws)
    one_by_one = trace_schatten(
        S.expand(num_draws // 10, 5, 8), p, probes=probes[:, : num_draws // 10].T[..., None]
    )
    # kurtosis excess of a single chi-square is 12: standard error of the variance sqrt(14 / 2000) = 8 %
    assert float(one_by_one.var()) == pytest.approx(variance, rel=4 * 0.084)


def test_rank_monte_carlo(matrix_with_spectrum):
    S = matrix_with_spectrum([3.0, 2.0, 1.0], 8, 8)
    estimate = float(trace_rank(S, num_probes=5000, generator=seeded(0)))
    assert abs(estimate - 3) < 4 * math.sqrt(2 * 3 / 5000)


def test_variance_falls_as_one_over_n(matrix_with_spectrum):
    S = matrix_with_spectrum([1.0, 0.5, 0.25], 3, 3)
    spread = {}
    for num_probes in (4, 64):
        batch = S.expand(1500, 3, 3)
        spread[num_probes] = trace_nuclear(batch, num_probes=num_probes, generator=seeded(1)).var()
    assert float(spread[4] / spread[64]) == pytest.approx(16, rel=0.25)


def test_bias_falls_exponentially_with_the_steps(matrix_with_spectrum):
    """Theorem 4: exact traces leave the bias alone."""
    S = matrix_with_spectrum([1.0, 0.6, 0.3, 0.15], 4, 4)
    signs = sign_probes_all(4)
    rank_bias = [4 - float(trace_rank(S, probes=signs, num_steps_pinv=k)) for k in range(2, 13)]
    root_bias = [2.05 - float(trace_nuclear(S, probes=signs, num_steps_sqrt=k)) for k in range(2, 13)]
    for bias in (rank_bias, root_bias):
        significant = [b for b in bias if b > 1e-11]
        assert all(later < earlier for earlier, later in itertools.pairwise(significant))
        # geometric on the way: the last significant step gains at least a factor of ten
        assert significant[-1] < significant[-2] / 10
        assert abs(bias[-1]) < 1e-10


@pytest.mark.parametrize("shape", [(4, 4), (3, 5), (5, 3)])
def test_gradcheck(shape, matrix_with_spectrum):
    k = min(shape)
    S = matrix_with_spectrum([1.0, 0.6, 0.3, 0.2][:k], *shape).requires_grad_()
    probes = gaussian_probes((k, k), 3, generator=seeded(0), dtype=torch.float64)
    for steps in (3, None):
        assert torch.autograd.gradcheck(lambda A, s=steps: trace_rank(A, probes=probes, num_steps_pinv=s), S)
        assert torch.autograd.gradcheck(
            lambda A, s=steps: trace_nuclear(A, probes=probes, num_steps_sqrt=s), S
        )
        assert torch.autograd.gradcheck(
            lambda A, s=steps: trace_series(
                A, [1.0, -0.5, 0.3, -0.2, 0.1, 0.05], probes=probes, num_steps_pinv=s, num_steps_sqrt=s
            ),
            S,
        )


@pytest.mark.parametrize("shape", [(5, 5), (5, 8), (8, 5)])
def test_gradient_is_u_h_prime_v(shape, matrix_with_spectrum):
    """With exact traces the gradient is that of the definition, U diag(h'(sigma)) V^T."""
    S = matrix_with_spectrum([1.0, 0.8, 0.5, 0.3, 0.1], *shape).requires_grad_()
    U, sigma, Vh = torch.linalg.svd(S.detach(), full_matrices=False)
    coefficients = [0.0, 1.0, -0.5, 0.2, 0.1]
    slope = sum(power * c * sigma ** (power - 1) for power, c in enumerate(coefficients) if power)
    (gradient,) = torch.autograd.grad(trace_series(S, coefficients, probes=sign_probes_all(5)), S)
    torch.testing.assert_close(gradient, (U * slope) @ Vh, rtol=1e-8, atol=1e-9)
    for broken in (-gradient, 1.01 * gradient):
        assert (broken - (U * slope) @ Vh).norm() > 1e-3


def test_gradient_of_a_rank_deficient_nuclear_norm_is_finite_and_right_in_its_range(matrix_with_spectrum):
    S = matrix_with_spectrum([1.0, 0.5], 6, 6).requires_grad_()
    (gradient,) = torch.autograd.grad(trace_nuclear(S, probes=sign_probes_all(6)), S)
    U, _, Vh = torch.linalg.svd(S.detach())
    P = U[:, :2] @ U[:, :2].T
    torch.testing.assert_close(P @ gradient, U[:, :2] @ Vh[:2], rtol=0, atol=1e-6)


@pytest.mark.parametrize("twin", [lambda x: -x, lambda x: 1.01 * x], ids=["wrong_sign", "one_percent"])
def test_broken_twins_are_caught(twin, matrix_with_spectrum):
    S = matrix_with_spectrum([1.0, 0.5], 2, 2)
    exact = torch.tensor(1.5, dtype=torch.float64)
    good = trace_nuclear(S, probes=sign_probes_all(2))
    torch.testing.assert_close(good, exact, rtol=1e-12, atol=0)
    with pytest.raises(AssertionError):
        torch.testing.assert_close(twin(good), exact, rtol=1e-12, atol=0)


def test_one_step_too_few_is_caught(matrix_with_spectrum):
    S = matrix_with_spectrum([1.0, 0.7, 0.4, 0.2], 4, 4)
    probes = gaussian_probes(S, 20, generator=seeded(0))
    naive = naive_algorithm_1(S, 1, probes, 14, 4)
    assert abs(float(trace_nuclear(S, probes=probes, num_steps_sqrt=3) / naive) - 1) > 1e-3


def test_batch_shape_float32_and_zero_matrices(matrix_with_spectrum, rtol_of):
    S = matrix_with_spectrum([1.0, 0.5, 0.2], 3, 4, dtype=torch.float32)
    batch = torch.stack([S, torch.zeros_like(S)]).expand(5, 2, 3, 4)
    signs = sign_probes_all(3, dtype=torch.float32)
    value = trace_series(batch, [1.0, 1.0, 1.0], probes=signs)
    assert value.shape == (5, 2)
    assert value.dtype == torch.float32
    expected = torch.tensor([3 + 1.7 + 1.29, 0.0]).expand(5, 2)
    torch.testing.assert_close(value, expected, rtol=5 * rtol_of[torch.float32], atol=1e-6)


def test_projection(matrix_with_spectrum):
    S = matrix_with_spectrum([2.0, 1.0], 5, 4)
    G = gaussian_probes(S, 3, generator=seeded(0))
    U, _, _ = torch.linalg.svd(S)
    torch.testing.assert_close(project_columns(S, G), U[:, :2] @ U[:, :2].T @ G, rtol=1e-11, atol=1e-12)


def test_projection_and_root_are_computed_only_when_needed(monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("not needed")

    S, probes = torch.eye(3), sign_probes_all(3, dtype=torch.float32)
    with monkeypatch.context() as patch:
        patch.setattr("edlrr_cli.lrr.estimators.pinv_ben_israel", refuse)
        assert trace_series(S, [0.0, 1.0, 1.0], probes=probes) == pytest.approx(6, rel=1e-5)
    with monkeypatch.context() as patch:
        patch.setattr("edlrr_cli.lrr.estimators.sqrtm_newton_schulz", refuse)
        assert trace_series(S, [1.0, 0.0, 1.0], probes=probes) == pytest.approx(6, rel=1e-5)


def test_no_factorization(op_census):
    S = torch.eye(3, 4, requires_grad=True)
    with op_census() as ops:
        trace_series(S, [1.0, 1.0, 1.0], num_probes=2, generator=seeded(0)).backward()
    assert "aten.mm.default" in ops


@pytest.mark.parametrize(
    "call",
    [
        torch.linalg.svd,
        torch.linalg.svdvals,
        torch.linalg.eigh,
        torch.linalg.eigvals,
        torch.linalg.qr,
        torch.linalg.cholesky,
        torch.linalg.lu,
        torch.linalg.inv,
        torch.linalg.pinv,
        torch.linalg.matrix_rank,
        torch.linalg.det,
        lambda A: torch.linalg.solve(A, A),
        lambda A: torch.linalg.lstsq(A, A),
        lambda A: torch.linalg.matrix_norm(A, 2),
        lambda A: torch.linalg.matrix_norm(A, "nuc"),
    ],
)
def test_census_sees_factorizations(call, op_census):
    with pytest.raises(AssertionError, match="factorizations were called"), op_census():
        call(2 * torch.eye(3))


def test_refuses_bad_arguments():
    S = torch.eye(3)
    with pytest.raises(UsageError, match="got neither"):
        trace_rank(S, num_probes=3)
    with pytest.raises(UsageError, match="got both"):
        trace_rank(S, num_probes=3, probes=torch.ones(3, 1))
    with pytest.raises(UsageError, match="expected shape"):
        trace_rank(S, probes=torch.ones(4, 1))
    with pytest.raises(UsageError, match="dtype"):
        trace_rank(S, probes=torch.ones(3, 1).double())
    with pytest.raises(UsageError, match="p: expected"):
        trace_schatten(S, 0, probes=torch.ones(3, 1))
    with pytest.raises(UsageError, match="coefficients"):
        trace_series(S, [], probes=torch.ones(3, 1))
    with pytest.raises(UsageError, match="3 rows"):
        project_columns(S, torch.ones(4, 1))
    with pytest.raises(NumericsError, match="scale S"):
        trace_schatten(1e10 * S, 6, probes=torch.ones(3, 1))
