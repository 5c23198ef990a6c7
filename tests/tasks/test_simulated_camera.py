from dataclasses import replace

import pytest
import torch

from edlrr_cli.tasks.simulated_camera import Camera, interpolate_bilinear, photograph


def camera(count=1, **changes):
    settings = {"shot": 0.0, "read": 0.0, "red": 2.0, "blue": 1.5, "crosstalk": 0.6, "sharpening": 0.0}
    tensors = {name: torch.full((count,), value) for name, value in (settings | changes).items()}
    return Camera(**tensors)


def generator():
    return torch.Generator().manual_seed(0)


def test_without_noise_an_image_is_what_it_was():
    clean = torch.rand(2, 3, 16, 20, generator=generator())
    noisy, truth = photograph(clean, camera(2), generator())
    torch.testing.assert_close(truth, clean, atol=1e-5, rtol=0)
    assert float((noisy - clean).abs().max()) <= 0.51 / 255


def test_the_variance_of_green_grows_with_the_light():
    # Of the raw signal: the curve is undone, and half of the samples of green are interpolated.
    def variance_at(level):
        flat = torch.full((1, 3, 256, 256), level)
        noisy, truth = photograph(flat, camera(shot=1e-3, read=2e-3, crosstalk=0.0), generator())
        return float((_linear(noisy) - _linear(truth))[0, 1, ::2, 1::2].var()), float(
            _linear(truth)[0, 1, 0, 0]
        )

    for level in (0.3, 0.5, 0.8):
        found, signal = variance_at(level)
        assert found == pytest.approx(1e-3 * signal + 4e-6, rel=0.06)


def _linear(image):
    return torch.where(image <= 0.04045, image / 12.92, ((image + 0.055) / 1.055) ** 2.4)


def test_the_noise_is_correlated_and_stronger_in_gained_colors():
    noisy, truth = photograph(torch.full((1, 3, 128, 128), 0.5), camera(read=0.01), generator())
    noise = (noisy - truth)[0]
    assert float((noise[0, :, 1:] * noise[0, :, :-1]).mean() / noise[0].square().mean()) > 0.4
    assert float(noise[0].std()) > 1.3 * float(noise[1].std())


def test_files_are_compressed_and_resized():
    clean = torch.rand(1, 3, 32, 48, generator=generator())
    whole = replace(
        camera(), scale=0.5, first_quality=torch.tensor([50.0]), last_quality=torch.tensor([60.0])
    )
    noisy, truth = photograph(clean, whole, generator())
    assert noisy.shape == truth.shape == (1, 3, 16, 24)
    assert float((noisy - truth).abs().mean()) > 2 / 255


def test_interpolation_keeps_the_samples_and_linear_shades():
    shades = (torch.arange(12.0)[:, None] + 2 * torch.arange(10.0)).expand(1, 3, 12, 10)
    sampled = torch.zeros_like(shades)
    for channel, top, left in ((0, 0, 0), (1, 0, 1), (1, 1, 0), (2, 1, 1)):
        sampled[:, channel, top::2, left::2] = shades[:, channel, top::2, left::2]
    inner = (..., slice(1, -1), slice(1, -1))
    torch.testing.assert_close(interpolate_bilinear(sampled)[inner], shades[inner])
