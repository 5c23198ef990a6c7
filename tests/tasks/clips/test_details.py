"""Details of the background appear in a hole as far as the pixels around it show them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from edlrr_cli.tasks.clips.details import with_visible_details
from edlrr_cli.tasks.clips.smooth import interpolate_smoothly
from edlrr_cli.tasks.clips.stream import ClipFilling
from edlrr_cli.tasks.inpaint.config import Config

from .conftest import Clip

HEIGHT, WIDTH, NUM_FRAMES = 64, 96, 24


def texture():
    noise = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal((HEIGHT, WIDTH, 3)), (1, 1, 0))
    return (0.5 + 0.25 * noise / noise.std()).clip(0, 1)


def moving_hole():
    holes = np.zeros((NUM_FRAMES, HEIGHT, WIDTH), dtype=bool)
    for t in range(NUM_FRAMES):
        holes[t, 24:40, 4 + 3 * t : 20 + 3 * t] = True
    return holes


def test_frames_out_of_focus_are_not_filled_with_a_sharp_background():
    sharp = texture()
    blurred = ndimage.gaussian_filter(sharp, (4, 4, 0))
    is_blurred = np.isin(np.arange(NUM_FRAMES), (9, 10, 11, 12))
    truth = np.rint(255 * np.stack([blurred if each else sharp for each in is_blurred])).astype(np.uint8)
    holes = moving_hole()
    filled = np.stack([each.pixels for each in ClipFilling(Clip(truth, holes), Config(device="cpu"))])
    errors = np.where(holes[..., None], filled.astype(float) - truth, 0.0)
    rmse = np.sqrt(np.square(errors).sum((1, 2, 3)) / holes[0].sum() / 3)
    # The standard deviation of the texture is about 55 levels.
    assert rmse[is_blurred].max() < 20
    assert rmse[~is_blurred].mean() < 5


def planes():
    """Return a textured image, (1, 3, h, w), and the known pixels around a hole."""
    image = torch.from_numpy(texture()).float().movedim(-1, 0)[None]
    known = torch.ones(1, 1, HEIGHT, WIDTH)
    known[..., 24:40, 40:56] = 0
    return image, known


@pytest.mark.parametrize("visible", [0.0, 0.5, 1.0])
def test_details_have_the_contrast_of_the_surroundings(visible):
    image, known = planes()
    hole = (known == 0).expand_as(image)
    found = with_visible_details(image, 0.5 + visible * (image - 0.5), known)
    assert torch.equal(found[~hole], image[~hole])
    smooth = interpolate_smoothly(image, known)
    weight = (found - smooth)[hole].norm() / (image - smooth)[hole].norm()
    assert float(weight) == pytest.approx(visible, abs=0.15)


def test_missing_values_do_not_count():
    image, known = planes()
    black, white = (
        with_visible_details(image, torch.where(known > 0, image, level), known) for level in (0, 1)
    )
    torch.testing.assert_close(black, white)
