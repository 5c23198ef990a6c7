"""Previews: right size, right look, and no more."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from edlrr_cli.errors import NumericsError
from edlrr_cli.media.preview import hole_preview, marked_preview, preview


def decoded(made):
    image = Image.open(io.BytesIO(made.content))
    assert (image.height, image.width) == made.size_px
    assert image.format == "WEBP"
    return image


@pytest.mark.parametrize(
    ("shape", "size"), [((30, 90, 3), (20, 60)), ((90, 30, 1), (60, 20)), ((8, 9), (8, 9))]
)
def test_large_images_are_made_smaller_and_look_the_same(shape, size):
    pixels = np.broadcast_to(np.linspace(0, 1, shape[1]).reshape(1, -1, *[1] * (len(shape) - 2)), shape)
    made = preview(pixels, 60)
    assert (made.size_px, made.original_px) == (size, shape[:2])
    shown = np.asarray(decoded(made).convert("L"), dtype=float) / 255
    assert np.abs(shown - np.linspace(0, 1, size[1])).mean() < 0.03


def test_the_hole_is_colored_and_the_rest_transparent():
    known = np.ones((40, 80), dtype=bool)
    known[10:30, 20:40] = False
    for side_px in (80, 40):
        opacity = np.asarray(decoded(hole_preview(known, side_px)))[..., 3]
        factor = 80 // side_px
        assert (opacity[10 // factor : 30 // factor, 20 // factor : 40 // factor] > 100).all()
        assert (opacity > 0).mean() == pytest.approx((~known).mean())


def test_what_is_not_finite_is_refused():
    with pytest.raises(NumericsError):
        preview(np.full((4, 4), np.nan), 60)


def test_a_single_pixel_of_a_mask_is_seen_in_red():
    hole = np.zeros((400, 300), bool)
    hole[200, 150] = True
    shown = marked_preview(np.full((400, 300, 1), 0.5), hole, side_px=100)
    with Image.open(io.BytesIO(shown.content)) as image:
        red, green, _ = np.asarray(image.convert("RGB"), int)[50, 37]
    assert red - green > 30  # WebP halves the resolution of color
