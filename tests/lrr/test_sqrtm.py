from __future__ import annotations

import pytest
import torch

from edlrr_cli.errors import NumericsError, UsageError
from edlrr_cli.lrr.iterate import Status
from edlrr_cli.lrr.polar import polar_newton_schulz
from edlrr_cli.lrr.sqrtm import sqrtm_newton_schulz

from .conftest import relative_error


def oracle(A):
    """The definition, by eigenvalues in float64."""
    values, vectors = torch.linalg.eigh(A.double())
    # eigh returns zeros as 1e-17, whose root is 3e-9
    return (vectors * torch.where(values > 1e-14 * values.max(), values, 0).sqrt()) @ vectors.T


@pytest.fixture(scope="module")
def spd():
    """Symmetric matrix with the given eigenvalues."""

    def build(eigenvalues, seed=0):
        values = torch.as_tensor(eigenvalues, dtype=torch.float64)
        generator = torch.Generator().manual_seed(seed)
        Q, _ = torch.linalg.qr(torch.randn(len(values), len(values), generator=generator).double())
        A = (Q * values) @ Q.T
        return (A + A.T) / 2

    return build


def test_equals_the_spectral_root(spectrum, spd):
    sigma = spectrum(12)
    A = spd(sigma**2)
    result = sqrtm_newton_schulz(A)
    # the tiny tail, 1e-12 relative to A, is resolved to sqrt accuracy only
    assert relative_error(result.value, oracle(A)) < (1e-6 if sigma.min() == 1e-6 else 1e-10)
    assert result.status is Status.CONVERGED
    # rounding level eps sqrt(condition of A); measured 1.3e-10 for the tiny tail, condition 4e12
    assert float(result.residual) < (1e-9 if sigma.min() == 1e-6 else 1e-13)
    torch.testing.assert_close(
        result.residual, (result.value @ result.value - A).norm() / A.norm(), rtol=0.5, atol=1e-15
    )


@pytest.mark.parametrize("name", ["flat", "decaying", "step", "clustered"])
def test_inverse_root_where_it_exists(name, spectra, spd):
    A = spd(spectra[name](10) ** 2)
    result = sqrtm_newton_schulz(A, rtol=0.0)
    product = result.inverse_root @ A @ result.inverse_root
    assert float((product - torch.eye(10)).norm()) < 1e-9
    assert float(result.inverse_residual) < 1e-10
    assert result.status is Status.CONVERGED  # by the gap standing still: rtol = 0 is out of reach


def test_singular_root_is_right_and_its_inverse_says_that_it_is_not(spd):
    A = spd([4.0, 1.0, 0.0, 0.0])
    result = sqrtm_newton_schulz(A)
    assert relative_error(result.value, oracle(A)) < 1e-13
    assert float(result.inverse_residual) == pytest.approx(0.5**0.5, abs=1e-6)
    assert torch.isfinite(result.inverse_root).all()


def test_slightly_negative_eigenvalues_do_not_run_away(spd):
    A = spd([1.0, 0.5, 1e-9, -1e-15, -1e-16])
    result = sqrtm_newton_schulz(A, rtol=0.0, max_steps=200)
    assert result.num_steps < 200
    assert relative_error(result.value, oracle(A)) < 1e-6  # sqrt(5 eps) = 3e-8 is the best there is
    with pytest.raises(NumericsError, match="after step 200"):
        sqrtm_newton_schulz(A, num_steps=200)


def test_indefinite_matrix_is_not_called_converged(spd):
    result = sqrtm_newton_schulz(spd([1.0, -0.5]))
    assert result.status is Status.MAX_STEPS
    assert float(result.residual) > 0.1


def test_ill_conditioned_gram(matrix_with_spectrum):
    """Condition 1e12, the residual's rounding noise is above rtol: the gap decides. Measured 2e-11."""
    sigma = torch.logspace(0, -6, 60, dtype=torch.float64)
    S = matrix_with_spectrum(sigma, 60, 60)
    result = sqrtm_newton_schulz(S @ S.T)
    U, _, _ = torch.linalg.svd(S)
    assert relative_error(result.value, (U * sigma) @ U.T) < 1e-9


