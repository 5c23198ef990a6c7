"""PSNR and SSIM against values worked out by hand and against the definition."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edlrr_cli.errors import NumericsError, UsageError
from edlrr_cli.metrics import psnr, ssim


def sample(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape)


@pytest.mark.parametrize(("data_range", "expected"), [(1.0, 20.0), (255.0, 20.0 + 20 * math.log10(255.0))])
def test_psnr_of_a_constant_error(data_range: float, expected: float) -> None:
    reference = sample(5, 6, 3)
    assert psnr(reference + 0.1, reference, data_range=data_range) == pytest.approx(expected)


def test_psnr_takes_the_mean_over_all_channels_not_the_mean_of_psnrs() -> None:
    reference, image = np.zeros((2, 2, 3)), np.zeros((2, 2, 3))
    image[..., 0] = 0.3
    assert psnr(image, reference, data_range=1.0) == pytest.approx(-10 * math.log10(0.09 / 3))


def test_psnr_where_counts_those_pixels_only() -> None:
    reference, image = np.zeros((4, 4, 3)), np.full((4, 4, 3), 0.5)
    image[1, 2] = 0.1
    where = np.zeros((4, 4), bool)
    where[1, 2] = True
    assert psnr(image, reference, data_range=1.0, where=where) == pytest.approx(20.0)
    assert psnr(image, reference, data_range=1.0, where=~where) == pytest.approx(-20 * math.log10(0.5))


def test_identical_images() -> None:
    image = sample(16, 16, 3)
    assert psnr(image, image, data_range=1.0) == math.inf
    assert ssim(image, image, data_range=1.0) == pytest.approx(1.0)


def test_psnr_of_float32_is_computed_in_float64() -> None:
    reference = sample(64, 64)
    image = reference + 1e-3
    single = psnr(image.astype(np.float32), reference.astype(np.float32), data_range=1.0)
    assert single == pytest.approx(60.0, abs=1e-2)


@pytest.mark.parametrize(
    ("shape", "window"), [((9, 12), 7), ((7, 7), 7), ((6, 30), 5), ((4, 4), 3), ((3, 9), 3)]
)
def test_ssim_is_its_definition_with_a_window_that_fits(shape: tuple[int, int], window: int) -> None:
    first, second = sample(*shape), sample(*shape, seed=1)
    patches = [np.lib.stride_tricks.sliding_window_view(x, (window, window)) for x in (first, second)]
    (x, y), count = [patch.reshape(-1, window**2) for patch in patches], window**2
    covariance = ((x - x.mean(1, keepdims=True)) * (y - y.mean(1, keepdims=True))).sum(1) / (count - 1)
    luminance = (2 * x.mean(1) * y.mean(1) + 1e-4) / (x.mean(1) ** 2 + y.mean(1) ** 2 + 1e-4)
    structure = (2 * covariance + 9e-4) / (x.var(1, ddof=1) + y.var(1, ddof=1) + 9e-4)
    assert ssim(first, second, data_range=1.0) == pytest.approx((luminance * structure).mean(), abs=1e-10)


def test_ssim_averages_the_channels() -> None:
    first, second = sample(9, 9, 3), sample(9, 9, 3, seed=1)
    channels = [ssim(first[..., c], second[..., c], data_range=1.0) for c in range(3)]
    assert ssim(first, second, data_range=1.0) == pytest.approx(np.mean(channels))


@pytest.mark.parametrize("height", [15, 16, 21, 22, 23])
def test_ssim_in_bands_is_that_of_the_whole(monkeypatch: pytest.MonkeyPatch, height: int) -> None:
    first, second = sample(height, 20, 3), sample(height, 20, 3, seed=1)
    whole = ssim(first, second, data_range=1.0)
    monkeypatch.setattr("edlrr_cli.metrics.fidelity._BAND_PX", 4)
    assert ssim(first, second, data_range=1.0) == pytest.approx(whole, abs=1e-12)


def test_ssim_depends_on_the_data_range() -> None:
    first, second = sample(9, 9), sample(9, 9, seed=1)
    scaled = ssim(255 * first, 255 * second, data_range=255.0)
    assert scaled == pytest.approx(ssim(first, second, data_range=1.0))
    assert abs(scaled - ssim(255 * first, 255 * second, data_range=1.0)) > 1e-4


@pytest.mark.parametrize("shape", [(2, 9), (9, 2, 3), (1, 1)])
def test_ssim_of_too_small_images_is_none(shape: tuple[int, ...]) -> None:
    assert ssim(sample(*shape), sample(*shape), data_range=1.0) is None


@pytest.mark.parametrize("metric", [psnr, ssim])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_nan_and_inf_are_refused_on_either_side(metric: object, bad: float) -> None:
    whole, broken = sample(8, 8), sample(8, 8)
    broken[3, 3] = bad
    for pair in ((whole, broken), (broken, whole)):
        with pytest.raises(NumericsError):
            metric(*pair, data_range=1.0)


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_senseless_arguments_are_usage_errors(metric: object) -> None:
    with pytest.raises(UsageError, match="shape"):
        metric(sample(8, 8), sample(8, 8, 1), data_range=1.0)
    with pytest.raises(UsageError, match="data_range"):
        metric(sample(8, 8), sample(8, 8), data_range=0.0)


@pytest.mark.parametrize("where", [np.zeros((8, 8), bool), np.ones((8, 8, 3), bool)])
def test_where_must_fit_and_select(where: np.ndarray) -> None:
    with pytest.raises(UsageError, match="where"):
        psnr(sample(8, 8, 3), sample(8, 8, 3, seed=1), data_range=1.0, where=where)
