from __future__ import annotations

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from edlrr_cli.errors import NumericsError, UsageError
from edlrr_cli.lrr import LowRankRegularizer, Majorizer, lowrank_penalty
from edlrr_cli.lrr.names import REG_NAMES
from edlrr_cli.lrr.series import make_function
from edlrr_cli.lrr.spectral import largest_singular_value

from .conftest import relative_error

REGS = [name.replace("schatten-P", "schatten-0.5") for name in REG_NAMES]
SMOOTH = [name for name in REGS if make_function(name).smooth]


def oracle(S, reg, scale=None):
    """The definition: U diag(h'(sigma / scale) / scale) V^T and sum h(sigma / scale), SVD in float64."""
    h = make_function(reg)
    U, sigma, Vh = torch.linalg.svd(S.double(), full_matrices=False)
    if scale is None:
        scale = float(sigma.max()) / h.x_fit if h.x_fit is not None else 1.0
    present = sigma > 1e-12 * sigma.max()
    slope = torch.where(present, h.derivative(torch.where(present, sigma, 1.0) / scale) / scale, 0.0)
    return h.value(sigma / scale).sum(), (U * slope) @ Vh


def value_and_gradient(S, reg, **settings):
    S = S.clone().requires_grad_()
    value = lowrank_penalty(S, reg, **settings)
    (gradient,) = torch.autograd.grad(value.sum(), S)
    return value.detach(), gradient


def image_spectrum(count):
    """Fast decay and a short tiny tail, condition number 1e6, sigma_1 = 20 as of a centered photograph."""
    sigma = 20.0 / torch.arange(1, count + 1, dtype=torch.float64) ** 1.2
    sigma[-6:] = torch.logspace(-3.5, -4.7, 6, dtype=torch.float64)
    return sigma


@pytest.mark.parametrize("reg", REGS)
@pytest.mark.parametrize("shape", [(90, 90), (60, 100), (100, 60)])
def test_gradient_in_float32_on_image_spectra(reg, shape, matrix_with_spectrum):
    S = matrix_with_spectrum(image_spectrum(min(shape)), *shape, dtype=torch.float32)
    value, gradient = value_and_gradient(S, reg)
    expected_value, expected = oracle(S, reg)
    assert gradient.dtype == torch.float32
    assert relative_error(gradient, expected) < 1e-3
    assert float(value) == pytest.approx(float(expected_value), rel=1e-4)


@pytest.mark.parametrize("reg", REGS)
def test_gradient_in_float64_on_image_spectra(reg, matrix_with_spectrum):
    S = matrix_with_spectrum(image_spectrum(90), 90, 100)
    value, gradient = value_and_gradient(S, reg)
    expected_value, expected = oracle(S, reg)
    assert relative_error(gradient, expected) < 1e-8
    assert float(value) == pytest.approx(float(expected_value), rel=1e-10)


@pytest.mark.parametrize("reg", SMOOTH)
def test_matrix_products_alone_match_the_definition(reg, dtype, matrix_with_spectrum, op_census):
    S = matrix_with_spectrum(image_spectrum(60), 60, 80, dtype=dtype)
    make_function(reg)  # coefficients are scalars, found once
    with op_census():
        value, gradient = value_and_gradient(S, reg, backend="polar")
    expected_value, expected = oracle(S, reg)
    assert relative_error(gradient, expected) < {torch.float32: 1e-3, torch.float64: 1e-8}[dtype]
    assert float(value) == pytest.approx(float(expected_value), rel=1e-4)


@pytest.mark.parametrize("backend", ["gram", "svd", "polar"])
@pytest.mark.parametrize("reg", ["nuclear", "laguerre-gamma", "exact-laplace"])
def test_all_spectra_and_backends(reg, backend, spectrum, matrix_with_spectrum):
    S = matrix_with_spectrum(spectrum(12), 12, 20)
    _, gradient = value_and_gradient(S, reg, backend=backend)
    _, expected = oracle(S, reg)
    # gram: the tail at 1e-6 costs eps * 1e12 in two of twelve directions; polar: in a cluster of width 1e-7
    # sigma_1, hence the scale, is known to 1e-7
    assert relative_error(gradient, expected) < {"gram": 1e-3, "svd": 1e-9, "polar": 3e-6}[backend]


