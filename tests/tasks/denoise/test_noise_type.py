from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

from edlrr_cli.tasks.denoise.noise_level import estimate_noise_level
from edlrr_cli.tasks.denoise.noise_type import estimate_noise
from edlrr_cli.tasks.simulated_camera import Camera, photograph

SAMPLES = Path(__file__).parents[3] / "sample_images"


def sample(name):
    with Image.open(SAMPLES / f"{name}.png") as image:
        return np.asarray(image.convert("RGB")) / 255


def with_noise(clean, level, seed=0):
    noise = level * np.random.default_rng(seed).standard_normal(clean.shape)
    return np.rint((255 * clean + noise).clip(0, 255)) / 255


def taken(clean, quality, scale=1.0, last_quality=None, **values):
    values = {
        "shot": 0.01,
        "read": 0.008,
        "red": 1.8,
        "blue": 1.6,
        "crosstalk": 0.6,
        "sharpening": 0.3,
    } | values
    camera = Camera(
        **{name: torch.tensor([value]) for name, value in values.items()},
        first_quality=torch.tensor([float(quality)]),
        scale=scale,
        last_quality=None if last_quality is None else torch.tensor([last_quality]),
    )
    image = torch.from_numpy(clean).permute(2, 0, 1)[None].float()
    noisy, truth = photograph(image, camera, torch.Generator().manual_seed(0))
    return tuple(part[0].permute(1, 2, 0).double().numpy() for part in (noisy, truth))


@pytest.mark.parametrize("name", ["cat", "coffee", "rocket"])
@pytest.mark.parametrize("level", [5, 15, 25, 50])
def test_white_noise_is_white_and_its_level_is_as_before(name, level):
    noisy = with_noise(sample(name), level)
    found = estimate_noise(noisy)
    assert found.kind == "white"
    assert found.sigma == pytest.approx(estimate_noise_level(noisy), rel=0.05)
    assert found.correlation_px < 0.3


@pytest.mark.parametrize("name", ["cat", "coffee", "rocket"])
@pytest.mark.parametrize("quality", [75, 95])
def test_the_noise_of_a_photograph_is_found_at_its_level(name, quality):
    noisy, truth = taken(sample(name), quality)
    error = np.sqrt(np.square(noisy - truth).mean())
    found = estimate_noise(noisy)
    assert found.kind == "photo"
    # The colors are measured where they are correlated over several pixels, and so read higher.
    assert 0.7 * error < found.sigma < 2.2 * error
    assert found.brightness > 0
    assert estimate_noise_level(noisy) < 0.55 * error
    assert 0.3 < found.correlation_px < 1.5


def textured(name, seed=0):
    """A sample with coarse gray texture, such as bricks or leaves."""
    texture = np.random.default_rng(seed).standard_normal((*sample(name).shape[:2], 1))
    return (sample(name) + 0.3 * gaussian_filter(texture, (1.5, 1.5, 0))).clip(0, 1)


@pytest.mark.parametrize("name", ["cat", "rocket"])
def test_noise_in_the_texture_of_a_small_compressed_photograph_is_found(name):
    camera = {"shot": 0.012, "red": 1.1, "blue": 2.7, "crosstalk": 1.0, "sharpening": 0.6}
    noisy, truth = taken(textured(name), 95, scale=0.6, last_quality=60.0, **camera)
    found = estimate_noise(noisy)
    assert found.kind == "photo"
    assert 0.7 * np.sqrt(np.square(noisy - truth).mean()) < found.sigma
    assert estimate_noise(textured(name)).kind == "white"
    assert estimate_noise(truth).kind == "white"


@pytest.mark.parametrize("name", ["cat", "coffee", "rocket"])
def test_a_clean_image_has_no_noise_of_either_type(name):
    assert estimate_noise(sample(name)).sigma * 255 < 1.5


def test_texture_without_color_is_no_noise_of_color_images():
    grain = with_noise(np.full((128, 128, 1), 0.5), 12).repeat(3, axis=2)
    tinted = grain * np.array([1.0, 0.9, 0.8])
    assert estimate_noise(tinted).sigma < 0.5 * estimate_noise_level(tinted)
    assert estimate_noise(tinted, noise_type="white").sigma == estimate_noise_level(tinted)


def test_colored_texture_is_no_noise():
    # Correlated like the noise of photographs, and nearly gray: leaves, sand, fur.
    grain = gaussian_filter(np.random.default_rng(0).standard_normal((192, 192)), 0.8)
    hues = gaussian_filter(np.random.default_rng(1).standard_normal((192, 192, 3)), (0.8, 0.8, 0))
    textured = 0.5 + 0.12 * grain[..., None] + 0.01 * hues
    found = estimate_noise(textured)
    assert found.kind == "white"
    assert found.sigma * 255 < 2
    assert estimate_noise(0.5 + 0.12 * hues).kind == "photo"


def test_gray_images_are_white_unless_asked():
    noisy = taken(sample("cat"), 85)[0][..., 1:2]
    white, photo = (estimate_noise(noisy, noise_type=kind) for kind in ("auto", "photo"))
    assert white.kind == "white"
    assert white.sigma == estimate_noise_level(noisy)
    assert photo.kind == "photo"
    assert photo.sigma > 1.5 * white.sigma
    assert estimate_noise(noisy.repeat(3, axis=2)) == white


@pytest.mark.parametrize("width", [0.5, 0.8, 1.2])
def test_the_correlation_is_the_width_of_a_blur(width):
    noise = np.random.default_rng(0).standard_normal((256, 256, 3))
    blurred = 0.5 + 0.1 * gaussian_filter(noise, (width, width, 0), mode="wrap")
    assert estimate_noise(blurred).correlation_px == pytest.approx(width, abs=0.15)


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 3), (40, 5, 3), (37, 41, 3), (36, 36, 1)])
def test_small_and_partly_known_images_have_a_finite_level(shape):
    generator = np.random.default_rng(0)
    pixels, known = generator.random(shape), generator.random(shape[:2]) < 0.7
    known[0, 0] = True
    for kind in ("auto", "photo"):
        for mask in (None, known):
            assert np.isfinite(estimate_noise(pixels, mask, noise_type=kind).sigma)
