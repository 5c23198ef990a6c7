"""Total variation, against answers known in closed form and against every feasible neighbour."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from edlrr_cli.baselines.total_variation import _divergence, _gradient


def variation(image):
    """TV by its definition, one pixel at a time."""
    height, width, _ = image.shape
    total = 0.0
    for y in range(height):
        for x in range(width):
            down = image[y + 1, x] - image[y, x] if y + 1 < height else 0 * image[y, x]
            across = image[y, x + 1] - image[y, x] if x + 1 < width else 0 * image[y, x]
            total += np.sqrt((down**2).sum() + (across**2).sum())
    return total


def test_divergence_is_the_negative_adjoint():
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(3, 5, 7, dtype=torch.float64, generator=generator)
    p = torch.randn(2, 3, 5, 7, dtype=torch.float64, generator=generator)
    torch.testing.assert_close((_gradient(X) * p).sum(), -(X * _divergence(p)).sum())


def test_no_feasible_neighbour_varies_less(hole, complete):
    rng = np.random.default_rng(0)
    image, known = rng.random((12, 15, 2)), hole(12, 15, rate=0.5)
    result = complete("tv", image, known, rtol=1e-6, max_iterations=20_000)
    best = variation(result.raw)
    assert result.stop == "tolerance"
    assert result.history[-1][1] == pytest.approx(best)
    for _ in range(50):
        step = np.where(known[..., None], 0.0, rng.standard_normal(image.shape))
        for size in (1e-3, 1e-2, 1e-1):
            assert variation(result.raw + size * step) > best * (1 - 1e-6)


def test_the_gap_bounds_the_distance_from_the_minimum(hole, complete):
    image, known = np.random.default_rng(1).random((12, 15, 2)), hole(12, 15, rate=0.5)
    least = variation(complete("tv", image, known, rtol=1e-8, max_iterations=50_000).raw)
    for rtol in (1e-1, 1e-2, 1e-3):
        result = complete("tv", image, known, rtol=rtol, max_iterations=20_000)
        assert result.stop == "tolerance"
        assert variation(result.raw) - least <= rtol * variation(result.raw)


def test_a_missing_corner_of_a_constant_and_an_edge_are_continued(complete):
    image = np.zeros((20, 20, 1))
    image[:, 10:] = 1.0
    known = np.ones((20, 20), dtype=bool)
    known[8:11, 5:15] = False  # narrower than long: the edge is joined
    assert np.abs(complete("tv", image, known, rtol=1e-6).raw - image).max() < 1e-2
    known[...] = True
    known[:5, :5] = False
    assert np.abs(complete("tv", image, known, rtol=1e-6).raw - image).max() < 1e-2


def test_the_minimum_does_not_depend_on_the_step(hole, complete):
    image, known = np.random.default_rng(2).random((16, 18, 3)), hole(16, 18, rate=0.5)
    values = [
        complete("tv", image, known, rtol=1e-4, max_iterations=20_000, primal_step=step).history[-1][1]
        for step in (0.01, 0.03, 0.1)
    ]
    assert values == pytest.approx([values[0]] * 3, rel=2e-4)


def test_channels_share_their_edges(complete):
    """Three equal channels cost sqrt(3) times one, not three times: the coupled total variation."""
    image = np.random.default_rng(3).random((10, 12, 1))
    known = np.random.default_rng(4).random((10, 12)) >= 0.4
    settings = {"rtol": 1e-6, "max_iterations": 20_000}
    one, three = (
        complete("tv", pixels, known, **settings) for pixels in (image, np.repeat(image, 3, axis=2))
    )
    assert three.history[-1][1] == pytest.approx(np.sqrt(3) * one.history[-1][1], rel=1e-5)