@pytest.mark.parametrize(
    "reg", ["nuclear", "taylor-laplace", "laguerre-gamma", "exact-geman", "schatten-0.5"]
)
@pytest.mark.parametrize("backend", ["svd", "gram"])
def test_gradcheck(reg, backend, matrix_with_spectrum):
    S = torch.stack([matrix_with_spectrum([3.0, 2.0, 0.5], 3, 4, seed=seed) for seed in (0, 1)])
    S.requires_grad_()
    assert torch.autograd.gradcheck(lambda S: lowrank_penalty(S, reg, scale=4.0, backend=backend), S)


def test_gradcheck_of_matrix_products(matrix_with_spectrum):
    S = matrix_with_spectrum([3.0, 2.0, 0.5], 4, 3).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda S: lowrank_penalty(S, "exact-gamma", scale=2.0, backend="polar"), S
    )


def test_broken_twins_are_caught(matrix_with_spectrum):
    """The oracle is sharp: a wrong sign, a wrong power and one per cent too much are all seen."""
    S = matrix_with_spectrum(image_spectrum(40), 40, 40)
    _, gradient = value_and_gradient(S, "laguerre-gamma")
    _, expected = oracle(S, "laguerre-gamma")
    Q = torch.linalg.svd(S)[0] * torch.linalg.svdvals(S) @ torch.linalg.svd(S)[0].T
    for twin in (-gradient, Q @ gradient, 1.01 * gradient, gradient.mT):
        assert relative_error(twin, expected) > 5e-3


