"""Both families of small matrices against the definition, by singular values in float64."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from edlrr_cli.lrr.matrices.windows import windows_at
from edlrr_cli.lrr.series import make_function
from edlrr_cli.lrr.weights import Weights
from edlrr_cli.tasks.inpaint.fill import fill
from edlrr_cli.tasks.inpaint.lowrank import local_windows, majorizer, similar_patches
from edlrr_cli.tasks.inpaint.lowrank.majorizer import Majorizer

REGS = ["nuclear", "schatten-0.5", "laguerre-gamma", "exact-laplace", "exact-log", "exact-mcp"]
ERROR = 0.01


@pytest.fixture(params=[1, 3])
def case(request):
    """A filled image (b, c, h, w) and its known pixels: rings, half of them missing."""
    y, x = np.mgrid[:32, :32]
    wave = 0.5 + 0.3 * np.sin(0.9 * np.hypot(y - 5, x + 20))
    image = np.stack([wave * (1 - 0.2 * c) for c in range(request.param)], axis=-1)
    known = np.random.default_rng(0).random((32, 32)) >= 0.5
    filled = fill(np.where(known[..., None], image, 0.0), known, "biharmonic")
    start = torch.from_numpy(filled).permute(2, 0, 1)[None].contiguous().float()
    return SimpleNamespace(start=start, known=torch.from_numpy(known)[None])


FAMILIES = {
    "windows": lambda X, hole: windows_at(hole, local_windows._SIZE, 0),
    "groups": lambda X, hole: similar_patches._groups_at(X, hole, 0, similar_patches.Effort()),
}


@pytest.fixture(params=FAMILIES)
def family(request, case):
    """The matrices of the filled image, and the function that lowers their penalty."""
    matrices = FAMILIES[request.param](case.start.permute(0, 2, 3, 1).contiguous(), ~case.known)
    lower = {"windows": local_windows.lower_window_ranks, "groups": similar_patches.lower_group_ranks}
    return SimpleNamespace(matrices=matrices, lower=lower[request.param])


def smoothed(S, error):
    """The smoothed singular values of matrices without their mean row, and tau."""
    S = S.double() - S.double().mean(1, keepdim=True)
    tau = torch.full((len(S),), error * (S.shape[1] ** 0.5 + S.shape[2] ** 0.5), dtype=torch.float64)
    tau = torch.maximum(tau, 1e-3 * torch.linalg.matrix_norm(S))[:, None]
    return (torch.linalg.svdvals(S) ** 2 + tau**2).sqrt(), tau


def constants(S, h, error):
    """The scale u and the constant c of each matrix, fixed at S."""
    s, tau = smoothed(S, error)
    u = torch.ones_like(tau) if h.x_fit is None else torch.maximum(4 * tau, s[:, :1] / h.x_max)
    rank = (1 - tau**2 / s**2).sum(1, keepdim=True)
    return u, tau, tau * u / h.derivative(tau / u) / (1 + rank)


def penalty(X, matrices, h, error, at):
    """sum_g c_g sum_i h(s_i / u), with u, tau and c fixed at an image."""
    total = 0.0
    for some in matrices:
        u, tau, c = constants(some.gather(at), h, error)
        S = some.gather(X.double())
        sigma = torch.linalg.svdvals(S - S.mean(1, keepdim=True))
        total += float((c * h.value((sigma**2 + tau**2).sqrt() / u)).sum())
    return total


@pytest.mark.parametrize("reg", REGS)
def test_value_and_gradient_are_those_of_the_penalty(case, family, reg):
    h, X = make_function(reg), case.start.permute(0, 2, 3, 1).contiguous()
    hole = ~case.known[..., None]
    model = Majorizer(X, hole, family.matrices, h, torch.tensor([ERROR]))
    exact = penalty(X, family.matrices, h, ERROR, X)
    assert float(model.penalty) == pytest.approx(exact, rel=1e-3)

    generator = torch.Generator().manual_seed(0)
    direction = torch.randn(X.shape, generator=generator, dtype=torch.float64) * hole
    slope = float((model.gradient(X).double() * direction).sum())
    by = 1e-5
    ahead, behind = (
        penalty(X.double() + sign * by * direction, family.matrices, h, ERROR, X) for sign in (1, -1)
    )
    assert slope == pytest.approx((ahead - behind) / (2 * by), rel=2e-2)


def weights_by_svd(S, h, tau):
    """The definition in float64."""
    precise = S.double()
    tau = torch.maximum(tau.double(), 1e-3 * torch.linalg.matrix_norm(precise))
    U, sigma, _ = torch.linalg.svd(precise, full_matrices=False)
    s = (sigma**2 + tau[:, None] ** 2).sqrt()
    u = torch.ones_like(tau) if h.x_fit is None else torch.maximum(4 * tau, s[:, 0] / h.x_max)
    c = tau * u / h.derivative(tau / u)
    W = (U * ((c / u)[:, None] * h.derivative(s / u[:, None]) / s)[:, None]) @ U.mT
    value = c * h.value(s / u[:, None]).sum(1)
    return Weights(*(part.to(S.dtype) for part in (W, value, (sigma**2 / s**2).sum(1))))


@pytest.mark.parametrize("reg", REGS)
def test_the_final_objective_is_that_of_a_reference_in_float64(case, family, reg, monkeypatch):
    h = make_function(reg)

    def final(start):
        objectives = []
        family.lower(start, case.known, h, progress=lambda *values: objectives.append(values[3]))
        return objectives[-1]

    ours = final(case.start)
    monkeypatch.setattr(majorizer, "weights_of", weights_by_svd)
    assert ours == pytest.approx(final(case.start.double()), rel=1e-3)


@pytest.mark.parametrize("reg", ["nuclear", "laguerre-gamma"])
def test_adam_and_conjugate_gradients_reach_the_same_objective(case, family, reg):
    h, error = make_function(reg), torch.tensor([ERROR])
    X, hole = case.start.permute(0, 2, 3, 1).contiguous(), ~case.known[..., None]
    model = Majorizer(X, hole, family.matrices, h, error)
    values = [
        float((X * model._whole_gradient(X)).sum())
        for X in (majorizer._minimized(X, model, optimizer, 20, error) for optimizer in ("adam", "cg"))
    ]
    assert values[0] == pytest.approx(values[1], rel=1e-3)


def weighted(model):
    return [batch for part in model._parts for batch in part.weighted]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("content", ["edges", "noise"])
def test_float32_is_enough(family, content):
    """At the smallest tau and the largest contrast that an image can have, where it is worst."""
    generator = torch.Generator().manual_seed(0)
    edges = (torch.arange(64) // 30 % 2).expand(64, 64)
    noise = torch.randint(2, (64, 64), generator=generator)
    X = {"edges": edges, "noise": noise}[content].float()[None, :, :, None].expand(1, 64, 64, 3).contiguous()
    hole = torch.zeros(1, 64, 64, dtype=torch.bool)
    hole[:, ::2, ::3] = True
    matrices, h = FAMILIES[family](X, hole), make_function("exact-laplace")
    here, exact = (Majorizer(X, hole[..., None], matrices, h, torch.tensor([0.002])) for X in (X, X.double()))
    for part, wanted in zip(weighted(here), weighted(exact), strict=True):
        assert (part.weights - wanted.weights).abs().max() < 0.01
