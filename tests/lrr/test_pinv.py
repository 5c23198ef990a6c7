from __future__ import annotations

import pytest
import torch

from edlrr_cli.errors import NumericsError, UsageError
from edlrr_cli.lrr.iterate import Status
from edlrr_cli.lrr.pinv import frobenius_norm, pinv_ben_israel, sigma_max_bound

from .conftest import relative_error


def oracle(S):
    """The definition: SVD in float64, singular values below 1e-9 sigma_1 are zero."""
    return torch.linalg.pinv(S.double(), rtol=1e-9)


@pytest.mark.parametrize("shape", [(12, 12), (12, 30), (30, 12)])
def test_equals_the_svd_pseudo_inverse(spectrum, shape, matrix_with_spectrum):
    sigma = spectrum(12)
    S = matrix_with_spectrum(sigma, *shape)
    result = pinv_ben_israel(S)
    # float64 loses eps * condition^2 / condition at most; measured 1e-10 for the tiny tail (2e6)
    assert relative_error(result.value, oracle(S)) < (3e-9 if sigma.min() == 1e-6 else 1e-11)
    assert result.status is Status.CONVERGED
    residual = (S @ result.value @ S - S).norm() / S.norm()
    torch.testing.assert_close(result.residual, residual, rtol=0.5, atol=1e-15)


@pytest.mark.parametrize("name", ["flat", "step", "rank_deficient", "clustered"])
@pytest.mark.parametrize("shape", [(12, 30), (30, 12)])
def test_equals_the_svd_pseudo_inverse_in_float32(name, shape, spectra, matrix_with_spectrum, rtol_of):
    S64 = matrix_with_spectrum(spectra[name](12), *shape)
    result = pinv_ben_israel(S64.float())
    condition = 100 if name == "step" else 10
    assert relative_error(result.value, oracle(S64)) < condition * rtol_of[torch.float32]
    assert result.value.dtype == torch.float32
    assert result.status is Status.CONVERGED


def test_batch_is_the_same_as_one_by_one(spectra, matrix_with_spectrum):
    S = torch.stack([matrix_with_spectrum(spectra[name](6), 6, 9) for name in sorted(spectra)])
    S = torch.cat([S, torch.zeros_like(S[:1])]).reshape(1, 7, 6, 9)
    together = pinv_ben_israel(S)
    assert together.value.shape == (1, 7, 9, 6)
    assert together.residual.shape == (1, 7)
    for index in range(7):
        alone = pinv_ben_israel(S[0, index])
        torch.testing.assert_close(together.value[0, index], alone.value, rtol=1e-8, atol=1e-8)
    assert torch.equal(together.value[0, 6], torch.zeros(9, 6, dtype=torch.float64))


def test_converged_matrices_do_not_drift_while_others_go_on(matrix_with_spectrum):
    easy = matrix_with_spectrum([1.0, 0.5], 8, 8)
    hard = matrix_with_spectrum([1.0, 1e-6], 8, 8)
    result = pinv_ben_israel(torch.stack([easy, hard]))
    assert result.num_steps > 40
    assert relative_error(result.value[0], oracle(easy)) < 1e-13
    # what would have come of it: rounding errors outside the range double with every step
    assert relative_error(pinv_ben_israel(easy, num_steps=result.num_steps).value, oracle(easy)) > 1e-6


def test_steps_follow_the_formula(matrix_with_spectrum):
    """1 - y' = (1 - y)^2, exactly the textbook sequence with alpha = 1 / bound^2."""
    S = matrix_with_spectrum([1.0, 0.3], 2, 3)
    alpha = 1 / sigma_max_bound(S) ** 2
    X = alpha * S.T
    for steps in range(4):
        result = pinv_ben_israel(S, num_steps=steps)
        torch.testing.assert_close(result.value, X, rtol=1e-13, atol=1e-13)
        assert result.num_steps == steps
        y = torch.linalg.svdvals(S @ result.value)
        expected = 1 - (1 - alpha * torch.tensor([1.0, 0.09], dtype=torch.float64)) ** (2**steps)
        torch.testing.assert_close(y, expected, rtol=1e-12, atol=1e-12)
        X = 2 * X - X @ S @ X


