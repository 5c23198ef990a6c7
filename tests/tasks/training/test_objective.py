import pytest
import torch

from edlrr_cli.networks.build import build_network
from edlrr_cli.networks.names import Size
from edlrr_cli.tasks.training.config import Config
from edlrr_cli.tasks.training.data import Noisy
from edlrr_cli.tasks.training.levels import Levels
from edlrr_cli.tasks.training.objective import Objective, running_statistics


class Constant(torch.nn.Module):
    """Predicts the noise it is reported, times a weight."""

    def __init__(self, noise):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))
        self.noise = noise

    def forward(self, X, sigma):
        return self.weight * self.noise


def settings(**changes):
    return Config(steps=1, precision="float32", sigma=Levels(25, 25), **changes)


def noisy_image(height=12, width=10, level=25 / 255):
    generator = torch.Generator().manual_seed(0)
    clean = torch.rand(1, 1, height, width, generator=generator)
    noise = level * torch.randn(clean.shape, generator=generator)
    return Noisy(clean + noise, noise, torch.full((1,), level))


def test_the_data_term_is_the_error_in_units_of_the_noise_power():
    noisy = noisy_image()
    data, rank = Objective(Constant(torch.zeros_like(noisy.noise)), settings())(noisy, [])
    data, rank = data.detach(), rank.detach()
    expected = noisy.noise.square().mean() / (25 / 255) ** 2
    assert float(data) == pytest.approx(float(expected), rel=1e-5)
    assert float(rank) == 0


@pytest.mark.parametrize("target", ["clean", "error"])
def test_the_rank_term_of_the_nuclear_norm_is_that_of_the_definition(target):
    noisy = noisy_image()
    predicted = 0.3 * noisy.noise
    objective = Objective(Constant(predicted), settings(reg="nuclear", lrr_target=target))
    _, rank = objective(noisy, [noisy])
    S = (noisy.images - predicted if target == "clean" else predicted - noisy.noise)[0, 0].double()
    nuclear = torch.linalg.svdvals(S - S.mean()).sum()
    level = 25 / 255
    expected = level * (12**0.5 + 10**0.5) * nuclear / (120 * level**2)
    assert float(rank.detach()) == pytest.approx(float(expected), rel=1e-4)


@pytest.mark.parametrize("matrices", ["windows", "groups"])
def test_the_rank_term_of_patches_is_in_units_of_the_noise(matrices):
    """Scaled with its noise, an image has the same term; series give way to their exact penalty."""
    values = []
    for level in (25 / 255, 50 / 255):
        noisy = noisy_image(24, 24)
        noisy = Noisy(noisy.images * level * 255 / 25, noisy.noise, torch.full((1,), level))
        trained = Levels(level * 255, level * 255)
        for reg in ("laguerre-gamma", "exact-gamma"):
            config = Config(
                steps=1, precision="float32", sigma=trained, reg=reg, lam=1.0, lrr_matrices=matrices
            )
            _, rank = Objective(Constant(torch.zeros_like(noisy.noise)), config)(noisy, [noisy])
            values.append(float(rank.detach()))
    assert values == pytest.approx([values[0]] * 4, rel=1e-3)
    assert values[0] > 0


def test_the_rank_term_of_windows_of_the_nuclear_norm_is_that_of_the_definition():
    noisy = noisy_image(16, 16)
    objective = Objective(Constant(0 * noisy.noise), settings(reg="nuclear", lrr_matrices="windows"))
    _, rank = objective(noisy, [noisy])
    patches = noisy.images[0, 0].double().unfold(0, 6, 1).unfold(1, 6, 1).reshape(121, 36)
    nuclear = torch.linalg.svdvals(patches - patches.mean(0)).sum()
    level = 25 / 255
    expected = level * (11 + 6) * nuclear / (121 * 36 * level**2)
    assert float(rank.detach()) == pytest.approx(float(expected), rel=1e-4)


def test_a_lambda_of_one_pulls_like_the_nuclear_norm_that_removes_all_noise():
    # Of a small singular value, whatever the penalty: h'(0) is that of h.
    noisy = noisy_image()
    S = noisy.images.clone().requires_grad_()
    objective = Objective(Constant(torch.zeros_like(S)), settings(reg="nuclear"))
    _, rank = objective(noisy, [Noisy(S, noisy.noise, noisy.sigma)])
    rank.backward()
    level = 25 / 255
    # d/dS of |S - X|^2 / (n m level^2) is 2 t / (n m level^2) where S is off by the edge t.
    edge = level * (12**0.5 + 10**0.5)
    sizes = torch.linalg.svdvals(S.grad[0, 0].double())
    # All alike, but for the fraction of the mean, which is left out.
    assert float(sizes.median()) == pytest.approx(edge / (120 * level**2), rel=1e-2)


def test_the_rank_term_draws_towards_low_rank():
    noisy = noisy_image(32, 32)
    network = Constant(noisy.noise)
    _, rank = Objective(network, settings())(noisy, [noisy])
    rank.backward()
    assert float(network.weight.grad) < 0  # more noise taken off, less rank


def test_full_images_leave_the_statistics_as_they_are():
    torch.manual_seed(0)
    for arch in ("dncnn", "dncnn-bf"):
        network = build_network(arch, Size(4, 4)).train()
        noisy = noisy_image(16, 16)
        objective = Objective(network, settings())
        before = {name: value.clone() for name, value in network.named_buffers()}
        with running_statistics(network):
            network(noisy.images, noisy.sigma)
        assert all(torch.equal(value, before[name]) for name, value in network.named_buffers())
        assert all(module.training for module in network.modules())
        alone = build_network(arch, Size(4, 4)).train()
        alone.load_state_dict(network.state_dict())
        objective(noisy, [noisy_image(20, 24)])
        Objective(alone, settings())(noisy, [])
        for mine, its in zip(network.buffers(), alone.buffers(), strict=True):
            assert torch.equal(mine, its)


def test_weak_noise_does_not_weigh_without_bound():
    noisy = noisy_image(level=0.0)
    data, _ = Objective(Constant(torch.full_like(noisy.noise, 0.01)), settings())(noisy, [])
    assert float(data.detach()) == pytest.approx(0.01**2 / (2 / 255 * 25 / 255), rel=1e-4)
