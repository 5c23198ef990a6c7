from dataclasses import replace

import numpy as np
import pytest
import torch

from edlrr_cli.errors import NumericsError, UsageError
from edlrr_cli.networks.apply import predict_clean
from edlrr_cli.networks.build import build_network
from edlrr_cli.networks.names import Size
from edlrr_cli.tasks.denoise.config import Config
from edlrr_cli.tasks.denoise.network import Denoiser
from edlrr_cli.tasks.denoise.opponent import from_opponent, to_opponent
from edlrr_cli.tasks.denoise.run import denoise, denoise_by_network


def denoiser():
    torch.manual_seed(0)
    return Denoiser(build_network("light", Size(1, 4)).eval(), 75 / 255, scales=True)


def pixels(*shape):
    return np.random.default_rng(0).random(shape)


def test_gray_goes_through_the_network():
    given = pixels(17, 22, 1)
    found = denoise(given, Config(sigma=0.1, device="cpu"), denoiser())
    image = torch.from_numpy(given).float().permute(2, 0, 1)[None]
    expected = predict_clean(denoiser().network, image, torch.full((1,), 0.1))[0, 0]
    assert np.array_equal(found.pixels[..., 0], expected.double().numpy())
    assert found.sigma == 0.1


def color_denoiser():
    torch.manual_seed(1)
    return Denoiser(build_network("light", Size(1, 4, 3)).eval(), 75 / 255, scales=True)


def test_color_goes_through_a_network_for_color():
    given, how = pixels(17, 22, 3), Config(sigma=0.1, device="cpu")
    found = denoise(given, how, color_denoiser()).pixels
    image = torch.from_numpy(given).float().permute(2, 0, 1)[None]
    expected = predict_clean(color_denoiser().network, image, torch.full((1,), 0.1))[0]
    assert np.array_equal(found, expected.permute(1, 2, 0).double().numpy())


def test_white_noise_in_color_is_removed_by_both_networks_and_other_noise_by_that_for_color():
    both = replace(denoiser(), color=color_denoiser())
    image, level = torch.from_numpy(pixels(17, 22, 3)).float().permute(2, 0, 1)[None], torch.full((1,), 0.1)
    by_gray, by_color = (denoise_by_network(image, level, one) for one in (denoiser(), color_denoiser()))
    stronger = denoise_by_network(image, 1.2 * level, color_denoiser())
    white = denoise_by_network(image, level, both)
    torch.testing.assert_close(white, 0.6 * by_gray + 0.4 * by_color)
    assert torch.equal(denoise_by_network(image, level, both, opponents=(level, level)), stronger)


def test_both_networks_denoise_gray_images_as_that_for_gray():
    gray, how = pixels(17, 22, 1), Config(sigma=0.1, device="cpu")
    single = denoise(gray, how, denoiser()).pixels
    both = replace(denoiser(), color=color_denoiser())
    assert np.array_equal(denoise(gray, how, both).pixels, single)
    assert np.array_equal(denoise(gray.repeat(3, axis=2), how, both).pixels, single.repeat(3, axis=2))


def test_gray_images_stored_as_rgb_are_denoised_as_gray():
    gray, how = pixels(17, 22, 1), Config(sigma=0.1, device="cpu")
    single = denoise(gray, how, denoiser()).pixels
    assert np.array_equal(denoise(gray.repeat(3, axis=2), how, denoiser()).pixels, single.repeat(3, axis=2))


def test_gray_images_stored_as_rgb_go_through_a_network_for_color_too():
    gray = pixels(16, 16, 1).repeat(3, axis=2)
    assert denoise(gray, Config(sigma=0.1, device="cpu"), color_denoiser()).pixels.shape == (16, 16, 3)


@pytest.mark.parametrize("channels", [1, 4])
def test_a_network_for_color_refuses_other_images(channels):
    with pytest.raises(UsageError, match="the model is for color images"):
        denoise(pixels(16, 16, channels), Config(sigma=0.1, device="cpu"), color_denoiser())


def test_cmyk_goes_through_the_network_ink_by_ink():
    given, reported = pixels(17, 22, 4), []
    how = Config(sigma=0.1, device="cpu")
    found = denoise(given, how, denoiser(), progress=lambda number, count: reported.append((number, count)))
    alone = [denoise(given[..., k : k + 1], how, denoiser()).pixels for k in range(4)]
    assert np.array_equal(found.pixels, np.concatenate(alone, axis=2))
    assert reported == [(number, 4) for number in range(1, 5)]