def test_batch_equals_one_by_one(dtype):
    generator = torch.Generator().manual_seed(1)
    S = torch.randn(2, 3, 8, 6, generator=generator, dtype=dtype)
    value, gradient = value_and_gradient(S, "laguerre-laplace")
    assert value.shape == (2, 3)
    for i in range(2):
        for j in range(3):
            one, slope = value_and_gradient(S[i, j], "laguerre-laplace")
            torch.testing.assert_close(value[i, j], one, rtol=1e-5, atol=1e-6)
            torch.testing.assert_close(gradient[i, j], slope, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("backend", ["auto", "gram", "svd", "polar"])
def test_zero_matrix_and_low_rank_have_finite_gradients(backend, dtype):
    rank_one = torch.outer(torch.arange(1.0, 7.0), torch.arange(1.0, 5.0))
    S = torch.stack([torch.zeros(6, 4), rank_one]).to(dtype)
    value, gradient = value_and_gradient(S, "nuclear", backend=backend)
    assert float(value[0]) == 0.0
    assert (gradient[0] == 0).all()
    assert float(value[1]) == pytest.approx(float(rank_one.norm()), rel=1e-5)
    torch.testing.assert_close(gradient[1], (rank_one / rank_one.norm()).to(dtype), rtol=0, atol=3e-5)


def test_float32_gram_trap(matrix_with_spectrum):
    """A Gram matrix in float32 loses the tail; ours is exact where that is wrong by more than half."""
    S = matrix_with_spectrum(torch.logspace(0, -5, 40, dtype=torch.float64), 40, 40, dtype=torch.float32)
    _, expected = oracle(S, "nuclear")
    eigenvalues, U = torch.linalg.eigh(S @ S.T)
    trapped = (U / eigenvalues.clamp_min(1e-12).sqrt()) @ U.T @ S
    assert relative_error(trapped, expected) > 0.5
    assert relative_error(value_and_gradient(S, "nuclear")[1], expected) < 1e-4


def test_a_scale_beyond_the_range_is_refused_with_the_one_that_works(matrix_with_spectrum):
    S = matrix_with_spectrum([200.0, 1.0], 4, 4)
    with pytest.raises(NumericsError, match=r"got 200.*use a scale of 16\.8 or more"):
        lowrank_penalty(S, "laguerre-gamma", scale=1.0)
    assert float(lowrank_penalty(S, "laguerre-gamma", scale=16.9)) > 0
    assert float(lowrank_penalty(S, "exact-gamma", scale=1.0)) > 0


def test_default_scale_puts_the_spectrum_to_the_end_of_the_range(matrix_with_spectrum):
    S = matrix_with_spectrum([50.0, 3.0], 4, 4)
    h = make_function("taylor-gamma")
    assert float(lowrank_penalty(S, "taylor-gamma")) == pytest.approx(
        float(lowrank_penalty(S, "taylor-gamma", scale=50.0 / h.x_max)), rel=1e-9
    )
    doubled = lowrank_penalty(S, "nuclear", scale=lambda sigma_max: sigma_max / 2)
    assert float(doubled) == pytest.approx(53.0 / 25.0)


@pytest.mark.parametrize("reg", ["nuclear", "taylor-laplace", "laguerre-gamma"])
def test_probes_are_unbiased_and_svd_free(reg, matrix_with_spectrum, op_census):
    """Var[g^T h(Q) g] = 2 sum h^2; 4000 probes: within four standard errors of the exact trace."""
    S = matrix_with_spectrum([4.0, 2.0, 1.0, 0.5], 6, 9)
    h = make_function(reg)
    exact = lowrank_penalty(S, reg)
    with op_census():
        estimate = lowrank_penalty(S, reg, num_probes=4000, generator=torch.Generator().manual_seed(0))
    sigma = torch.tensor([4.0, 2.0, 1.0, 0.5], dtype=torch.float64)
    unit = 4.0 / h.x_fit if h.x_fit is not None else 1.0
    deviation = float((2 * h.value(sigma / unit).square().sum() / 4000).sqrt())
    assert abs(float(estimate - exact)) < 4 * deviation
    assert abs(float(estimate - exact)) > 1e-6  # it is an estimate


def test_probe_gradient_is_unbiased(matrix_with_spectrum):
    S = matrix_with_spectrum([2.0, 1.0, 0.5], 3, 5)
    _, exact = value_and_gradient(S, "laguerre-laplace", scale=0.5)
    generator = torch.Generator().manual_seed(0)
    _, estimate = value_and_gradient(S, "laguerre-laplace", scale=0.5, num_probes=20000, generator=generator)
    assert relative_error(estimate, exact) < 0.03


def test_memory_does_not_hold_iterations(matrix_with_spectrum):
    """The graph saves S and its gradient, whatever the number of steps inside."""
    S = matrix_with_spectrum(image_spectrum(30), 30, 50).requires_grad_()
    saved = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t.shape) or t, lambda t: t):
        lowrank_penalty(S, "laguerre-gamma", backend="polar")
    assert saved == [S.shape, S.shape, ()]  # the last one is the scale


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"reg": "laguerre-gama"}, "did you mean 'laguerre-gamma'"),
        ({"backend": "gpu"}, "unknown backend"),
        ({"reg": "exact-scad", "backend": "polar"}, "needs a smooth penalty"),
        ({"reg": "exact-gamma", "num_probes": 5, "generator": torch.Generator()}, "has no series"),
        ({"num_probes": 5}, "generator"),
        ({"generator": torch.Generator()}, "expected num_probes"),
        ({"scale": -1.0}, "scale must be positive"),
        ({"reg": "nuclear", "gamma": 1.0}, "no shape parameter"),
    ],
)
def test_bad_arguments_are_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        lowrank_penalty(torch.eye(3), **settings)


def test_not_finite_is_refused():
    with pytest.raises(NumericsError, match="NaN or Inf"):
        lowrank_penalty(torch.tensor([[1.0, float("nan")], [0.0, 1.0]]))


def test_module_plugs_into_a_training_step():
    torch.manual_seed(0)
    layer = torch.nn.Linear(8, 8)
    regularizer = LowRankRegularizer("exact-laplace", scale=1.0)
    optimizer = torch.optim.SGD([*layer.parameters(), *regularizer.parameters()], lr=0.1)
    before = regularizer(layer.weight).item()
    for _ in range(20):
        optimizer.zero_grad()
        (layer(torch.eye(8)).square().mean() + 0.1 * regularizer(layer.weight)).backward()
        optimizer.step()
    assert regularizer(layer.weight).item() < before
    assert "exact-laplace" in repr(regularizer)


