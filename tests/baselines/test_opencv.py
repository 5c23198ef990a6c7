"""OpenCV's methods: what passes through them, and the traps of their masks and depths."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from edlrr_cli.errors import UsageError

METHODS = ("telea", "navier-stokes", "fsr")


@pytest.fixture
def cv2():
    return pytest.importorskip("cv2.xphoto") and pytest.importorskip("cv2")


@pytest.fixture(params=METHODS)
def name(request, cv2):
    return request.param


@pytest.mark.parametrize("channels", [1, 3])
def test_fills_the_holes_and_touches_nothing_else(name, channels, sample, hole, complete):
    image, known = sample(40, 50, channels), hole(40, 50)
    result = complete(name, image, known)
    assert (result.raw[known] == image[known]).all()  # no rounding, though the library sees integers
    assert np.abs(result.raw - image)[~known].max() < 0.1
    assert np.abs(result.raw - image)[~known].mean() < 0.012


def test_a_constant_stays_constant(name, hole, complete):
    image = np.full((20, 30, 3), (0.2, 0.6, 0.8))
    rounding = 1 / 255 if name == "fsr" else 4 / 65535
    assert np.abs(complete(name, image, hole(20, 30)).raw - image).max() <= rounding


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (17, 34), (16, 29)])
def test_fills_images_of_any_size_to_their_border(name, shape, complete):
    image, known = np.full((*shape, 1), 0.6), np.random.default_rng(0).random(shape) >= 0.4
    known[0, 0] = True
    assert np.abs(complete(name, image, known).raw - image).max() < 0.01


@pytest.mark.parametrize(("name", "flag"), [("telea", "INPAINT_TELEA"), ("navier-stokes", "INPAINT_NS")])
def test_agrees_with_the_library_at_8_bits(name, flag, cv2, sample, complete):
    image = np.rint(sample(40, 50) * 255) / 255
    known = np.ones((40, 50), dtype=bool)
    known[12:18, 20:27] = False
    theirs = cv2.inpaint((image * 255).astype(np.uint8), (~known).astype(np.uint8), 5, getattr(cv2, flag))
    ours = complete(name, image, known, radius_px=5).raw
    assert np.abs(ours * 255 - theirs)[~known].mean() < 1


def test_fsr_takes_its_quality(cv2, sample, hole, complete):
    image, known = sample(30, 36, 1), hole(30, 36)
    fast, best = (complete("fsr", image, known, quality=quality).raw for quality in ("fast", "best"))
    assert (fast != best).any()


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("telea", {"radius_px": 0}, "radius_px must be between 1 and 100, got 0"),
        ("navier-stokes", {"radius_px": 101}, "radius_px must be between 1 and 100, got 101"),
        ("fsr", {"quality": "bset"}, "unknown quality 'bset'; did you mean 'best'"),
    ],
)
def test_refuses_what_the_library_would_clamp_or_ignore(name, params, message, cv2, sample, hole, complete):
    with pytest.raises(UsageError, match=message):
        complete(name, sample(8, 8), hole(8, 8), **params)


@pytest.mark.parametrize("name", METHODS)
def test_says_what_to_install(name, sample, hole, complete, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(UsageError, match=rf"method '{name}' needs OpenCV; pip install 'edlrr\[opencv\]'"):
        complete(name, sample(8, 8), hole(8, 8))