@pytest.mark.parametrize(
    "twin",
    [
        lambda X, S: 2 * X + X @ S @ X,
        lambda X, S: 1.01 * (2 * X - X @ S @ X),
        lambda X, S: X,
    ],
    ids=["wrong_sign", "one_percent", "one_step_too_few"],
)
def test_broken_twins_are_caught(twin, matrix_with_spectrum):
    S = matrix_with_spectrum([1.0, 0.5], 2, 2)
    X = pinv_ben_israel(S, num_steps=3).value
    assert relative_error(twin(X, S), pinv_ben_israel(S, num_steps=4).value) > 1e-3


@pytest.mark.parametrize("factor", [1e-30, 1e30])
def test_extreme_scales(factor, dtype):
    S = torch.tensor([[3.0, 0.0], [0.0, 4.0]], dtype=dtype) * factor
    expected = torch.tensor([[1 / 3, 0.0], [0.0, 1 / 4]], dtype=dtype) / factor
    torch.testing.assert_close(pinv_ben_israel(S).value, expected, rtol=1e-6, atol=0)


def test_bound_is_never_below_sigma_max(spectrum, matrix_with_spectrum):
    S = torch.stack([matrix_with_spectrum(spectrum(12), 12, 20, seed=seed) for seed in range(20)])
    sigma_1 = torch.linalg.svdvals(S)[:, 0]
    bound = sigma_max_bound(S)
    assert (bound >= sigma_1 * (1 - 1e-12)).all()
    assert (bound <= sigma_1 * 12**0.5 * (1 + 1e-12)).all()
    assert (frobenius_norm(S) - torch.linalg.matrix_norm(S)).abs().max() < 1e-13 * 20


def test_gradient(matrix_with_spectrum):
    S = torch.stack([matrix_with_spectrum([1.0, 0.4], 2, 3), matrix_with_spectrum([2.0, 0.5], 2, 3)])
    for matrix in (S, S.mT.contiguous()):
        leaf = matrix.clone().requires_grad_()
        assert torch.autograd.gradcheck(lambda A: pinv_ben_israel(A, num_steps=3).value, leaf)
        assert torch.autograd.gradcheck(lambda A: pinv_ben_israel(A).value, leaf)


def test_gradient_at_zero_is_finite():
    S = torch.zeros(2, 2, 3, dtype=torch.float64)
    S[0, 0, 0] = 1
    S.requires_grad_()
    pinv_ben_israel(S).value.sum().backward()
    assert torch.isfinite(S.grad).all()


def test_max_steps_is_a_status_not_an_error(matrix_with_spectrum):
    result = pinv_ben_israel(matrix_with_spectrum([1.0, 1e-3], 2, 2), max_steps=5)
    assert result.status is Status.MAX_STEPS
    assert result.num_steps == 5


def test_no_factorization(op_census):
    S = torch.eye(3, 4, requires_grad=True)
    with op_census() as ops:
        pinv_ben_israel(S).value.sum().backward()
    assert "aten.mm.default" in ops


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_refuses_nan_and_inf(bad):
    with pytest.raises(NumericsError, match="S: expected finite"):
        pinv_ben_israel(torch.tensor([[1.0, bad]]))


def test_overflow_on_the_way_names_the_step(matrix_with_spectrum):
    S = matrix_with_spectrum([1.0, 0.5], 8, 8, dtype=torch.float32)
    with pytest.raises(NumericsError, match="after step 400"):
        pinv_ben_israel(S, num_steps=400)


@pytest.mark.parametrize(
    "S", [torch.ones(3), torch.ones(0, 3), torch.ones(2, 2, dtype=torch.int64), torch.ones(2, 2).half()]
)
def test_refuses_what_is_no_matrix(S):
    with pytest.raises(UsageError, match="S: expected"):
        pinv_ben_israel(S)


def test_refuses_negative_counts():
    with pytest.raises(UsageError, match="num_steps"):
        pinv_ben_israel(torch.eye(2), num_steps=-1)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_agrees_with_cpu(matrix_with_spectrum):
    S = matrix_with_spectrum([1.0, 0.5, 0.1], 5, 9)
    torch.testing.assert_close(pinv_ben_israel(S.cuda()).value.cpu(), pinv_ben_israel(S).value)
