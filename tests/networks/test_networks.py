from dataclasses import replace

import pytest
import torch

from edlrr_cli.errors import UsageError
from edlrr_cli.networks.apply import predict_clean
from edlrr_cli.networks.bias_free import BiasFreeNorm
from edlrr_cli.networks.build import build_network
from edlrr_cli.networks.names import ARCHS, Size, published_size

SMALL = {"dncnn": Size(5, 4), "dncnn-b": Size(6, 4), "dncnn-bf": Size(5, 4), "light": Size(1, 4)}


def network_of(arch, size=None):
    torch.manual_seed(0)
    return build_network(arch, size or SMALL[arch]).double().eval()


def images(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("arch", ARCHS)
def test_the_noise_has_the_shape_of_the_image(arch, channels):
    X, size = images(2, channels, 16, 24), replace(SMALL[arch], channels=channels)
    assert network_of(arch, size)(X, torch.full((2,), 0.1, dtype=X.dtype)).shape == X.shape


def test_dncnn_has_the_published_number_of_parameters():
    # 555,137 after the normalizations are merged: each of 64 channels has a bias then, and no scale.
    network = build_network("dncnn", published_size("dncnn"))
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count - 15 * 64 == 555_137


@pytest.mark.parametrize("arch", ["dncnn-bf", "light"])
def test_bias_free_networks_are_homogeneous(arch):
    network, X = network_of(arch), images(1, 1, 16, 16)
    sigma = torch.full((1,), 0.1, dtype=X.dtype)
    torch.testing.assert_close(network(7 * X, 7 * sigma), 7 * network(X, sigma))


def test_dncnn_is_not_homogeneous():
    network, X = network_of("dncnn"), images(1, 1, 16, 16)
    for norm in network.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            torch.nn.init.ones_(norm.bias)
    sigma = torch.full((1,), 0.1, dtype=X.dtype)
    assert not torch.allclose(network(7 * X, 7 * sigma), 7 * network(X, sigma), rtol=1e-2)


def test_light_looks_at_the_noise_level_and_dncnn_does_not():
    X = images(1, 1, 16, 16)
    low, high = (torch.full((1,), level, dtype=X.dtype) for level in (0.05, 0.5))
    assert torch.equal(network_of("dncnn")(X, low), network_of("dncnn")(X, high))
    assert not torch.allclose(network_of("light")(X, low), network_of("light")(X, high))


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("offset", range(8))
def test_an_output_pixel_sees_no_farther_than_it_says(arch, offset):
    network = network_of(arch)
    centre = 80 + offset
    X = images(1, 1, 168, 168)
    changed = X.clone()
    changed[0, 0, centre, centre] += 100
    sigma = torch.full((1,), 0.1, dtype=X.dtype)
    differing = (network(X, sigma) != network(changed, sigma))[0, 0].any(dim=1).nonzero().flatten()
    assert centre - network.reach_px <= int(differing[0])
    assert int(differing[-1]) <= centre + network.reach_px


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("size_px", [(2, 2), (9, 31)])
def test_any_size_is_denoised(arch, size_px):
    X = images(1, 1, *size_px)
    clean = predict_clean(network_of(arch), X, torch.full((1,), 0.1, dtype=X.dtype))
    assert clean.shape == X.shape
    assert torch.isfinite(clean).all()


def test_the_norm_divides_by_the_deviation_of_the_batch_and_learns_it():
    norm, X = BiasFreeNorm(2), 3 + 5 * images(4, 2, 8, 8).float()
    normalised = norm.train()(X)
    expected = X / X.var((0, 2, 3), correction=0, keepdim=True).add(1e-5).sqrt()
    torch.testing.assert_close(normalised, expected)
    torch.testing.assert_close(norm.variance, 0.9 + 0.1 * X.var((0, 2, 3), correction=0))
    torch.testing.assert_close(norm.eval()(X), X / norm.variance.add(1e-5).sqrt()[:, None, None])


def test_an_unknown_architecture_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'dncnn'"):
        build_network("dncn", Size(5, 4))
