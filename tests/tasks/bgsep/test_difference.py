from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage

from edlrr_cli.tasks.bgsep.difference import blur, difference, foreground, variation


def test_the_largest_channel_counts_in_gray_levels():
    frames, backgrounds = torch.zeros(1, 1, 1, 3), torch.tensor([[[[0.1, 0.2, 0.0]]]])
    assert difference(frames, backgrounds).item() == np.float32(0.2) * 255


def test_the_blur_is_two_boxes():
    values = np.random.default_rng(0).random((2, 20, 30)).astype(np.float32)
    twice = ndimage.uniform_filter(
        ndimage.uniform_filter(values, (0, 5, 5), mode="nearest"), (0, 5, 5), mode="nearest"
    )
    np.testing.assert_allclose(blur(torch.from_numpy(values)).numpy(), twice, rtol=1e-5)


def test_variation_is_the_lower_quartile():
    values = torch.arange(8.0).view(8, 1, 1).expand(8, 70, 3)
    assert (variation(values) == 1).all()
    assert (variation(values[:1]) == 0).all()


def test_foreground_is_as_wide_as_what_it_shows():
    raw = torch.zeros(1, 40, 40)
    raw[0, 10:30, 10:30] = 100
    blurred = blur(raw)
    wide, close = blurred > 16, foreground(raw, blurred, torch.tensor(16.0))
    assert close.sum() < wide.sum()
    assert 400 <= close.sum() <= 22 * 22


def test_what_covers_a_pixel_most_of_the_time_is_no_variation():
    values = torch.full((20, 2, 2), 80.0)
    values[:4] = torch.tensor([2.0, 4.0, 3.0, 5.0])[:, None, None]
    seen = torch.zeros(20, 2, 2, dtype=torch.bool)
    seen[:4] = True
    assert (variation(values) == 80).all()
    assert (variation(values, seen) == 3).all()
    assert (variation(values, torch.ones_like(seen)) == variation(values)).all()
