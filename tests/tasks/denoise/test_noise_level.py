import numpy as np
import pytest

from edlrr_cli.tasks.denoise.noise_level import estimate_noise_level


def photograph(side=256):
    """Shades, edges, and texture on half of the picture."""
    x, y = np.meshgrid(np.linspace(0, 1, side), np.linspace(0, 1, side))
    shades = 0.5 + 0.2 * np.sin(5 * x) * np.cos(4 * y) + 0.1 * (x + y > 1)
    texture = 0.1 * np.sign(np.sin(300 * x) * np.sin(280 * y)) * (y > 0.5)
    return (shades + texture)[..., None]


def noisy(picture, level, seed=0):
    return picture + level / 255 * np.random.default_rng(seed).standard_normal(picture.shape)


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
    # Texture where the picture is gray, none where it is black: only the black part tells.
    picture = np.concatenate([photograph()[128:], np.zeros((128, 256, 1))])
    assert estimate_noise_level(noisy(picture, 25)) * 255 == pytest.approx(25, rel=0.06)


def test_a_clean_picture_has_next_to_none():
    assert estimate_noise_level(photograph()) * 255 < 0.5
    assert estimate_noise_level(np.full((64, 64, 3), 0.3)) == pytest.approx(0, abs=1e-12)


def test_channels_count_alike():
    clean = np.full((128, 128, 3), 0.5)
    levels = np.array([0.0, 0.1, 0.2])
    found = estimate_noise_level(clean + levels * np.random.default_rng(0).standard_normal(clean.shape))
    assert found == pytest.approx(np.sqrt(np.mean(levels**2)), rel=0.05)


@pytest.mark.parametrize("shape", [(2, 2, 1), (2, 40, 3), (3, 5, 1), (17, 17, 1), (18, 18, 1), (19, 200, 1)])
def test_small_pictures_have_a_finite_level(shape):
    found = estimate_noise_level(0.5 + 0.1 * np.random.default_rng(0).standard_normal(shape))
    assert 0 < found < 0.5


def test_the_picture_is_not_modified():
    picture = noisy(photograph(), 10)
    before = picture.copy()
    estimate_noise_level(picture)
    assert np.array_equal(picture, before)