def test_gray_images_with_three_channels_stay_gray():
    gray = pixels(16, 16, 1)
    color = denoise(gray.repeat(3, axis=2), Config(sigma=0.1, device="cpu"), denoiser()).pixels
    # No noise in the differences of colors, yet the network, untrained, adds some to all of them alike.
    assert color.shape == (16, 16, 3)
    assert np.isfinite(color).all()


def test_opponents_are_orthonormal_and_undone():
    image = torch.from_numpy(pixels(3, 5, 7))
    torch.testing.assert_close(from_opponent(to_opponent(image)), image)
    noise = torch.eye(3, dtype=torch.float64)[:, :, None]
    torch.testing.assert_close(
        (to_opponent(noise)[..., 0] @ to_opponent(noise)[..., 0].T), torch.eye(3).double()
    )
    assert to_opponent(torch.ones(3, 1, 1)).flatten().tolist() == pytest.approx([3**0.5, 0, 0], abs=1e-6)


def test_strength_scales_the_level_that_is_reported():
    given, net = pixels(16, 16, 1), denoiser()
    weak = denoise(given, Config(sigma=0.2, strength=0.5, device="cpu"), net)
    assert np.array_equal(weak.pixels, denoise(given, Config(sigma=0.1, device="cpu"), net).pixels)
    assert weak.sigma == 0.2
    assert np.array_equal(denoise(given, Config(strength=0, device="cpu"), net).pixels, given)


def test_the_level_is_estimated_if_it_is_not_said():
    given = 0.5 + 0.1 * np.random.default_rng(0).standard_normal((128, 128, 1))
    assert denoise(given, Config(method="wavelet")).sigma == pytest.approx(0.1, rel=0.1)


@pytest.mark.parametrize("method", ["tv", "nlm", "wavelet", "lrr"])
def test_methods_without_a_network_lower_the_error(method):
    x, y = np.meshgrid(*[np.linspace(0, 6, 48)] * 2)
    clean = 0.5 + 0.3 * np.stack([np.sin(x), np.cos(y), np.sin(x + y)], axis=2)
    noisy = clean + 0.1 * np.random.default_rng(0).standard_normal(clean.shape)
    found = denoise(noisy, Config(method=method, sigma=0.1, device="cpu")).pixels
    assert np.square(found - clean).mean() < 0.3 * 0.1**2


@pytest.mark.parametrize("shape", [(2, 2, 1), (2, 9, 3), (9, 2, 1)])
@pytest.mark.parametrize("method", ["network", "lrr", "tv"])
def test_tiny_images_are_denoised(method, shape):
    found = denoise(pixels(*shape), Config(method=method, sigma=0.1, device="cpu"), denoiser())
    assert found.pixels.shape == shape
    assert np.isfinite(found.pixels).all()


def test_pixels_that_are_no_numbers_are_refused():
    given = pixels(4, 4, 1)
    given[0, 0] = np.nan
    with pytest.raises(NumericsError, match="NaN or Inf"):
        denoise(given, Config(device="cpu"), denoiser())


@pytest.mark.parametrize(
    ("settings", "reported"),
    [
        ({"method": "netwrk"}, "did you mean 'network'"),
        ({"sigma": 2.0}, r'sigma must be "auto" or within \[0, 1\]'),
        ({"sigma": float("nan")}, "sigma must be"),
        ({"noise_type": "pink"}, "unknown noise_type 'pink'"),
        ({"noise_type": "photo", "sigma": 0.1}, "leave one of them out"),
        ({"strength": -1.0}, "strength must be 0 or more"),
        ({"reg": "nuclear"}, "reg is a setting of the method lrr"),
        ({"method": "lrr", "reg": "nuclaer"}, "did you mean 'nuclear'"),
        ({"method": "lrr", "gamma": 0.0}, "gamma must be more than 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, reported):
    with pytest.raises(UsageError, match=reported):
        Config(**settings)


def test_a_network_is_asked_for():
    with pytest.raises(UsageError, match="needs a denoiser"):
        denoise(pixels(4, 4, 1), Config(sigma=0.1, device="cpu"))


def test_progress_counts_the_tiles_of_all_channels(monkeypatch):
    monkeypatch.setattr("edlrr_cli.tasks.denoise.network._TILE_PX", 8)
    reported = []
    config = Config(sigma=0.1, device="cpu")
    denoise(
        pixels(160, 155, 3),
        config,
        denoiser(),
        progress=lambda number, count: reported.append((number, count)),
    )
    assert reported == [(number, 12) for number in range(1, 13)]
