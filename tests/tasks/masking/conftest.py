"""Photographs of scikit-image, small and in color."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data


@pytest.fixture(scope="session")
def photo():
    """A photograph with smooth parts, texture and edges, shape (200, 300, 3)."""
    return data.chelsea()[50:250, 60:360] / 255.0


@pytest.fixture(scope="session")
def large():
    """A photograph in color, shape (512, 512, 3)."""
    return data.astronaut() / 255.0


@pytest.fixture(scope="session")
def scenes():
    """Twenty windows of several photographs, shape (128, 160, 3)."""
    rng = np.random.default_rng(0)
    photos = [data.astronaut(), data.chelsea(), data.coffee(), data.rocket()]
    found = []
    for index in range(20):
        whole = photos[index % 4] / 255.0
        top, left = rng.integers(whole.shape[0] - 128), rng.integers(whole.shape[1] - 160)
        found.append(whole[top : top + 128, left : left + 160])
    return found
