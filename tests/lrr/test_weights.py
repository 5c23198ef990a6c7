"""Weights of small matrices against the definition, by a singular value decomposition in float64."""

from __future__ import annotations

import pytest
import torch

from edlrr_cli.lrr import weights as module
from edlrr_cli.lrr.names import REG_NAMES
from edlrr_cli.lrr.native import library
from edlrr_cli.lrr.series import make_function
from edlrr_cli.lrr.weights import weights_of

NAMES = [name.replace("-P", "-0.5") for name in REG_NAMES]
SMOOTH = [name for name in NAMES if make_function(name).smooth]
TAU = torch.tensor([0.02, 0.3, 2.0], dtype=torch.float64)


@pytest.fixture
def without_kernels(monkeypatch):
    monkeypatch.setattr(library, "kernels", lambda: None)


def matrices(dtype=torch.float64):
    """Matrices whose singular values decay to far below every tau."""
    generator = torch.Generator().manual_seed(0)
    U, V = (torch.linalg.qr(torch.randn(3, n, 8, generator=generator).double())[0] for n in (8, 30))
    return ((U * 5.0 * 0.3 ** torch.arange(8)) @ V.mT).to(dtype)


def definition(S, h, tau):
    """W, c R and the rank."""
    U, sigma, _ = torch.linalg.svd(S.double(), full_matrices=False)
    s = (sigma**2 + tau[:, None] ** 2).sqrt()
    u = torch.ones_like(tau)
    if h.x_fit is not None:
        u = torch.maximum(4 * tau, s[:, 0] / h.x_max)
    c = tau * u / h.derivative(tau / u)
    weight = (c / u)[:, None] * h.derivative(s / u[:, None]) / s
    value = c * h.value(s / u[:, None]).sum(1)
    return (U * weight[:, None]) @ U.mT, value, (sigma**2 / s**2).sum(1)


def assert_defined(weights, S, h, tau, rtol):
    W, value, rank = definition(S, h, tau)
    torch.testing.assert_close(weights.matrices.double(), W, rtol=0, atol=rtol)
    torch.testing.assert_close(weights.value.double(), value, rtol=rtol, atol=0)
    torch.testing.assert_close(weights.rank.double(), rank, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float64, 1e-8), (torch.float32, 2e-3)])
def test_weights_are_those_of_the_definition(name, dtype, rtol):
    S, h = matrices(dtype), make_function(name)
    assert_defined(weights_of(S, h, TAU.to(dtype)), S, h, TAU, rtol)


@pytest.mark.parametrize("name", SMOOTH)
def test_products_give_the_same_weights(name):
    S, h = matrices(), make_function(name)
    assert_defined(module._by_products(S @ S.mT, h, TAU), S, h, TAU, 1e-6)


def test_products_alone(op_census):
    gram = matrices() @ matrices().mT
    with op_census() as ops:
        module._by_products(gram, make_function("laguerre-gamma"), TAU)
    assert ops


@pytest.mark.parametrize("name", NAMES)
def test_the_weights_majorize(name):
    """Of two matrices, the quadratic of one is nowhere below the penalty of the other."""
    S, h = matrices(), make_function(name)
    W, value, _ = definition(S, h, TAU)
    other = S + 0.3 * torch.randn(S.shape, generator=torch.Generator().manual_seed(1), dtype=S.dtype)
    quadratic = value + ((W @ other) * other - (W @ S) * S).sum((1, 2)) / 2
    sigma = torch.linalg.svdvals(other)
    s, u = (sigma**2 + TAU[:, None] ** 2).sqrt(), torch.ones_like(TAU)
    if h.x_fit is not None:
        u = torch.maximum(4 * TAU, (torch.linalg.svdvals(S)[:, 0] ** 2 + TAU**2).sqrt() / h.x_max)
    penalty = TAU * u / h.derivative(TAU / u) * h.value((s / u[:, None]).clamp_max(h.x_max)).sum(1)
    assert (quadratic > penalty * (1 - 0.02)).all()  # a series is concave up to its error


@pytest.mark.parametrize("name", NAMES)
def test_flat_matrices_have_the_weight_of_nothing(name):
    S = torch.zeros(2, 6, 9)
    weights = weights_of(S, make_function(name), torch.tensor([0.1, 1.0]))
    torch.testing.assert_close(weights.matrices, torch.eye(6).expand(2, 6, 6))
    assert (weights.rank == 0).all()


def test_nearly_constant_matrices_in_float32():
    """Of rank 1 but for rounding: the Gram matrix in float32 is not positive definite."""
    S = torch.full((4, 36, 363), 0.7) + 1e-5 * torch.randn(
        4, 36, 363, generator=torch.Generator().manual_seed(0)
    )
    h, tau = make_function("exact-laplace"), torch.full((4,), 1e-4)
    here, exact = weights_of(S, h, tau), weights_of(S.double(), h, tau.double())
    torch.testing.assert_close(here.matrices.double(), exact.matrices, rtol=0, atol=0.05)
    torch.testing.assert_close(here.value.double(), exact.value, rtol=0.01, atol=0)


@pytest.mark.parametrize("size", [1e-7, 1e-10, 1e-18, 1e-24, 0.0])
def test_next_to_nothing_has_the_weight_of_nothing(size):
    generator = torch.Generator().manual_seed(0)
    directions = torch.linalg.qr(torch.randn(64, 36, 5, generator=generator))[0]
    S = size * directions @ torch.rand(64, 5, 363, generator=generator)
    weights = weights_of(S, make_function("exact-gamma", 0.5), torch.full((64,), 0.2))
    torch.testing.assert_close(weights.matrices, torch.eye(36).expand(64, -1, -1), rtol=0, atol=1e-5)
    assert (weights.rank < 1e-6).all()


def test_eigenvectors_that_do_not_converge_in_float32_are_computed_in_float64(monkeypatch, without_kernels):
    S = torch.rand(3, 8, 20, generator=torch.Generator().manual_seed(0))
    tau, h, eigh = torch.full((3,), 0.1), make_function("exact-laplace"), torch.linalg.eigh
    expected = weights_of(S, h, tau)

    def failing(gram):
        if gram.dtype == torch.float32:
            raise torch.linalg.LinAlgError("the algorithm failed to converge")
        return eigh(gram)

    monkeypatch.setattr(torch.linalg, "eigh", failing)
    torch.testing.assert_close(weights_of(S, h, tau).matrices, expected.matrices, atol=1e-5, rtol=1e-5)


def test_eigenvectors_that_fail_in_float32_are_repeated_in_float64(monkeypatch, without_kernels):
    """As LAPACK fails for windows of one color but for rounding errors."""
    eigh = torch.linalg.eigh

    def failing(A):
        eigenvalues, U = eigh(A)
        if A.dtype == torch.float32:
            U[1] = torch.nan
        return eigenvalues, U

    monkeypatch.setattr(torch.linalg, "eigh", failing)
    S, tau = matrices(torch.float32), TAU.float()
    h = make_function("exact-laplace")
    assert_defined(weights_of(S, h, tau), S, h, tau.double(), rtol=1e-3)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", SMOOTH)
def test_gpu_takes_products_and_agrees(name, op_census):
    S, h = matrices(torch.float32), make_function(name)
    with op_census():
        weights = weights_of(S.cuda(), h, TAU.float().cuda())
    assert_defined(type(weights)(*(part.cpu() for part in vars(weights).values())), S, h, TAU, 2e-3)
