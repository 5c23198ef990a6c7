"""`edlrr_cli.denoise`, and the network that is installed with the package."""

import numpy as np
import pytest
from skimage import data

import edlrr_cli
from edlrr_cli.errors import UsageError
from edlrr_cli.media.shipped import DENOISER
from edlrr_cli.media.weights import read_weights
from edlrr_cli.tasks.denoise.network import Denoiser


def psnr(image, clean):
    return float(-10 * np.log10(np.square(image.clip(0, 1) - clean).mean()))


def photograph():
    return data.astronaut()[100:228, 170:298] / 255  # a face, 128 x 128


def noise(level, *shape):
    return level / 255 * np.random.default_rng(0).standard_normal(shape)


def test_the_shipped_network_is_valid_small_and_described():
    weights = read_weights(DENOISER)
    denoiser = Denoiser.of(weights.tensors, weights.about, name="shipped")
    assert denoiser.scales
    assert weights.about["sigma"] == [0, 75]
    assert DENOISER.stat().st_size < 8e6
    card = (DENOISER.parent / "README.md").read_text()
    for level, value in weights.about["psnr"].items():
        assert f"{value:.2f}" in card, level
    assert str(weights.about["num_steps"]) in card.replace(",", "")


@pytest.mark.parametrize(("level", "least"), [(15, 31.0), (25, 28.5), (50, 25.0), (150, 20.0)])
def test_a_photograph_is_denoised_at_any_level(level, least):
    clean = photograph().mean(axis=2)
    assert psnr(edlrr_cli.denoise(clean + noise(level, 128, 128)), clean) > least


def test_color_gains_by_its_correlation():
    clean = photograph()
    noisy = clean + noise(25, 128, 128, 3)
    joint = edlrr_cli.denoise(noisy, sigma=25 / 255)
    separate = np.dstack([edlrr_cli.denoise(noisy[..., index], sigma=25 / 255) for index in range(3)])
    assert psnr(joint, clean) > psnr(separate, clean) + 0.5


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(16, 20), (16, 20, 1), (16, 20, 3)])
def test_shape_and_depth_are_kept(dtype, shape):
    peak = np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1
    image = (np.random.default_rng(0).random(shape) * peak).astype(dtype)
    before = image.copy()
    clean = edlrr_cli.denoise(image, sigma=0.1)
    assert clean.shape == shape
    assert clean.dtype == dtype
    assert np.array_equal(image, before)


@pytest.mark.parametrize(
    ("image", "settings", "message"),
    [
        (np.zeros((4, 4, 4)), {}, "expected 1 or 3 channels, got 4"),
        (np.zeros((1, 4)), {}, "at least 2 x 2 pixels, got 1 x 4"),
        (np.zeros(4), {}, "expected shape"),
        (np.zeros((4, 4), int), {}, "expected uint8, uint16 or floating"),
        (np.zeros((4, 4)), {"sigma": 25.0}, "sigma must be"),
    ],
)
def test_invalid_arguments_are_refused(image, settings, message):
    with pytest.raises(UsageError, match=message):
        edlrr_cli.denoise(image, **settings)
