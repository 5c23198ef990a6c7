import pytest
import torch

from edlrr_cli.errors import InputError
from edlrr_cli.networks.build import build_network
from edlrr_cli.networks.names import Size
from edlrr_cli.tasks.denoise.network import Denoiser, has_constants

ABOUT = {"arch": "dncnn", "depth": 4, "width": 4, "sigma": [25, 25]}


def tensors_of(arch="dncnn", size=None):
    torch.manual_seed(0)
    return build_network(arch, size or Size(4, 4)).state_dict()


def image(side=20):
    return torch.rand(1, 1, side, side, generator=torch.Generator().manual_seed(0))


def level(*sigma):
    return torch.tensor(sigma)


def test_a_network_is_built_from_its_weights():
    denoiser = Denoiser.of(tensors_of(), ABOUT, name="m")
    assert denoiser.largest == pytest.approx(25 / 255)
    assert not denoiser.scales
    assert not denoiser.network.training


@pytest.mark.parametrize(("arch", "constant"), [("dncnn", True), ("dncnn-bf", False), ("light", False)])
def test_networks_with_constants_are_distinguished_from_those_without(arch, constant):
    assert has_constants(build_network(arch, Size(4, 4))) == constant


def test_stronger_noise_is_scaled_to_the_level_trained_for_and_weaker_is_not():
    denoiser = Denoiser.of(tensors_of(), ABOUT, name="m")
    noisy, largest = image(), 25 / 255
    scaled = 0.5 + (noisy - 0.5) / 2
    expected = 0.5 + (denoiser.denoise(scaled, level(largest)) - 0.5) * 2
    stronger, as_trained, weaker = (
        denoiser.denoise(noisy, level(fraction * largest)) for fraction in (2, 1, 0.5)
    )
    torch.testing.assert_close(stronger, expected)
    assert torch.equal(weaker, as_trained)
    together = denoiser.denoise(noisy.expand(3, -1, -1, -1), level(2 * largest, largest, largest / 2))
    torch.testing.assert_close(together, torch.cat([stronger, as_trained, weaker]))


def test_networks_without_constants_need_no_scaling():
    about = {**ABOUT, "arch": "light", "depth": 1}
    denoiser = Denoiser.of(tensors_of("light", Size(1, 4)), about, name="m")
    noisy = image(24)
    torch.testing.assert_close(
        denoiser.denoise(4 * noisy, level(0.4)), 4 * denoiser.denoise(noisy, level(0.1))
    )


@pytest.mark.parametrize(
    ("about", "reported"),
    [
        ({**ABOUT, "arch": "resnet"}, "unknown arch 'resnet'"),
        ({**ABOUT, "width": 2}, "size mismatch"),
        ({**ABOUT, "width": 8}, "do not have depth 4 and width 8"),
        ({**ABOUT, "depth": 10**9}, "do not have depth"),
        ({**ABOUT, "depth": float("inf")}, "infinity"),
        ({**ABOUT, "depth": 0}, "do not have depth 0"),
        ({**ABOUT, "sigma": [0, float("nan")]}, "sigma ends at nan"),
        ({**ABOUT, "sigma": [0, 0]}, "sigma ends at 0"),
        ({**ABOUT, "depth": 5}, "Missing key"),
        ({**ABOUT, "depth": "many"}, "invalid literal"),
        ({**ABOUT, "depth": 3}, "Missing key"),
        ({**ABOUT, "sigma": []}, "index"),
        ({"arch": "dncnn"}, "'depth' is missing"),
    ],
)
def test_weights_that_fit_no_network_are_refused_in_one_line(about, reported):
    with pytest.raises(InputError, match=reported) as caught:
        Denoiser.of(tensors_of(), about, name="m.safetensors")
    assert "m.safetensors" in caught.value.message
    assert "\n" not in str(caught.value)
