import numpy as np
import pytest
import torch
from PIL import Image

from edlrr_cli.bench import photo
from edlrr_cli.bench.photo_tables import summary
from edlrr_cli.tasks.training import camera_noise


@pytest.fixture
def image(tmp_path):
    x, y = np.meshgrid(np.linspace(0.2, 0.8, 48), np.linspace(0.3, 0.7, 40))
    levels = np.rint(255 * np.stack([x, y, 1 - x], axis=2)).astype(np.uint8)
    Image.fromarray(levels).save(tmp_path / "a.png")
    return tmp_path / "a.png"


@pytest.mark.parametrize("camera", photo.CAMERAS)
def test_photographs_are_noisy_and_the_same_again(image, camera):
    noisy, truth = photo.taken(camera, image)
    assert noisy.shape == truth.shape
    assert 2 / 255 < np.sqrt(np.square(noisy - truth).mean()) < 40 / 255
    assert np.array_equal(noisy, photo.taken(camera, image)[0])


@pytest.mark.parametrize("level", photo.WHITE)
def test_white_noise_has_its_level(image, level):
    noisy, truth = photo.taken(level, image)
    assert np.std(noisy - truth) == pytest.approx(photo.WHITE[level], rel=0.03)
    assert np.array_equal(noisy, photo.taken(level, image)[0])


def test_cameras_are_none_that_are_trained_with():
    for setting in photo.CAMERAS.values():
        assert not (
            camera_noise._RED[0] <= setting.red <= camera_noise._RED[1]
            and camera_noise._BLUE[0] <= setting.blue <= camera_noise._BLUE[1]
        )


def test_interpolation_by_gradients_keeps_the_samples_and_linear_shades():
    shades = (torch.arange(12.0)[:, None] + 2 * torch.arange(10.0)).expand(1, 3, 12, 10)
    sampled = torch.zeros_like(shades)
    for channel, top, left in ((0, 0, 0), (1, 0, 1), (1, 1, 0), (2, 1, 1)):
        sampled[:, channel, top::2, left::2] = shades[:, channel, top::2, left::2]
    inner = (..., slice(2, -2), slice(2, -2))
    torch.testing.assert_close(photo.interpolate_malvar(sampled)[inner], shades[inner])


def test_scores_are_means_beside_the_least_gain(image):
    calls = {"noisy": lambda pixels, sigma: pixels, "edlrr": lambda pixels, sigma: np.full_like(pixels, 0.5)}
    noisy, gray = photo.scores("night", [image, image], calls)
    assert (noisy["gain"], noisy["least_gain"], noisy["num_images"]) == (0, 0, 2)
    assert gray["gain"] == pytest.approx(gray["psnr"] - noisy["psnr"], abs=0.002)
    table = summary([noisy, gray])
    assert "| `edlrr denoise` |" in table
    assert f"{gray['least_gain']:+.2f}" in table
