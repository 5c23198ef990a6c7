import pytest
import torch

from edlrr_cli.lrr.names import REG_NAMES
from edlrr_cli.lrr.series import make_function
from edlrr_cli.tasks.denoise.lowrank import _reweighted, _strength, denoise_lowrank, shrunk_values

REGS = [name.replace("P", "0.5") for name in REG_NAMES]
SIGMA = 25 / 255


def sample(num_channels=1, side=64):
    """Stripes that bend, on a shade."""
    y, x = torch.meshgrid(*[torch.linspace(0, 1, side)] * 2, indexing="ij")
    stripes = torch.sign(torch.sin(40 * x + 6 * y**2))
    return torch.stack([0.5 + 0.2 * stripes * (1 - 0.3 * c) + 0.2 * (y - 0.5) for c in range(num_channels)])


def noisy(clean, sigma=SIGMA):
    return clean + sigma * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))


def psnr(image, clean):
    return float(-10 * (image - clean).square().mean().log10())


@pytest.mark.parametrize("num_channels", [1, 3])
@pytest.mark.parametrize(("level", "gain"), [(10, 6.5), (25, 6.5), (50, 6.0)])
def test_the_default_gains_many_decibels(num_channels, level, gain):
    clean = sample(num_channels)
    given = noisy(clean, level / 255)
    assert psnr(denoise_lowrank(given, level / 255), clean) > psnr(given, clean) + gain


@pytest.mark.parametrize("reg", REGS)
def test_every_penalty_gains(reg):
    clean = sample(side=32)
    given = noisy(clean)
    assert psnr(denoise_lowrank(given, SIGMA, reg=reg), clean) > psnr(given, clean) + 3


@pytest.mark.parametrize("reg", ["schatten-0.1", "exact-gamma", "exact-mcp", "nuclear"])
def test_hardly_any_noise_leaves_the_image_as_it_is(reg):
    clean = sample(side=24)
    torch.testing.assert_close(denoise_lowrank(clean, 1e-7, reg=reg), clean, rtol=0, atol=1e-5)


def test_a_penalty_that_is_flat_at_the_noise_makes_no_nan():
    assert denoise_lowrank(noisy(sample(side=24)), SIGMA, reg="exact-mcp", gamma=0.1).isfinite().all()


def test_a_constant_image_stays_one_and_noise_does_not_darken_it():
    clean = torch.tensor([0.1, 0.3, 0.6])[:, None, None].expand(3, 40, 40).contiguous()
    torch.testing.assert_close(denoise_lowrank(clean, SIGMA), clean)
    given = noisy(clean)
    means = denoise_lowrank(given, SIGMA).mean((1, 2)) - given.mean((1, 2))
    torch.testing.assert_close(means, torch.zeros(3), rtol=0, atol=2e-3)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 2, 2), (3, 2, 30), (1, 5, 7), (3, 6, 6)])
def test_small_images_stay_finite(shape):
    given = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    denoised = denoise_lowrank(given, SIGMA)
    assert denoised.shape == given.shape
    assert denoised.isfinite().all()


def test_the_outcome_is_the_same_each_time_and_the_image_is_left_alone():
    given = noisy(sample(side=24))
    before = given.clone()
    calls = []
    first = denoise_lowrank(given, SIGMA, progress=lambda done, of: calls.append((done, of)))
    assert torch.equal(first, denoise_lowrank(given, SIGMA))
    assert torch.equal(given, before)
    assert calls == [(1, 3), (2, 3), (3, 3)]


def test_it_computes_in_the_precision_of_the_image():
    given = noisy(sample(side=24))
    double = denoise_lowrank(given.double(), SIGMA)
    assert double.dtype == torch.float64
    assert (denoise_lowrank(given, SIGMA) - double).square().mean().sqrt() < 1e-3


@pytest.mark.parametrize("reg", ["nuclear", "schatten-0.5", "exact-gamma", "exact-lnn", "exact-mcp"])
def test_values_are_shrunk_as_a_search_finds_best(reg):
    h = make_function(reg)
    y = torch.tensor([0.1, 0.5, 0.9, 1.1, 1.5, 3.0], dtype=torch.float64)
    s = torch.linspace(0, 4, 40001, dtype=torch.float64)
    objective = (s - y[:, None]).square() / 2 + _strength(h) * h.value(s)
    torch.testing.assert_close(shrunk_values(y, h), s[objective.argmin(1)], rtol=0, atol=5e-3)


def test_the_reweighted_step_is_the_minimum_of_its_quadratic():
    """|X - Y|^2 / 2 + (tr M X X^T + tr N X^T X) lambda / 4 has gradient 0."""
    generator = torch.Generator().manual_seed(0)
    Y, S = torch.randn(2, 1, 5, 5, dtype=torch.float64, generator=generator)
    sigma, h = 0.3, make_function("exact-gamma")
    X, _ = _reweighted(Y, S, sigma, h)
    edge, half = 2 * sigma * 5**0.5, sigma * (0.9 * 5) ** 0.5

    def slope_over(s):
        return h.derivative(s / edge) / (s / edge)

    U, s, Vh = torch.linalg.svd(S)
    weights = slope_over(s) / slope_over(torch.tensor(half, dtype=torch.float64))
    M, N = U @ torch.diag_embed(weights) @ U.mT, Vh.mT @ torch.diag_embed(weights) @ Vh
    torch.testing.assert_close(X - Y + (M @ X + X @ N) / 2, torch.zeros_like(X))
