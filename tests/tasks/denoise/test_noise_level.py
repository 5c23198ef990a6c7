import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edlrr_cli.tasks.denoise.noise_level import estimate_noise_level

SAMPLES = Path(__file__).parents[3] / "sample_images"


def photograph(side=256):
    """Shades, edges, and texture on half of the image."""
    x, y = np.meshgrid(np.linspace(0, 1, side), np.linspace(0, 1, side))
    shades = 0.5 + 0.2 * np.sin(5 * x) * np.cos(4 * y) + 0.1 * (x + y > 1)
    texture = 0.1 * np.sign(np.sin(300 * x) * np.sin(280 * y)) * (y > 0.5)
    return (shades + texture)[..., None]


def noisy(sample, level, seed=0):
    return sample + level / 255 * np.random.default_rng(seed).standard_normal(sample.shape)


@pytest.mark.parametrize("level", [2, 5, 15, 25, 50, 75])
def test_the_level_is_found_in_spite_of_texture(level):
    # The texture on half of the blocks moves the quantile, by 4 % of the level.
    assert estimate_noise_level(noisy(photograph(), level)) * 255 == pytest.approx(level, rel=0.08)


@pytest.mark.parametrize("level", [15, 25, 50, 75])
def test_noise_that_is_cut_off_at_black_and_white_is_not_taken_for_less(level):
    x = np.linspace(0, 1, 256)
    ramp = np.broadcast_to(x, (256, 256))[..., None]
    clipped = np.rint(noisy(ramp, level).clip(0, 1) * 255) / 255
    assert estimate_noise_level(clipped) * 255 == pytest.approx(level, rel=0.06)


def test_dark_and_light_parts_count_where_nothing_was_cut_off():
    # Texture where the image is gray, none where it is black: only the black part tells.
    sample = np.concatenate([photograph()[128:], np.zeros((128, 256, 1))])
    assert estimate_noise_level(noisy(sample, 25)) * 255 == pytest.approx(25, rel=0.06)


def test_a_clean_image_has_next_to_none():
    assert estimate_noise_level(photograph()) * 255 < 0.5
    assert estimate_noise_level(np.full((64, 64, 3), 0.3)) == pytest.approx(0, abs=1e-12)


def test_channels_count_alike():
    clean = np.full((128, 128, 3), 0.5)
    levels = np.array([0.0, 0.1, 0.2])
    found = estimate_noise_level(clean + levels * np.random.default_rng(0).standard_normal(clean.shape))
    assert found == pytest.approx(np.sqrt(np.mean(levels**2)), rel=0.05)


@pytest.mark.parametrize("shape", [(2, 2, 1), (2, 40, 3), (3, 5, 1), (17, 17, 1), (18, 18, 1), (19, 200, 1)])
def test_small_images_have_a_finite_level(shape):
    found = estimate_noise_level(0.5 + 0.1 * np.random.default_rng(0).standard_normal(shape))
    assert 0 < found < 0.5


def test_the_image_is_not_modified():
    sample = noisy(photograph(), 10)
    before = sample.copy()
    estimate_noise_level(sample)
    assert np.array_equal(sample, before)


def with_bar(image, fraction, value):
    height = round(fraction * len(image))
    return np.concatenate([np.full_like(image[:height], value), image[height:]]), height


def in_8_bits(image):
    return np.rint(image.clip(0, 1) * 255) / 255


@pytest.fixture(scope="module")
def clean():
    """Smooth shades and gentle texture in three colors, away from black and white."""
    x, y = np.meshgrid(np.linspace(0, 1, 256), np.linspace(0, 1, 256))
    shades = 0.5 + 0.1 * np.sin(5 * x) * np.cos(4 * y)
    return np.stack([shades, shades[::-1], 1 - shades], axis=2)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("fraction", [0.05, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("level", [2, 25, 50])
def test_bars_say_nothing_about_noise(clean, value, fraction, level):
    image = in_8_bits(noisy(clean, level))
    barred, height = with_bar(image, fraction, value)
    untouched = estimate_noise_level(image[height:])
    assert estimate_noise_level(barred) == pytest.approx(untouched, rel=0.05)
    assert estimate_noise_level(barred[..., :1]) == pytest.approx(
        estimate_noise_level(image[height:, :, :1]), rel=0.06
    )


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("is_alpha", [True, False])
def test_round_cut_outs_say_nothing_about_noise(clean, inside, fraction, is_alpha):
    image = in_8_bits(noisy(clean, 25))
    y, x = np.mgrid[:256, :256] - 127.5
    distance = np.hypot(y, x) if inside else -np.hypot(y, x)
    cut_out = distance <= np.quantile(distance, fraction)
    image[cut_out] = (1, 0, 1)
    found = estimate_noise_level(image, ~cut_out if is_alpha else None)
    assert found * 255 == pytest.approx(25, rel=0.05)


@pytest.mark.parametrize("fraction", [0.3, 0.6])
@pytest.mark.parametrize("level", [5, 25, 50])
@pytest.mark.parametrize("beyond", [0, 0.5, 1, 2, 3, 5])
def test_clipped_skies_say_nothing_about_noise(clean, fraction, level, beyond):
    sky, _ = with_bar(clean[..., :1], fraction, 1 + beyond * level / 255)
    for image in (sky, 1 - sky):
        found = estimate_noise_level(in_8_bits(noisy(image, level)))
        assert found * 255 == pytest.approx(level, rel=0.06)


def hatching():
    image = np.full((256, 256, 1), 0.5)
    image[100::2, ::2] = 0.3
    return image


def dither():
    image = np.ones((256, 256, 1))
    image[100:] = np.random.default_rng(0).random((156, 256, 1)) < np.linspace(0.2, 0.8, 256)[:, None]
    return image


def boxes():
    """Boxes of any size and color, as of a screen, at most a seventh of them wide and high."""
    rng, image = np.random.default_rng(0), np.ones((256, 256, 3))
    for _ in range(150):
        top, left, height, width = rng.integers(0, 256, 4) // (1, 1, 7, 7)
        image[top : top + height, left : left + width] = rng.random(3)
    return image


def ramp_under_a_bar():
    ramp = np.broadcast_to(np.linspace(0, 1, 256), (256, 256))[..., None].copy()
    ramp[:100] = 1
    return in_8_bits(ramp)


@pytest.mark.parametrize("draw", [hatching, dither, boxes, ramp_under_a_bar])
def test_drawings_have_no_noise(draw):
    assert estimate_noise_level(draw()) * 255 < 0.3


@pytest.mark.parametrize("level", [0.2, 0.3, 0.5])
def test_noise_within_the_rounding_stays_next_to_none(level):
    image = in_8_bits(noisy(np.full((256, 256, 1), 0.5), level))
    found = estimate_noise_level(with_bar(image, 0.3, 1.0)[0])
    assert found <= 1.05 * estimate_noise_level(image)


@pytest.mark.parametrize("quality", [10, 30, 60])
def test_flat_blocks_of_jpeg_say_that_there_is_no_noise(quality):
    stream = io.BytesIO()
    with Image.open(SAMPLES / "coffee.png") as image:
        image.save(stream, "JPEG", quality=quality)
    assert estimate_noise_level(np.asarray(Image.open(stream)) / 255) * 255 < 1
