"""`find_defects` on arrays."""

from __future__ import annotations

import numpy as np
import pytest

import edlrr_cli
from edlrr_cli.errors import UsageError


@pytest.fixture
def speckled():
    image = np.tile(np.linspace(0.3, 0.5, 64)[:, None], (1, 80))
    image[20:23, 30:33] = image[40:42, 60:62] = 1.0
    return image


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [None, 1, 3])
def test_every_dtype_and_shape(speckled, dtype, channels):
    image = speckled if channels is None else np.repeat(speckled[..., None], channels, axis=2)
    peak = np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1
    stored = (image * peak).astype(dtype)
    before = stored.copy()
    found = edlrr_cli.find_defects(stored)
    np.testing.assert_array_equal(found.hole, image.reshape(64, 80, -1)[..., 0] == 1)
    np.testing.assert_array_equal(stored, before)
    assert 0.5 < found.score < 1


def test_what_is_found_can_be_filled(speckled):
    found = edlrr_cli.find_defects(speckled, dilate=1)
    restored = edlrr_cli.inpaint(speckled, found.hole, prior="global", steps=5)
    assert np.abs(restored - np.linspace(0.3, 0.5, 64)[:, None]).max() < 0.1


def test_infrared_and_overlay(speckled):
    plane = np.full((64, 80), 52000, np.uint16)
    plane[10:13, 10:13] = 30000
    hole = edlrr_cli.find_defects(speckled, kind="ir", infrared=plane).hole
    assert np.argwhere(hole).mean(axis=0).tolist() == [11, 11]
    rng = np.random.default_rng(0)
    images = [np.where(speckled == 1, 1.0, 0.2 * rng.random((64, 80))) for _ in range(8)]
    np.testing.assert_array_equal(edlrr_cli.find_defects(images, kind="overlay").hole, speckled == 1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "dist"}, "unknown kind 'dist'"),
        ({"sensitivity": -1.0}, "sensitivity must be more than 0"),
        ({"kind": "ir"}, "infrared is an argument of the kind ir"),
        ({"infrared": np.zeros((64, 80))}, "infrared is an argument of the kind ir"),
        ({"kind": "ir", "infrared": np.zeros((4, 4))}, r"infrared: expected shape \(64, 80\), got \(4, 4\)"),
    ],
)
def test_arguments_that_make_no_sense(speckled, settings, message):
    with pytest.raises(UsageError, match=message):
        edlrr_cli.find_defects(speckled, **settings)


def test_images_that_do_not_fit(speckled):
    with pytest.raises(UsageError, match="differ in size"):
        edlrr_cli.find_defects([speckled] * 5 + [speckled[:9]], kind="overlay")
    with pytest.raises(UsageError, match="1 or 3 channels, got 2"):
        edlrr_cli.find_defects(np.zeros((8, 8, 2)))
