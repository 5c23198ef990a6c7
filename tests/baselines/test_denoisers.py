import sys

import numpy as np
import pytest

from edlrr_cli.baselines.denoisers import DENOISERS
from edlrr_cli.errors import UsageError

HERE = [name for name in DENOISERS if name != "bm3d"]
SIGMA = 0.1


def sample(num_channels, side=48):
    x, y = np.meshgrid(*[np.linspace(0, 6, side)] * 2)
    waves = [np.sin(x + shift) * np.cos(y) for shift in range(num_channels)]
    return 0.5 + 0.3 * np.stack(waves, axis=2)


def noisy(clean):
    return clean + SIGMA * np.random.default_rng(0).standard_normal(clean.shape)


def error_of(pixels, clean):
    return float(np.sqrt(np.square(pixels - clean).mean()))


@pytest.mark.parametrize("name", HERE)
@pytest.mark.parametrize("num_channels", [1, 3])
def test_the_error_is_lowered_and_the_input_left_alone(name, num_channels):
    clean = sample(num_channels)
    given = noisy(clean)
    before = given.copy()
    denoised = DENOISERS[name](given, SIGMA)
    assert denoised.shape == clean.shape
    assert error_of(denoised, clean) < 0.6 * SIGMA
    assert np.array_equal(given, before)


@pytest.mark.parametrize("num_channels", [1, 3])
def test_bm3d_lowers_the_error(num_channels):
    pytest.importorskip("bm3d")
    clean = sample(num_channels, side=16)
    assert error_of(DENOISERS["bm3d"](noisy(clean), SIGMA), clean) < 0.5 * SIGMA


@pytest.mark.parametrize("name", DENOISERS)
@pytest.mark.parametrize("shape", [(2, 2, 1), (3, 40, 3), (7, 7, 1), (8, 8, 3)])
def test_small_images_keep_their_shape(name, shape):
    if name == "bm3d":
        pytest.importorskip("bm3d")
    pixels = np.random.default_rng(0).random(shape)
    denoised = DENOISERS[name](pixels, SIGMA)
    assert denoised.shape == shape
    assert np.isfinite(denoised).all()


def test_a_missing_library_is_named_with_the_way_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "bm3d", None)
    with pytest.raises(UsageError, match=r"pip install 'edlrr\[bm3d\]'"):
        DENOISERS["bm3d"](sample(1), SIGMA)
