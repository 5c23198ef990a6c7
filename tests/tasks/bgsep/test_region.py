"""Pixels that count, and how the others are seen."""

from __future__ import annotations

import numpy as np

from edlrr_cli.tasks.bgsep.region import Region


def test_an_ignored_pixel_is_seen_as_the_nearest_that_counts():
    ignored = np.array([[False, True, True], [False, False, True]])
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 3, 2)
    region = Region(ignored)
    seen = region.seen(pixels)
    np.testing.assert_array_equal(seen[~ignored], pixels[~ignored])
    np.testing.assert_array_equal(seen[1, 2], pixels[1, 1])
    assert {*map(tuple, seen[ignored])} <= {*map(tuple, pixels[~ignored])}
    np.testing.assert_array_equal(region.restored(np.zeros_like(pixels), pixels)[ignored], pixels[ignored])
    assert Region(np.zeros((2, 3), bool)).seen(pixels) is pixels
