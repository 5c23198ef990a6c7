"""Background scores against values worked out by hand and against the definitions."""

from __future__ import annotations

import numpy as np
import pytest

from edlrr_cli.errors import UsageError
from edlrr_cli.metrics.background import background_scores, luminance, ms_ssim


def gray(height=40, width=50, level=100):
    return np.full((height, width), level, np.uint8)


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width)).astype(np.float64)


def test_identical_images():
    image = np.random.default_rng(0).integers(0, 256, (200, 180, 3)).astype(np.uint8)
    assert background_scores(image, image) == pytest.approx(
        {"age": 0, "peps": 0, "pceps": 0, "psnr": 99, "ms_ssim": 1, "cqm": 99}
    )


def test_gray_levels_off():
    image = gray()
    image[10:13, 20:23] += 21  # nine pixels, of which the middle one is surrounded
    image[0, 0] += 20  # within the tolerance
    scores = background_scores(image, gray())
    assert scores["age"] == pytest.approx((9 * 21 + 20) / 2000)
    assert scores["peps"] == pytest.approx(9 / 2000)
    assert scores["pceps"] == pytest.approx(1 / 2000)
    assert scores["psnr"] == pytest.approx(10 * np.log10(255**2 * 2000 / (9 * 441 + 400)))
    assert scores["cqm"] is None


def test_color_is_measured_by_its_luminance():
    image, truth = (np.zeros((20, 20, 3), np.uint8) for _ in range(2))
    image[..., 1] = 255
    scores = background_scores(image, truth)
    assert scores["age"] == 129  # 128.553, rounded
    assert scores["peps"] == 1


def test_cqm_by_hand():
    truth = np.full((8, 8, 3), 100, np.uint8)
    image = truth + np.array([8, 0, 0], np.uint8)  # Y + 2, U + 8
    psnr_y, psnr_u = (10 * np.log10(255**2 / error**2) for error in (2, 8))
    wanted = 0.9449 * psnr_y + 0.0551 * (psnr_u + 99) / 2
    assert background_scores(image, truth)["cqm"] == pytest.approx(wanted)


def test_cqm_cuts_differences_of_colors_off_at_0():
    truth = np.full((8, 8, 3), 100, np.uint8)
    image = truth + np.array([0, 8, 0], np.uint8)  # Y + 4; U and V would be - 8
    psnr_y = 10 * np.log10(255**2 / 16)
    assert background_scores(image, truth)["cqm"] == pytest.approx(0.9449 * psnr_y + 0.0551 * 99)


@pytest.mark.parametrize(("side", "window"), [(192, 11), (100, 6)])
def test_ms_ssim_is_its_definition(side, window):
    x, y = noise(side, side), noise(side, side, 1)
    y = 0.7 * x + 0.3 * y
    position = np.arange(window) - (window - 1) / 2
    bell = np.exp(-(position**2) / 4.5)
    weights = np.outer(bell, bell) / bell.sum() ** 2
    wanted = 1.0
    for scale, power in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        patches = [np.lib.stride_tricks.sliding_window_view(z, (window, window)) for z in (x, y)]
        (mx, my) = [(patch * weights).sum((2, 3)) for patch in patches]
        vx, vy = [(patch**2 * weights).sum((2, 3)) - m**2 for patch, m in zip(patches, (mx, my), strict=True)]
        cov = (patches[0] * patches[1] * weights).sum((2, 3)) - mx * my
        contrast = (2 * cov + 58.5225) / (vx + vy + 58.5225)
        light = (2 * mx * my + 6.5025) / (mx**2 + my**2 + 6.5025)
        wanted *= (light * contrast if scale == 4 else contrast).mean() ** power
        x, y = [np.pad(z, ((0, 1), (0, 1)), mode="edge") for z in (x, y)]
        x, y = [(z[:-1, :-1] + z[1:, :-1] + z[:-1, 1:] + z[1:, 1:])[::2, ::2] / 4 for z in (x, y)]
    ours = ms_ssim(noise(side, side), 0.7 * noise(side, side) + 0.3 * noise(side, side, 1))
    assert ours == pytest.approx(wanted, rel=1e-9)


def test_ms_ssim_of_tiny_images_is_none():
    assert ms_ssim(noise(15, 40), noise(15, 40)) is None
    assert background_scores(gray(8, 8), gray(8, 8))["ms_ssim"] is None


def test_luminance_rounds_half_up_as_matlab_does():
    assert luminance(np.full((1, 1, 3), 128, np.uint8))[0, 0] == 126  # 125.93


@pytest.mark.parametrize("shape", [(40, 50, 3), (40, 49), (40, 50, 1)])
def test_shapes_must_agree(shape):
    with pytest.raises(UsageError, match="shape"):
        background_scores(np.zeros(shape, np.uint8), gray())
    with pytest.raises(UsageError, match="shape"):
        background_scores(np.zeros((4, 4, 1), np.uint8), np.zeros((4, 4, 1), np.uint8))
