"""The patch term against the definition, by singular values in float64."""

from __future__ import annotations

import pytest
import torch

import edlrr_cli
from edlrr_cli import PatchLowRank
from edlrr_cli.errors import UsageError
from edlrr_cli.lrr.series import make_function


def images(b=2, c=3, height=40, width=36, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    wave = 0.5 + 0.3 * torch.sin(0.9 * torch.hypot(y - 5.0, x + 20.0))
    return (wave + 0.05 * torch.randn(b, c, height, width, generator=generator)).to(dtype)


def definition(term, X, scales=None):
    """R of each image, and the scales of all chunks; differentiable by the SVD's own derivative."""
    h = make_function(term.reg, term.gamma)
    channels_last = X.permute(0, 2, 3, 1).contiguous()
    total, count, found = X.new_zeros(len(X)), X.new_zeros(len(X)), []
    for index, some in enumerate(term.families(channels_last.detach())):
        S = some.gather(channels_last)
        sigma = torch.linalg.svdvals(S - S.mean(1, keepdim=True))
        scale = sigma[:, :1].detach() / h.x_fit if scales is None else scales[index]
        found.append(scale)
        R = h.value(sigma / scale).sum(1)
        image = some.indices // channels_last[0, ..., 0].numel()
        total, count = total.index_add(0, image, R), count.index_add(0, image, torch.ones_like(R))
    return total / count, found


@pytest.mark.parametrize("matrices", ["windows", "groups"])
@pytest.mark.parametrize("reg", ["laguerre-gamma", "exact-laplace"])
def test_value_and_gradient_are_those_of_the_definition(matrices, reg):
    term, X = PatchLowRank(matrices, reg), images().requires_grad_()
    R = term(X)
    weights = torch.tensor([1.0, -2.0], dtype=R.dtype)
    (gradient,) = torch.autograd.grad((weights * R).sum(), X)

    exact, scales = definition(term, X.detach())
    torch.testing.assert_close(R.detach(), exact, rtol=1e-6, atol=0)
    direction = torch.randn(X.shape, generator=torch.Generator().manual_seed(1), dtype=X.dtype)
    by = 1e-6
    with torch.no_grad():
        ahead, behind = (definition(term, X + sign * by * direction, scales)[0] for sign in (1, -1))
    slope = float((weights * (ahead - behind)).sum() / (2 * by))
    assert float((gradient * direction).sum()) == pytest.approx(slope, rel=1e-3)


@pytest.mark.parametrize("matrices", ["windows", "groups"])
def test_float32_and_halves(matrices):
    term, exact = PatchLowRank(matrices), PatchLowRank(matrices)(images())
    torch.testing.assert_close(term(images(dtype=torch.float32)).double(), exact, rtol=1e-3, atol=0)
    X = images(dtype=torch.bfloat16).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        R = term(X)
    R.sum().backward()
    assert R.dtype == torch.float32
    assert X.grad.dtype == torch.bfloat16
    assert X.grad.isfinite().all()


@pytest.mark.parametrize(("matrices", "weight"), [("windows", 0.4), ("groups", 4.0)])
def test_descending_the_term_denoises(matrices, weight):
    y, x = torch.meshgrid(torch.arange(40), torch.arange(36), indexing="ij")
    clean = 0.5 + 0.3 * torch.sin(0.9 * torch.hypot(y - 5.0, x + 20.0))
    noisy = images(1, 1, dtype=torch.float32)
    X, term = noisy.clone().requires_grad_(), PatchLowRank(matrices, "nuclear")
    optimizer = torch.optim.Adam([X], lr=0.01)
    for _ in range(30):
        optimizer.zero_grad()
        ((X - noisy).square().sum() + weight * term(X).sum()).backward()
        optimizer.step()
    assert (X.detach() - clean).square().mean() < 0.7 * (noisy - clean).square().mean()


@pytest.mark.parametrize("matrices", ["windows", "groups"])
@pytest.mark.parametrize("shape", [(1, 1, 2, 2), (1, 3, 3, 40), (2, 1, 9, 6)])
def test_small_images(matrices, shape):
    X = torch.rand(shape, generator=torch.Generator().manual_seed(0)).requires_grad_()
    R = PatchLowRank(matrices)(X)
    R.sum().backward()
    assert R.shape == shape[:1]
    assert X.grad.isfinite().all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: PatchLowRank("patches"), "unknown matrices"),
        (lambda: PatchLowRank(reg="gama"), "unknown reg"),
        (lambda: PatchLowRank(scale=0.0), "scale must be positive"),
        (lambda: PatchLowRank()(torch.rand(3, 20, 20)), r"expected floats of shape \(b, c, h, w\)"),
        (lambda: PatchLowRank()(torch.ones(1, 3, 20, 20, dtype=torch.int64)), "expected floats"),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(UsageError, match=message):
        call()


def test_it_is_public_and_shows_its_settings():
    assert edlrr_cli.PatchLowRank is PatchLowRank
    assert "matrices='windows', reg='nuclear'" in repr(PatchLowRank("windows", "nuclear"))


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("matrices", ["windows", "groups"])
def test_gpu_agrees(matrices):
    X = images(dtype=torch.float32)
    torch.testing.assert_close(
        PatchLowRank(matrices)(X.cuda()).cpu(), PatchLowRank(matrices)(X), rtol=1e-3, atol=0
    )


@pytest.mark.parametrize("matrices", ["windows", "groups"])
def test_the_shape_of_the_matrices_of_a_large_gray_image(matrices):
    term = PatchLowRank(matrices)
    X = torch.rand(1, 64, 64, 1, generator=torch.Generator().manual_seed(0))
    assert {tuple(family.gather(X).shape[1:]) for family in term.families(X)} == {term.matrix_shape}