@pytest.mark.parametrize("backend", ["gram", "svd", "polar"])
@pytest.mark.parametrize("shape", [(10, 14), (14, 10)])
@pytest.mark.parametrize("reg", ["nuclear", "exact-gamma", "exact-lnn"])
def test_majorizer_touches_at_the_start_and_lies_above(reg, shape, backend, matrix_with_spectrum):
    S = matrix_with_spectrum(torch.logspace(1, -2, 10, dtype=torch.float64), *shape)
    smoothing, scale = 1e-2, 2.0
    h = make_function(reg)

    def smoothed(X):
        sigma = torch.linalg.svdvals(X)
        return h.value((sigma**2 + (smoothing * 10.0) ** 2).sqrt() / scale).sum()

    q = Majorizer(S, h, scale=scale, smoothing=smoothing, backend=backend)
    assert float(q(S)) == pytest.approx(float(smoothed(S)), rel=1e-9)
    X = S.clone().requires_grad_()
    (pull,) = torch.autograd.grad(q(X), X)
    Y = S.clone().requires_grad_()
    (slope,) = torch.autograd.grad(smoothed(Y), Y)
    torch.testing.assert_close(pull, slope, rtol=1e-7, atol=1e-9)
    for seed in range(20):
        step = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        assert float(q(S + step)) >= float(smoothed(S + step)) - 1e-9


@pytest.mark.parametrize("smoothing", [2e-3, 5e-3])
@pytest.mark.parametrize("shape", [(30, 40), (40, 30)])
def test_majorizer_in_float32_resolves_what_is_not_smoothed(shape, smoothing, matrix_with_spectrum):
    S = matrix_with_spectrum(torch.logspace(1, -6, 30, dtype=torch.float64), *shape)
    h = make_function("exact-laplace")
    values, pulls = [], []
    for X in (S.clone().requires_grad_(), S.float().requires_grad_()):
        value = Majorizer(X, h, scale=0.5, smoothing=smoothing)(X)
        (pull,) = torch.autograd.grad(value, X)
        values.append(float(value.detach()))
        pulls.append(pull.double())
    assert values[1] == pytest.approx(values[0], rel=1e-4)
    torch.testing.assert_close(pulls[1], pulls[0], rtol=0, atol=5e-3 * float(pulls[0].abs().max()))


@pytest.mark.parametrize("shape", [(6, 9), (9, 6)])
def test_majorizer_of_a_filtered_matrix(shape, matrix_with_spectrum):
    X = matrix_with_spectrum([4.0, 2.0, 1.0, 0.3], *shape)
    A, B = (matrix_with_spectrum(torch.linspace(2, 1, n), n, n, seed=n) for n in shape)
    h = make_function("exact-gamma")
    filtered = Majorizer(X, h, scale=1.0, left=A, right=B)
    plain = Majorizer(A @ X @ B, h, scale=1.0)
    for seed in range(3):
        Y = X + torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        Y.requires_grad_()
        (pull,) = torch.autograd.grad(filtered(Y), Y)
        (expected,) = torch.autograd.grad(plain(A @ Y @ B), Y)
        torch.testing.assert_close(pull, expected, rtol=1e-10, atol=1e-10)
        assert float(filtered(Y).detach()) == pytest.approx(float(plain(A @ Y @ B).detach()), rel=1e-10)


class LargestTensor(TorchDispatchMode):
    """The number of entries of the largest tensor that an operation returned."""

    entries = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        tensors = [each for each in tree_leaves(result) if isinstance(each, torch.Tensor)]
        self.entries = max([self.entries, *(each.numel() for each in tensors)])
        return result


@pytest.mark.parametrize("shape", [(500, 3), (3, 500)])
def test_majorizer_stores_no_square_of_the_long_side(shape):
    S = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    with LargestTensor() as largest:
        Majorizer(S, make_function("nuclear"))(S)
    assert largest.entries == S.numel()


def test_majorizer_by_products_is_svd_free(matrix_with_spectrum, op_census):
    S = matrix_with_spectrum(image_spectrum(20), 20, 30, dtype=torch.float32).requires_grad_()
    h = make_function("laguerre-gamma")
    with op_census():
        Majorizer(S, h, backend="polar")(S).backward()


def test_largest_singular_value(spectrum, matrix_with_spectrum):
    S = matrix_with_spectrum(spectrum(12), 20, 12)
    assert float(largest_singular_value(S)) == pytest.approx(float(torch.linalg.svdvals(S)[0]), rel=1e-6)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("reg", REGS)
def test_cuda_equals_the_definition(reg, matrix_with_spectrum):
    S = matrix_with_spectrum(image_spectrum(90), 90, 100, dtype=torch.float32)
    _, gradient = value_and_gradient(S.cuda(), reg)
    assert relative_error(gradient.cpu(), oracle(S, reg)[1]) < 1e-3