def test_float32_gram_trap(matrix_with_spectrum):
    """A float32 Gram loses sigma below sqrt(eps), unseen by the residual; the polar factor does not."""
    sigma = torch.tensor([1.0] * 10 + [1e-4] * 10, dtype=torch.float64)
    S64 = matrix_with_spectrum(sigma, 20, 20)
    U, _, _ = torch.linalg.svd(S64)
    Q, tail = (U * sigma) @ U.T, U[:, 10:]
    S = S64.float()
    root = sqrtm_newton_schulz(S @ S.T)
    assert root.status is Status.CONVERGED
    small_by_gram = tail.T @ root.value.double() @ tail
    small_by_polar = tail.T @ (S @ polar_newton_schulz(S).value.T).double() @ tail
    exact = tail.T @ Q @ tail
    assert relative_error(small_by_gram, exact) > 0.1
    assert relative_error(small_by_polar, exact) < 0.01


def test_batch_is_the_same_as_one_by_one(spectra, spd):
    A = torch.stack([spd(spectra[name](6) ** 2) for name in sorted(spectra)] + [torch.zeros(6, 6).double()])
    together = sqrtm_newton_schulz(A.reshape(7, 1, 6, 6))
    assert together.residual.shape == together.inverse_residual.shape == (7, 1)
    for index in range(7):
        alone = sqrtm_newton_schulz(A[index])
        torch.testing.assert_close(together.value[index, 0], alone.value, rtol=1e-8, atol=1e-8)
    assert torch.equal(together.value[6, 0], A[6])


def test_steps_follow_the_formula(spd):
    A = spd([2.0, 0.3, 0.1])
    norm = A.norm()
    Y, Z, eye = A / norm, torch.eye(3).double(), torch.eye(3).double()
    for steps in range(5):
        result = sqrtm_newton_schulz(A, num_steps=steps)
        torch.testing.assert_close(result.value, Y * norm.sqrt(), rtol=1e-13, atol=1e-13)
        torch.testing.assert_close(result.inverse_root, Z / norm.sqrt(), rtol=1e-13, atol=1e-13)
        Y, Z = 0.5 * Y @ (3 * eye - Z @ Y), 0.5 * (3 * eye - Z @ Y) @ Z


@pytest.mark.parametrize(
    "twin",
    [
        lambda Y, Z, eye: 0.5 * Y @ (3 * eye + Z @ Y),
        lambda Y, Z, eye: 0.505 * Y @ (3 * eye - Z @ Y),
        lambda Y, Z, eye: Y,
    ],
    ids=["wrong_sign", "one_percent", "one_step_too_few"],
)
def test_broken_twins_are_caught(twin, spd):
    A = spd([2.0, 0.3])
    before = sqrtm_newton_schulz(A, num_steps=3)
    after = sqrtm_newton_schulz(A, num_steps=4)
    root_norm = A.norm().sqrt()
    broken = twin(before.value / root_norm, before.inverse_root * root_norm, torch.eye(2).double())
    assert relative_error(broken * root_norm, after.value) > 1e-3


@pytest.mark.parametrize("factor", [1e-20, 1e20])
def test_extreme_scales(factor, dtype):
    A = torch.tensor([[4.0, 0.0], [0.0, 9.0]], dtype=dtype) * factor
    result = sqrtm_newton_schulz(A)
    expected = torch.tensor([[2.0, 0.0], [0.0, 3.0]], dtype=dtype) * factor**0.5
    torch.testing.assert_close(result.value, expected, rtol=1e-6, atol=0)


def test_gradient(spd):
    A = torch.stack([spd([1.0, 0.4, 0.2]), spd([2.0, 0.5, 0.5])]).requires_grad_()

    def both(B, **counts):
        result = sqrtm_newton_schulz((B + B.mT) / 2, **counts)
        return result.value, result.inverse_root

    assert torch.autograd.gradcheck(lambda B: both(B, num_steps=3), A)
    assert torch.autograd.gradcheck(both, A)


def test_gradient_at_zero_is_finite(spd):
    A = torch.stack([spd([1.0, 0.5]), torch.zeros(2, 2).double()]).requires_grad_()
    sqrtm_newton_schulz(A).value.sum().backward()
    assert torch.isfinite(A.grad).all()


def test_no_factorization(op_census):
    A = torch.eye(3, requires_grad=True)
    with op_census() as ops:
        sqrtm_newton_schulz(A).value.sum().backward()
    assert "aten.mm.default" in ops


def test_refuses_what_is_not_square():
    with pytest.raises(UsageError, match="square"):
        sqrtm_newton_schulz(torch.ones(2, 3))
    with pytest.raises(NumericsError, match="A: expected finite"):
        sqrtm_newton_schulz(torch.tensor([[float("nan")]]))
