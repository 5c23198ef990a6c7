"""The penalty in training loops: compilation, autocast, transforms, higher derivatives, threads."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, hessian, jacrev, jvp, vmap

from edlrr_cli.errors import UsageError
from edlrr_cli.lrr import LowRankRegularizer, Majorizer, lowrank_penalty
from edlrr_cli.lrr.names import REG_NAMES
from edlrr_cli.lrr.series import make_function

# Torch's own, of parts of it that it imports when it traces or transforms.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:torch"),
    pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning"),
]

REGS = [name.replace("schatten-P", "schatten-0.5") for name in REG_NAMES]
SMOOTH = [name for name in REGS if make_function(name).smooth]
SERIES = [name for name in REGS if name == "nuclear" or name.startswith(("taylor-", "laguerre-"))]


def random(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def value_and_gradient(function, S):
    S = S.clone().requires_grad_()
    value = function(S)
    (gradient,) = torch.autograd.grad(value.sum(), S)
    return value.detach(), gradient


@pytest.mark.parametrize("fullgraph", [True, False])
@pytest.mark.parametrize(
    ("backend", "regs"), [("auto", REGS), ("gram", REGS), ("svd", REGS), ("polar", SMOOTH)]
)
def test_compiled_is_eager(backend, regs, fullgraph):
    def all_of_them(S):
        return torch.stack([lowrank_penalty(S, reg, backend=backend) for reg in regs])

    S = random(3, 12, 10)
    expected = value_and_gradient(all_of_them, S)
    torch._dynamo.reset()
    compiled = value_and_gradient(torch.compile(all_of_them, backend="eager", fullgraph=fullgraph), S)
    for got, wanted in zip(compiled, expected, strict=True):
        torch.testing.assert_close(got, wanted, rtol=0, atol=0)


def test_compiled_is_eager_with_a_scale_and_with_probes():
    def penalties(S, seed):
        scaled = lowrank_penalty(S, "laguerre-gamma", scale=lambda sigma_max: sigma_max / 5)
        generators = [torch.Generator().manual_seed(seed) for _ in SERIES]
        estimates = [
            lowrank_penalty(S, reg, num_probes=4, generator=generator)
            for reg, generator in zip(SERIES, generators, strict=True)
        ]
        return torch.stack([scaled, lowrank_penalty(S, "exact-gamma", scale=2.0), *estimates])

    S = random(3, 12, 10)
    expected = value_and_gradient(lambda S: penalties(S, 0), S)
    torch._dynamo.reset()
    compiled = value_and_gradient(lambda S: torch.compile(penalties, backend="eager")(S, 0), S)
    for got, wanted in zip(compiled, expected, strict=True):
        torch.testing.assert_close(got, wanted, rtol=0, atol=0)


def test_compiled_in_a_fresh_process_leaves_right_series_behind():
    """The first use of a series may be under the tracer, which must not meet the NumPy that makes it."""
    code = (
        "import torch; from edlrr_cli import lowrank_penalty; torch.manual_seed(0)\n"
        "S = torch.randn(3, 12, 10); f = lambda S: lowrank_penalty(S).sum()\n"
        "compiled = torch.compile(f, backend='eager')(S); print(float(compiled), float(f(S)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [float(word) for word in done.stdout.split()] == pytest.approx([49.236107, 49.236107], abs=1e-4)


@pytest.mark.parametrize("strict", [True, False])
def test_exported(strict):
    network = nn.Sequential(nn.Linear(10, 10), LowRankRegularizer("taylor-laplace"))
    S = random(3, 12, 10)
    exported = torch.export.export(network, (S,), strict=strict)
    torch.testing.assert_close(exported.module()(2 * S), network(2 * S))


def test_meta_tensors_have_shapes():
    S = torch.empty(2, 5, 4, device="meta", requires_grad=True)
    value = lowrank_penalty(S)
    value.sum().backward()
    assert (value.shape, value.device.type, S.grad.shape) == ((2,), "meta", S.shape)


def test_empty_batches():
    value, gradient = value_and_gradient(lowrank_penalty, torch.empty(0, 5, 4))
    assert (value.shape, gradient.shape) == ((0,), (0, 5, 4))


@pytest.mark.parametrize("backend", ["gram", "svd", "polar"])
def test_autocast_leaves_the_precision_alone(backend):
    S = random(30, 20)
    expected = value_and_gradient(lambda S: lowrank_penalty(S, backend=backend), S)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = value_and_gradient(lambda S: lowrank_penalty(S, backend=backend), S)
    for here, there in zip(got, expected, strict=True):
        torch.testing.assert_close(here, there, rtol=1e-5, atol=1e-6)


def test_a_majorizer_under_autocast():
    S, h = random(8, 6), make_function("laguerre-gamma")
    expected = value_and_gradient(Majorizer(S, h, left=2 * torch.eye(8)), S)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = value_and_gradient(Majorizer(S, h, left=2 * torch.eye(8)), S)
    for here, there in zip(got, expected, strict=True):
        torch.testing.assert_close(here, there, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("num_probes", [None, 4])
def test_sixteen_bits_are_computed_in_float32(dtype, num_probes):
    def penalty(S):
        generator = torch.Generator().manual_seed(0) if num_probes else None
        return lowrank_penalty(S, num_probes=num_probes, generator=generator)

    S = random(12, 10).to(dtype)
    value, gradient = value_and_gradient(penalty, S)
    expected, exact = value_and_gradient(penalty, S.float())
    assert (value.dtype, gradient.dtype) == (torch.float32, dtype)
    assert value == expected
    torch.testing.assert_close(gradient, exact.to(dtype))


def test_a_majorizer_of_sixteen_bits():
    S, h = random(8, 6).bfloat16(), make_function("nuclear")
    value, gradient = value_and_gradient(Majorizer(S, h), S)
    expected, exact = value_and_gradient(Majorizer(S.float(), h), S.float())
    assert value == expected
    torch.testing.assert_close(gradient, exact.bfloat16())


def test_a_training_step_under_autocast():
    x, network = random(4, 1, 16, 12), nn.Conv2d(1, 1, 3, padding=1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = network(x)
        loss = nn.functional.mse_loss(out, x) + 1e-3 * lowrank_penalty(out, "laguerre-gamma").mean()
    loss.backward()
    assert network.weight.grad.isfinite().all()


@pytest.mark.parametrize("reg", ["nuclear", "exact-gamma", "schatten-0.5"])
@pytest.mark.parametrize("backend", ["gram", "svd"])
@pytest.mark.parametrize("shape", [(5, 4), (3, 6)])
def test_complex_matrices(reg, backend, shape):
    S = torch.complex(random(2, *shape, dtype=torch.float64), random(2, *shape, seed=1, dtype=torch.float64))
    value, gradient = value_and_gradient(lambda S: lowrank_penalty(S, reg, scale=1.5, backend=backend), S)
    U, sigma, Vh = torch.linalg.svd(S, full_matrices=False)
    h = make_function(reg)
    torch.testing.assert_close(value, h.value(sigma / 1.5).sum(-1), rtol=1e-7, atol=1e-9)
    slope = (h.derivative(sigma / 1.5) / 1.5).to(U.dtype)
    torch.testing.assert_close(gradient, U * slope.unsqueeze(-2) @ Vh, rtol=1e-6, atol=1e-8)
    assert torch.autograd.gradcheck(lambda S: lowrank_penalty(S, reg, scale=1.5), S.clone().requires_grad_())


@pytest.mark.parametrize("reg", ["nuclear", "exact-gamma", "laguerre-laplace", "schatten-0.5", "exact-mcp"])
@pytest.mark.parametrize("shape", [(4, 3), (3, 5), (2, 3, 3)])
def test_second_derivatives(reg, shape):
    S = random(*shape, dtype=torch.float64).requires_grad_()

    def penalty(S):
        return lowrank_penalty(S, reg, scale=1.5)

    assert torch.autograd.gradcheck(penalty, S, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(penalty, S, check_fwd_over_rev=True)


def test_the_hessian_of_the_nuclear_norm():
    S = random(4, 3, dtype=torch.float64)
    expected = torch.autograd.functional.hessian(lambda S: torch.linalg.svdvals(S).sum(), S)
    for found in (
        hessian(lambda S: lowrank_penalty(S, "nuclear"))(S),
        torch.autograd.functional.hessian(lambda S: lowrank_penalty(S, "nuclear"), S),
    ):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


def test_second_derivatives_where_singular_values_repeat_or_vanish():
    def penalty(S):
        return lowrank_penalty(S, "exact-gamma", scale=1.0)

    assert torch.autograd.gradgradcheck(penalty, torch.eye(3, dtype=torch.float64).requires_grad_())
    deficient = torch.outer(torch.arange(1.0, 4.0), torch.arange(1.0, 5.0)).double()
    assert hessian(penalty)(deficient).isfinite().all()
    assert (hessian(penalty)(torch.zeros(3, 4)) == 0).all()


def test_a_gradient_of_a_gradient_step():
    """As in meta-learning: the outer gradient goes through the inner one."""

    def outer(S, penalty):
        (inner,) = torch.autograd.grad(penalty(S), S, create_graph=True)
        return (S - 0.1 * inner).square().sum()

    found, expected = (
        torch.autograd.grad(outer(S := random(6, 4).requires_grad_(), penalty), S)[0]
        for penalty in (
            lambda S: lowrank_penalty(S, "nuclear"),
            lambda S: torch.linalg.svdvals(S.double()).sum().float(),
        )
    )
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_third_derivatives_are_refused():
    with pytest.raises(UsageError, match="differentiable twice"):
        jacrev(jacrev(jacrev(lambda S: lowrank_penalty(S, "nuclear"))))(random(3, 3))


def test_function_transforms():
    def penalty(S, scale=None):
        return lowrank_penalty(S, "exact-gamma", scale=scale)

    S, scale = random(5, 4, 3, dtype=torch.float64), torch.arange(1.0, 6.0, dtype=torch.float64)
    values, gradients = value_and_gradient(penalty, S)
    torch.testing.assert_close(vmap(penalty)(S), values)
    torch.testing.assert_close(vmap(penalty, in_dims=2)(S.movedim(0, 2)), values)
    torch.testing.assert_close(vmap(grad(penalty))(S), gradients)
    torch.testing.assert_close(vmap(penalty)(S, scale), penalty(S, scale))
    torch.testing.assert_close(
        vmap(penalty, in_dims=(None, 0))(S[0], scale), penalty(S[:1].expand(5, 4, 3), scale)
    )
    by_function = vmap(lambda S: penalty(S, lambda sigma_max: sigma_max / 3))(S)
    torch.testing.assert_close(by_function, penalty(S, lambda sigma_max: sigma_max / 3))
    _, tangent = jvp(penalty, (S,), (S,))
    torch.testing.assert_close(tangent, (gradients * S).sum((-2, -1)))
    torch.testing.assert_close(functional_call(LowRankRegularizer("exact-gamma"), {}, (S,)), values)


@pytest.mark.parametrize("settings", [{}, {"num_probes": 3}])
def test_modules_are_copied_and_pickled(settings):
    generator = torch.Generator().manual_seed(0) if settings else None
    module = LowRankRegularizer("laguerre-gamma", generator=generator, **settings)
    S = random(6, 5)
    copies = [copy.deepcopy(module), pickle.loads(pickle.dumps(module))]
    assert [float(other(S)) for other in copies] == [float(module(S))] * 2


def test_activation_checkpointing():
    from torch.utils.checkpoint import checkpoint

    S = random(6, 5)
    _, expected = value_and_gradient(lowrank_penalty, S)
    _, gradient = value_and_gradient(lambda S: checkpoint(lowrank_penalty, S, use_reentrant=False), S)
    assert (gradient == expected).all()


@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="no gloo")
def test_distributed_data_parallel(tmp_path):
    torch.distributed.init_process_group("gloo", f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        network = nn.Sequential(nn.Linear(5, 4), LowRankRegularizer("exact-gamma"))
        S = random(3, 6, 5)
        network(S).sum().backward()
        expected = network[0].weight.grad.clone()
        network.zero_grad()
        nn.parallel.DistributedDataParallel(network)(S).sum().backward()
        torch.testing.assert_close(network[0].weight.grad, expected)
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.parametrize("backend", ["gram", "svd", "polar"])
@pytest.mark.parametrize("reg", ["nuclear", "laguerre-gamma", "exact-log", "schatten-0.5"])
@pytest.mark.parametrize("size", [1e-22, 1e-38, 1e25])
def test_faint_and_huge_matrices_have_the_gradients_of_moderate_ones(backend, reg, size):
    if backend == "polar" and reg not in SMOOTH:
        pytest.skip("a penalty that is not smooth has no polynomial")
    S = random(2, 12, 10)
    scale = torch.linalg.svdvals(S)[:, 0] / 5
    _, expected = value_and_gradient(lambda S: lowrank_penalty(S, reg, scale=scale, backend=backend), S)
    _, gradient = value_and_gradient(
        lambda S: lowrank_penalty(S, reg, scale=size * scale.double(), backend=backend), size * S
    )
    wanted = expected.double() / size
    error = (gradient.double() - wanted).norm() / wanted.norm()
    assert error < (0.1 if size == 1e-38 else 1e-4), "the faintest are subnormal"


@pytest.mark.parametrize("backend", ["gram", "svd", "polar"])
def test_a_faint_matrix_spoils_no_gradient(backend):
    S = torch.stack([random(12, 10), 1e-43 * random(12, 10), torch.zeros(12, 10)])
    _, gradient = value_and_gradient(lambda S: lowrank_penalty(S, backend=backend), S)
    assert gradient.isfinite().all()
    torch.testing.assert_close(
        gradient[0], value_and_gradient(lowrank_penalty, S[0])[1], rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("size", [1e-200, 1e200])
@pytest.mark.parametrize("backend", ["gram", "svd", "polar"])
def test_squares_beyond_float64(size, backend):
    S = random(6, 5, dtype=torch.float64)
    value, gradient = value_and_gradient(lambda S: lowrank_penalty(S, "nuclear", backend=backend), size * S)
    expected, exact = value_and_gradient(lambda S: lowrank_penalty(S, "nuclear"), S)
    torch.testing.assert_close(value / size, expected, rtol=1e-7, atol=0)
    torch.testing.assert_close(gradient, exact, rtol=1e-6, atol=1e-7)


@pytest.fixture
def odd_state():
    """Whatever else a caller may have set."""
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    make_function.cache_clear()
    yield
    torch.set_default_device(None)
    torch.set_default_dtype(torch.float32)
    make_function.cache_clear()


@pytest.mark.parametrize("settings", [{}, {"backend": "polar"}, {"num_probes": 4}])
def test_defaults_of_the_caller_change_nothing(settings, request):
    S = random(6, 5)

    def penalty(S):
        more = {"generator": torch.Generator("cpu").manual_seed(0)} if "num_probes" in settings else {}
        return lowrank_penalty(S, **settings, **more)

    expected = value_and_gradient(penalty, S)
    state = torch.get_rng_state()
    request.getfixturevalue("odd_state")
    got = value_and_gradient(penalty, S)
    for here, there in zip(got, expected, strict=True):
        assert here.dtype == there.dtype
        assert (here == there).all()
    assert (torch.get_rng_state() == state).all()


def test_modes_of_the_caller():
    S = random(6, 5)
    expected = lowrank_penalty(S)
    with torch.inference_mode():
        assert lowrank_penalty(S) == expected
        made_here = S.clone()
    assert lowrank_penalty(made_here) == expected
    with torch.no_grad():
        assert not lowrank_penalty(S.clone().requires_grad_()).requires_grad
    inside = []
    x = S.clone().requires_grad_()
    y = 2 * x
    y.register_hook(lambda _: inside.append(lowrank_penalty(S)))
    y.sum().backward()
    assert inside == [expected]


@pytest.mark.parametrize(
    ("S", "message"),
    [
        (random(3, 3).numpy(), "expected a tensor, got ndarray"),
        (random(3, 3).to_sparse(), "expected a dense tensor"),
        (torch.eye(3, dtype=torch.int64), "expected dtype"),
    ],
)
def test_what_is_no_matrix_is_refused(S, message):
    with pytest.raises(UsageError, match=message):
        lowrank_penalty(S)


@pytest.mark.parametrize("backend", ["gram", "svd"])
def test_threads_change_nothing(backend, two_threads):
    S = random(5, 40, 30)
    spread = value_and_gradient(lambda S: lowrank_penalty(S, backend=backend), S)
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)
    in_turn = value_and_gradient(lambda S: lowrank_penalty(S, backend=backend), S)
    for here, there in zip(spread, in_turn, strict=True):
        assert (here == there).all()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own(two_threads):
    S = random(3, 20, 20)
    lowrank_penalty(S)
    child = os.fork()
    if child == 0:
        torch.set_num_threads(2)
        os._exit(0 if lowrank_penalty(S).isfinite().all() else 1)
    assert os.waitpid(child, 0)[1] == 0
