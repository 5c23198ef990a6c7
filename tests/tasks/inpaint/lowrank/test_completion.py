from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

import edlrr_cli
from edlrr_cli.errors import DeviceError, NumericsError, UsageError
from edlrr_cli.lrr.names import REG_NAMES
from edlrr_cli.metrics import psnr
from edlrr_cli.tasks.inpaint.config import Config
from edlrr_cli.tasks.inpaint.fill import fill
from edlrr_cli.tasks.inpaint.holdout import held_out
from edlrr_cli.tasks.inpaint.lowrank.completion import inpaint
from edlrr_cli.tasks.inpaint.lowrank.whitening import Whitening

REGS = [name.replace("schatten-P", "schatten-0.5") for name in REG_NAMES]


def windows(height=48, width=60, channels=3):
    """A facade: rows and columns of windows, rank 3 in every channel."""
    y, x = np.arange(height)[:, None], np.arange(width)[None, :]
    wall = 0.5 + 0.3 * ((y // 6) % 2) * ((x // 5) % 2) - 0.1 * np.sin(y / 9) * np.cos(x / 7)
    return np.stack([wall * (1 - 0.1 * c) for c in range(channels)], axis=-1)


def dropped(image, fraction=0.4, seed=0):
    return np.random.default_rng(seed).random(image.shape[:2]) >= fraction


@pytest.fixture(scope="module")
def restored():
    image = windows()
    known = dropped(image)
    damaged = np.where(known[..., None], image, 0.0)
    return image, known, damaged, inpaint(damaged, known)


def test_beats_its_start_by_far_on_a_low_rank_image(restored):
    image, known, damaged, result = restored
    start = fill(damaged, known, "biharmonic")
    assert psnr(result.restored, image, data_range=1) > psnr(start, image, data_range=1) + 5
    assert result.stop == "steps"
    assert result.iterations == 120


def test_known_pixels_are_kept_bit_by_bit_held_out_ones_too(restored):
    image, known, _, result = restored
    assert (result.restored[known] == image[known]).all()


@pytest.mark.parametrize("peak", [1e-14, 1e-30, 1e-42])
@pytest.mark.parametrize("where", ["everywhere", "but for one pixel", "in one channel"])
def test_contrasts_that_float32_cannot_weigh(peak, where):
    image = windows()
    known = dropped(image)
    faint = peak * image
    if where == "but for one pixel":
        y, x = np.argwhere(known)[99]
        faint[y, x, 0] = 1.0
    elif where == "in one channel":
        faint[..., 1:] = image[..., 1:]
    result = inpaint(np.where(known[..., None], faint, 0.0), known, Config(steps=20))
    assert (result.restored[known] == faint[known]).all()
    assert np.isfinite(result.restored).all()
    if where != "but for one pixel":
        assert np.abs(result.restored - faint)[..., 0].max() < 1e-9


def test_held_out_error_tells_the_true_error(restored):
    image, known, _, result = restored
    true_psnr = psnr(result.restored, image, data_range=1, where=~known)
    assert result.held_out_psnr == pytest.approx(true_psnr, abs=4)


def test_the_start_is_mixed_in_where_it_is_better():
    """Blurred noise is smooth, which the biharmonic start knows, and of high rank."""
    blurred = gaussian_filter(np.random.default_rng(0).standard_normal((60, 60)), 1)
    smooth = ((blurred - blurred.min()) / np.ptp(blurred))[..., None]
    known = dropped(smooth, 0.3)
    damaged = np.where(known[..., None], smooth, 0.0)
    mixed, pure = (inpaint(damaged, known, Config(held_out=fraction)) for fraction in (0.02, 0))
    assert mixed.weight < 0.3
    assert pure.weight == 1
    assert psnr(mixed.restored, smooth, data_range=1) > psnr(pure.restored, smooth, data_range=1) + 1


def test_effective_rank_falls(restored):
    assert restored[3].effective_rank_after < restored[3].effective_rank_before / 3


def test_deterministic_by_seed(restored):
    _, known, damaged, result = restored
    again = inpaint(damaged, known)
    other = inpaint(damaged, known, Config(seed=1))
    assert (again.restored == result.restored).all()
    assert (other.restored != result.restored).any()


@pytest.mark.parametrize("reg", REGS)
def test_every_reg_improves_on_the_start(reg):
    image = windows(24, 30, 1)
    known = dropped(image)
    damaged = np.where(known[..., None], image, 0.0)
    start = psnr(fill(damaged, known, "biharmonic"), image, data_range=1)
    result = inpaint(damaged, known, Config(reg=reg))
    assert psnr(result.restored, image, data_range=1) > start + 1


@pytest.mark.parametrize("backend", ["gram", "svd", "polar"])
def test_backends_agree(backend):
    image = windows(24, 30, 1)
    known = dropped(image)
    damaged = np.where(known[..., None], image, 0.0)
    base = inpaint(damaged, known, Config(steps=30, backend="gram")).restored
    assert np.abs(inpaint(damaged, known, Config(steps=30, backend=backend)).restored - base).max() < 0.02


def test_majorized_steps_reach_the_objective_of_exact_steps():
    image = windows()
    known = dropped(image)
    damaged = np.where(known[..., None], image, 0.0)
    fast, exact = (
        inpaint(damaged, known, Config(reg="laguerre-gamma", refresh=r, held_out=0, scale=1.0))
        for r in (10, 1)
    )
    assert fast.penalty <= exact.penalty * 1.01


def test_adam_and_conjugate_gradients_reach_the_same_objective():
    """The nuclear norm is convex, so that both go to the same image."""
    y, x = np.mgrid[:40, :32]
    image = 0.5 + 0.3 * np.sin(0.9 * np.hypot(y - 5, x + 20))[..., None]
    known = dropped(image)
    settings = {"reg": "nuclear", "whiten": 0.0, "steps": 1000, "held_out": 0.0}
    adam, cg = (
        inpaint(image * known[..., None], known, Config(optimizer=each, **settings))
        for each in ("adam", "cg")
    )
    assert adam.penalty == pytest.approx(cg.penalty, rel=1e-3)


@pytest.mark.parametrize("settings", [{"refresh": 1}, {"probes": 4}])
def test_conjugate_gradients_need_a_quadratic(settings):
    with pytest.raises(UsageError, match="optimizer must be adam with probes or refresh 1, got cg"):
        Config(optimizer="cg", **settings)


def test_the_papers_setting_runs():
    """Holes from black, pixels themselves penalised, stochastic trace, exact gradient in each step."""
    image = windows(16, 20, 1)
    known = dropped(image, 0.2)
    config = Config(
        reg="taylor-laplace", steps=60, refresh=1, probes=30, fill="zero", whiten=0, center=False, held_out=0
    )
    result = inpaint(np.where(known[..., None], image, 0.0), known, config)
    assert psnr(result.restored, image, data_range=1) > 20
    assert result.held_out_psnr is None


def test_noise_is_fitted_not_kept():
    image = windows()
    known = dropped(image, 0.3)
    noise = 0.06
    noisy = (image + noise * np.random.default_rng(1).standard_normal(image.shape)).clip(0, 1)
    result = inpaint(np.where(known[..., None], noisy, 0.0), known, Config(noise=noise))
    residual = np.sqrt(np.mean((result.restored - noisy)[known] ** 2))
    assert residual == pytest.approx(noise, rel=0.2)
    keeping = inpaint(np.where(known[..., None], noisy, 0.0), known)
    assert psnr(result.restored, image, data_range=1) > psnr(keeping.restored, image, data_range=1) + 2
    assert result.lam > 0
    assert result.data_term > 0
    assert keeping.lam is None


def test_time_budget_and_steps_end_early(restored):
    image, known, damaged, _ = restored
    started = time.perf_counter()
    result = inpaint(damaged, known, Config(steps=100_000, time_budget=0.5))
    assert result.stop == "time budget"
    assert time.perf_counter() - started < 5
    assert psnr(result.restored, image, data_range=1) > 20
    none = inpaint(damaged, known, Config(steps=0, held_out=0))
    np.testing.assert_allclose(none.restored, fill(damaged, known, "biharmonic"), atol=1e-6)


def test_stagnation_ends_early(restored):
    _, known, damaged, _ = restored
    result = inpaint(damaged, known, Config(steps=2000, held_out=0))
    assert result.stop == "stagnation"
    assert result.iterations < 2000


def test_callback_is_told_and_may_look(restored):
    _, known, damaged, _ = restored
    reported = []
    inpaint(
        damaged, known, Config(steps=25), callback=lambda p: reported.append((p.step, p.loss, p.current()))
    )
    assert [step for step, _, _ in reported] == [10, 20, 25]
    assert all(image.shape == damaged.shape for _, _, image in reported)


@pytest.mark.parametrize("shape", [(2, 2), (2, 40), (40, 2), (3, 3)])
def test_tiny_images(shape):
    image = np.full((*shape, 3), 0.25)
    known = np.ones(shape, bool)
    known[-1, -1] = False
    result = inpaint(image * known[..., None], known)
    np.testing.assert_allclose(result.restored, image, atol=0.3)
    assert np.isfinite(result.restored).all()


@pytest.mark.parametrize(
    "hole",
    [np.s_[:, :1], np.s_[:3, :], np.s_[:, -4:], np.s_[5:, 5:], np.s_[7, :]],
    ids=["left column", "top rows", "right columns", "all but a corner", "one row"],
)
def test_holes_at_the_border_and_whole_lines(hole):
    image = windows(20, 24)
    known = np.ones(image.shape[:2], bool)
    known[hole] = False
    result = inpaint(np.where(known[..., None], image, 0.0), known, Config(steps=40))
    assert np.isfinite(result.restored).all()
    assert result.restored.min() >= 0
    assert result.restored.max() <= 1


def test_one_known_pixel_is_enough_to_end_well():
    known = np.zeros((12, 12), bool)
    known[3, 4] = True
    result = inpaint(np.where(known[..., None], 0.5, 0.0), known, Config(fill="mean"))
    assert np.isfinite(result.restored).all()


def test_held_out_pixels_are_known_and_never_all():
    known = np.random.default_rng(0).random((20, 20)) < 0.5
    hidden = held_out(known, 0.1, np.random.default_rng(0))
    assert hidden.sum() == round(0.1 * known.sum())
    assert not (hidden & ~known).any()
    single = np.zeros((4, 4), bool)
    single[0, 0] = True
    assert not held_out(single, 0.5, np.random.default_rng(0)).any()


def test_held_out_pixels_have_the_shape_of_the_holes():
    known = np.ones((60, 60), bool)
    known[10:14, 20:27] = False
    hidden = held_out(known, 0.02, np.random.default_rng(3))
    assert hidden.sum() == round(0.02 * known.sum())
    assert hidden[hidden.any(1)].sum(1).max() >= 7  # a whole copy of the 4 x 7 hole
    assert not (hidden & ~known).any()


def test_emphasis_is_the_stated_map():
    X = torch.randn(2, 5, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    emphasis = Whitening(5, 7, center=True, dtype=torch.float64, device=torch.device("cpu"))
    centred = X - X.mean(-1, keepdim=True) - X.mean(-2, keepdim=True) + X.mean((-2, -1), keepdim=True)
    torch.testing.assert_close(emphasis(X), centred)
    emphasis.set_strength(3.0)

    def root(n):
        L = 2 * torch.eye(n, dtype=torch.float64)
        L -= torch.diag(torch.ones(n - 1), 1) + torch.diag(torch.ones(n - 1), -1)
        L[0, 0] = L[-1, -1] = 1
        values, vectors = torch.linalg.eigh(torch.eye(n) + 3.0 * L)
        return vectors @ torch.diag(values.sqrt()) @ vectors.T

    torch.testing.assert_close(emphasis(X), root(5) @ centred @ root(7))


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("strength", [0.0, 3.0])
def test_the_square_of_a_filter_by_differences(strength, center):
    X = torch.randn(2, 5, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    whitening = Whitening(5, 7, center=center, dtype=torch.float64, device=torch.device("cpu"))
    whitening.set_strength(strength)
    if not center and not strength:
        assert whitening.filters == (None, None)
        return
    for axis_filter, columns in zip(whitening.filters, (X, X.mT), strict=True):
        expected = axis_filter.matrix @ axis_filter.matrix @ columns
        torch.testing.assert_close(axis_filter.square(columns), expected)


@pytest.mark.parametrize("method", ["biharmonic", "mean", "zero"])
def test_fills_keep_known_pixels_and_ignore_the_others(method):
    image = windows(12, 14)
    known = dropped(image)
    one, two = (fill(np.where(known[..., None], image, value), known, method) for value in (0.0, np.nan))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_allclose(one[known], image[known], atol=1e-12)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"reg": "laguere-gamma"}, "did you mean 'laguerre-gamma'"),
        ({"fill": "harmonic"}, "did you mean 'biharmonic'"),
        ({"backend": "cpu"}, "unknown backend"),
        ({"steps": -1}, "steps must be 0 or more"),
        ({"lr": 0.0}, "lr must be more than 0"),
        ({"noise": -0.1}, r'noise must be "auto" or within \[0, 1\]'),
        ({"noise": float("nan")}, r'noise must be "auto" or within \[0, 1\]'),
        ({"held_out": 0.9}, "held_out must be between"),
        ({"seed": -1}, "seed must be between"),
        ({"refresh": 0}, "refresh must be 1 or more"),
        ({"gamma": -1.0}, "gamma must be more than 0"),
    ],
)
def test_settings_outside_their_domain(settings, message):
    with pytest.raises(UsageError, match=message):
        Config(**settings)


