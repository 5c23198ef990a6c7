"""Images for training and tests of denoisers: data sets of a folder, or photographs of scikit-image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edlrr_cli.media.formats import require_images
from edlrr_cli.media.gray import read_gray, to_gray

Pixels = NDArray[np.float64]

# Photographs included in scikit-image, and the side of the tiles of those for training, as in Train400.
_TRAINING = ("astronaut", "brick", "coffee", "grass", "gravel", "immunohistochemistry", "moon", "rocket")
_TEST = ("camera", "cat", "coins", "page")
_TILE_PX = 180


@dataclass(frozen=True, eq=False)
class Data:
    """Images of a comparison.

    Attributes:
        training: Gray images, each of shape (1, h, w), uint8.
        sets: Test set -> names and gray images in [0, 1], shape (h, w, 1); the first set is tested most.
    """

    training: Sequence[Tensor]
    sets: Mapping[str, Sequence[tuple[str, Pixels]]]


def read_data(folder: Path, every: Mapping[str, int]) -> Data:
    """Read ``Train400`` and test sets of a folder.

    Args:
        every: Test set -> step between the images that are read.

    Raises:
        InputError: A set is missing.
    """
    sets = {
        name: [(path.stem, _normalized(read_gray(path))) for path in require_images(folder / name)[::step]]
        for name, step in every.items()
    }
    training = [torch.from_numpy(read_gray(path))[None] for path in require_images(folder / "Train400")]
    return Data(training, sets)


def shipped_data() -> Data:
    """Return photographs that scikit-image includes: tiles of some for training, others for the test."""
    training = [tile for name in _TRAINING for tile in _tiles(_photograph(name))]
    return Data(training, {"scikit-image": [(name, _normalized(_photograph(name))) for name in _TEST]})


def _photograph(name: str) -> NDArray[np.uint8]:
    from skimage import data

    return to_gray(getattr(data, name)() / 255)


def _tiles(gray: NDArray[np.uint8]) -> Iterator[Tensor]:
    for top in range(0, gray.shape[0] - _TILE_PX + 1, _TILE_PX):
        for left in range(0, gray.shape[1] - _TILE_PX + 1, _TILE_PX):
            yield torch.from_numpy(gray[None, top : top + _TILE_PX, left : left + _TILE_PX].copy())


def _normalized(gray: NDArray[np.uint8]) -> Pixels:
    return gray[..., None] / 255
