from __future__ import annotations

import numpy as np
import pytest
import torch

from edlrr_cli.metrics import psnr
from edlrr_cli.tasks.inpaint.config import Config
from edlrr_cli.tasks.inpaint.restore import restore

FAST = Config(quality="fast")


def scene(height, width, channels=3):
    """A tiled wall on the left, smooth shades on the right: no prior alone is best."""
    y, x = np.mgrid[:height, :width]
    wall = 0.5 + 0.25 * np.sign(np.sin(0.8 * x) * np.sin(0.6 * y))
    shades = 0.5 + 0.3 * np.sin(x / 17 + y / 23)
    image = np.where(x < width // 2, wall, shades) + 0.01 * np.random.default_rng(3).standard_normal(x.shape)
    return np.stack([image * (1 - 0.1 * c) for c in range(channels)], axis=-1)


def damaged(image, hole):
    return np.where(hole[..., None], 0.0, image), ~hole


def scattered(shape, fraction=0.4, seed=0):
    return np.random.default_rng(seed).random(shape) < fraction


def quality(result, image):
    return psnr(result.restored, image, data_range=1)


@pytest.mark.parametrize("channels", [1, 3])
def test_it_is_about_as_good_as_the_best_of_its_priors(channels):
    image = scene(64, 72, channels)
    pixels, known = damaged(image, scattered((64, 72)))
    result = restore(pixels, known, Config())
    single = [
        quality(restore(pixels, known, Config(prior=prior)), image)
        for prior in ("global", "local", "nonlocal")
    ]
    assert quality(result, image) > max(single) - 0.2
    assert (result.restored[known] == image[known]).all()
    assert list(result.mixture_weights) == ["biharmonic", "global", "local", "nonlocal"]
    assert sum(result.mixture_weights.values()) == pytest.approx(1)


def test_the_seed_decides():
    image = scene(40, 48)
    pixels, known = damaged(image, scattered((40, 48)))
    one, same, other = (restore(pixels, known, Config(quality="fast", seed=seed)) for seed in (0, 0, 1))
    assert (one.restored == same.restored).all()
    assert (one.error == same.error).all()
    assert (one.mixture_weights, one.held_out_psnr) == (same.mixture_weights, same.held_out_psnr)
    assert one.mixture_weights != other.mixture_weights


def test_the_number_of_threads_does_not_matter():
    image = scene(72, 80)
    pixels, known = damaged(image, scattered((72, 80)))
    before, results = torch.get_num_threads(), []
    for num_threads in (1, 2):
        torch.set_num_threads(num_threads)
        results.append(restore(pixels, known, Config(quality="balanced")))
    torch.set_num_threads(before)
    assert (results[0].restored == results[1].restored).all()
    assert results[0].mixture_weights == results[1].mixture_weights


def test_missing_pixels_are_not_looked_at():
    image = scene(40, 48)
    pixels, known = damaged(image, scattered((40, 48)))
    other = np.where(known[..., None], pixels, np.nan)
    assert (restore(other, known, FAST).restored == restore(pixels, known, FAST).restored).all()


def test_holes_at_the_border():
    image = scene(64, 64)
    hole = np.zeros((64, 64), bool)
    hole[:6, :] = hole[:, -5:] = hole[50:, :9] = True
    pixels, known = damaged(image, hole)
    result = restore(pixels, known, FAST)
    assert (result.restored[known] == image[known]).all()
    assert psnr(result.restored, image, data_range=1, where=hole) > 15
    assert result.error[hole].min() > 0


@pytest.mark.parametrize("shape", [(2, 2), (2, 9), (5, 5), (9, 40), (16, 16)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_tiny_images(shape, channels):
    image = scene(*shape, channels)
    hole = np.zeros(shape, bool)
    hole[0, 0] = hole[-1, -1] = True
    pixels, known = damaged(image, hole)
    for level in ("fast", "balanced"):
        result = restore(pixels, known, Config(quality=level))
        assert (result.restored[known] == image[known]).all()
        assert ((result.restored >= 0) & (result.restored <= 1)).all()


def test_the_error_is_expected_where_pixels_are_missing():
    image = scene(72, 80)
    image[:, 40:] += 0.1 * np.random.default_rng(2).standard_normal((72, 40, 1))
    image = image.clip(0, 1)
    pixels, known = damaged(image, scattered((72, 80)))
    result = restore(pixels, known, FAST)
    assert (result.error[known] == 0).all()
    assert result.expected_psnr == pytest.approx(quality(result, image), abs=2.5)
    # Noise cannot be restored, the rest can: so says the map.
    hole = ~known
    assert result.error[:, 44:][hole[:, 44:]].mean() > 1.5 * result.error[:, :36][hole[:, :36]].mean()


def test_a_spent_time_budget_leaves_the_first_two():
    image = scene(40, 48)
    pixels, known = damaged(image, scattered((40, 48)))
    result = restore(pixels, known, Config(time_budget=1e-9))
    assert list(result.mixture_weights) == ["biharmonic", "global"]
    assert (result.restored[known] == image[known]).all()