def test_missing_device_and_range():
    image = windows(8, 8)
    known = dropped(image)
    with pytest.raises(DeviceError, match="use auto"):
        inpaint(image, known, Config(device="tpu"))
    if not torch.cuda.is_available():
        with pytest.raises(DeviceError, match="0 CUDA devices"):
            inpaint(image, known, Config(device="cuda"))
    with pytest.raises(NumericsError, match="use a scale of"):
        inpaint(image, known, Config(scale=1e-6))


class TestArrays:
    """`edlrr_cli.inpaint`: True = hole at this door alone."""

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
    @pytest.mark.parametrize("channels", [0, 1, 3])
    def test_shape_and_dtype_come_back_and_known_pixels_are_exact(self, dtype, channels):
        image = windows(16, 20, max(channels, 1))
        image = image if channels else image[..., 0]
        peak = np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1
        image = (image * peak).astype(dtype)
        mask = ~dropped(image, 0.2)
        damaged = image.copy()
        damaged[mask] = 0
        before = damaged.copy()
        restored = edlrr_cli.inpaint(damaged, mask, steps=40)
        assert restored.shape == image.shape
        assert restored.dtype == dtype
        assert (restored[~mask] == image[~mask]).all()
        assert (damaged == before).all()
        assert psnr(restored / peak, image / peak, data_range=1) > 25

    def test_not_a_number_may_stand_in_the_holes(self):
        image = windows(10, 12)
        mask = ~dropped(image, 0.2)
        restored = edlrr_cli.inpaint(np.where(mask[..., None], np.nan, image), mask, steps=10)
        assert np.isfinite(restored).all()

    @pytest.mark.parametrize(
        ("image", "mask", "settings", "message"),
        [
            (np.zeros((4, 4)), np.zeros((4, 4), bool), {}, "no pixel is missing"),
            (np.zeros((4, 4)), np.ones((4, 4), bool), {}, "every pixel is missing"),
            (np.zeros((4, 4)), np.eye(5, dtype=bool), {}, "mask: expected bool of shape"),
            (np.zeros((4, 4)), np.eye(4), {}, "got float64"),
            (np.zeros(4), np.zeros(4, bool), {}, "image: expected shape"),
            (np.full((4, 4), 7.0), np.eye(4, dtype=bool), {}, r"values in \[0, 1\]"),
            (np.zeros((4, 4), np.int32), np.eye(4, dtype=bool), {}, "uint8, uint16 or floating"),
            (np.zeros((1, 4)), np.eye(1, 4, dtype=bool), {}, "at least 2 x 2"),
        ],
    )
    def test_bad_arguments(self, image, mask, settings, message):
        with pytest.raises(UsageError, match=message):
            edlrr_cli.inpaint(image, mask, **settings)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_agrees_with_cpu(restored):
    image, known, damaged, result = restored
    on_gpu = inpaint(damaged, known, Config(device="cuda"))
    assert psnr(on_gpu.restored, image, data_range=1) == pytest.approx(
        psnr(result.restored, image, data_range=1), abs=0.5
    )
