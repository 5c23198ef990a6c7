"""Colors under alpha 0 are neither looked at nor changed."""

from __future__ import annotations

import numpy as np
import pytest

from edlrr_cli.errors import UsageError
from edlrr_cli.metrics import psnr
from edlrr_cli.tasks.denoise.config import Config as Denoising
from edlrr_cli.tasks.denoise.run import denoise
from edlrr_cli.tasks.inpaint.baseline import inpaint_by_baseline
from edlrr_cli.tasks.inpaint.config import Config
from edlrr_cli.tasks.inpaint.holdout import held_out
from edlrr_cli.tasks.inpaint.restore import restore
from edlrr_cli.tasks.inpaint.windows import windows_of
from edlrr_cli.tasks.transparency import reflected

SIDE = 96
Y, X = np.mgrid[:SIDE, :SIDE]
CLEAN = np.stack([0.5 + 0.2 * np.sin(X / 7) * np.cos(Y / 9), 0.5 + X / 300, 0.5 - Y / 400], axis=2)
VISIBLE = np.hypot(Y - 48, X - 48) < 34
HOLE = (np.abs(Y - 48) < 6) & (np.abs(X - 80) < 9)  # across the edge
COLORS = {"magenta": (1.0, 0.0, 1.0), "black": (0.0, 0.0, 0.0), "beyond the range": (40.0, -3.0, 7.0)}


def cut_out(color):
    return np.where(VISIBLE[..., None], CLEAN, color)


def visible_psnr(restored):
    return psnr(restored, CLEAN, data_range=1.0, where=HOLE & VISIBLE)


def inpainted(image, visible, method):
    if method == "biharmonic":
        return inpaint_by_baseline(method, image, ~HOLE, visible=visible).restored
    return restore(image, ~HOLE, Config(prior=method, quality="draft", steps=30), visible=visible).restored


@pytest.mark.parametrize("method", ["auto", "global", "local", "biharmonic"])
def test_hidden_colors_do_not_leak_into_a_hole(method):
    results = [inpainted(cut_out(color), VISIBLE, method) for color in COLORS.values()]
    for color, result in zip(COLORS.values(), results, strict=True):
        np.testing.assert_array_equal(result[~HOLE], cut_out(color)[~HOLE])
        np.testing.assert_array_equal(result[HOLE], results[0][HOLE])
    leaking = inpainted(cut_out(COLORS["black"]), None, method)
    assert visible_psnr(results[0]) > visible_psnr(leaking) + 6
    assert visible_psnr(results[0]) > 30


def test_noisy_known_pixels_are_restored_and_hidden_colors_are_not():
    image = cut_out(COLORS["magenta"])
    image[VISIBLE] += 0.05 * np.random.default_rng(0).standard_normal((VISIBLE.sum(), 3))
    image = image.clip(0, 1)
    result = restore(image, ~HOLE, Config(noise=None, prior="global", steps=20), visible=VISIBLE)
    assert result.noise == pytest.approx(0.05, rel=0.1)
    kept = ~HOLE & ~VISIBLE
    np.testing.assert_array_equal(result.restored[kept], image[kept])
    assert np.abs(result.restored - image)[VISIBLE & ~HOLE].mean() > 0.01


def test_a_large_image_is_restored_around_its_holes_alone():
    image = np.tile(CLEAN, (7, 7, 1))
    visible = np.zeros(image.shape[:2], bool)
    visible[:200, :200] = True
    hole = np.zeros_like(visible)
    hole[190:210, 90:100] = True
    assert len(windows_of(~hole, visible=visible)) == 1
    garbage = np.where(visible[..., None], image, COLORS["magenta"])
    result = restore(garbage, ~hole, Config(quality="draft"), visible=visible)
    np.testing.assert_array_equal(result.restored[~hole], garbage[~hole])
    seen = hole & visible
    assert psnr(result.restored, image, data_range=1.0, where=seen) > 25


def test_nothing_is_judged_by_transparent_pixels():
    hidden = held_out(~HOLE, 0.1, np.random.default_rng(0), VISIBLE)
    assert hidden.any()
    assert not (hidden & ~VISIBLE).any()
    assert not (hidden & HOLE).any()


def test_an_image_of_which_nothing_known_is_visible_is_refused():
    with pytest.raises(UsageError, match="every known pixel is transparent"):
        restore(CLEAN, ~HOLE, visible=HOLE)


@pytest.mark.parametrize("method", ["tv", "nlm", "wavelet"])
def test_hidden_colors_do_not_bleed_into_the_visible_edge(method):
    noise = 0.1 * np.random.default_rng(0).standard_normal(CLEAN.shape)
    images = [np.where(VISIBLE[..., None], CLEAN + noise, color) for color in COLORS.values()]
    results = [denoise(image, Denoising(method=method), visible=VISIBLE) for image in images]
    for image, result in zip(images, results, strict=True):
        assert result.sigma == pytest.approx(0.1, rel=0.06)
        np.testing.assert_array_equal(result.pixels[~VISIBLE], image[~VISIBLE])
        np.testing.assert_array_equal(result.pixels[VISIBLE], results[0].pixels[VISIBLE])
    edge = VISIBLE & (np.hypot(Y - 48, X - 48) > 31)
    leaking = denoise(images[0], Denoising(method=method, sigma=0.1)).pixels
    gain = psnr(results[0].pixels, CLEAN, data_range=1.0, where=edge) - psnr(
        leaking, CLEAN, data_range=1.0, where=edge
    )
    assert gain > 2


def test_reflections_repeat_what_is_on_the_other_side_of_the_edge():
    row = np.arange(8.0)[None, :, None]
    seen = np.array([[False, False, False, True, True, False, False, False]])
    assert reflected(row, seen, ~seen).ravel().tolist() == [3, 3, 4, 3, 4, 3, 4, 4]
    assert row.ravel().tolist() == list(range(8))
