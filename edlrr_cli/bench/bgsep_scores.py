"""Scores of the separation of a sequence: masks, differences and the static background."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.bench.record import Row
from edlrr_cli.bench.sequences import Bytes, Scene
from edlrr_cli.metrics.background import background_scores
from edlrr_cli.metrics.detection import Counts, count
from edlrr_cli.metrics.thresholds import Best, Sweep
from edlrr_cli.tasks.bgsep.stream import Split
from edlrr_cli.tasks.frames import Levels

#: Candidates for the best threshold on the plain difference, in gray levels.
PLAIN_THRESHOLDS = (10, 15, 20, 25, 30, 40, 50)
_GRAY = np.array([0.299, 0.587, 0.114], dtype=np.float32)


class Scorer:
    """Compares split frames with the ground truth, one at a time, and pools the counts."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._counts = Counts()
        self._own, self._plain = Sweep(), Sweep()
        self._backgrounds: list[Bytes] = []

    def add(self, index: int, split: Split) -> None:
        """Add a frame to the scores.

        Args:
            index: Index of the frame in the sequence.

        Raises:
            InputError: The mask cannot be read.
            UsageError: The mask and the frame differ in size.
        """
        scene, peak = self._scene, self._scene.video.info.peak
        truth = scene.truth(index)
        self._counts += count(split.mask, truth, region=scene.region)
        if split.difference is not None:
            plain = abs(_gray(split.frame.pixels, peak) - _gray(split.background, peak))
            self._own.add(split.difference, truth, region=scene.region)
            self._plain.add(plain, truth, region=scene.region)
        if scene.background is not None:
            self._backgrounds.append(np.rint(split.background * (255 / peak)).astype(np.uint8))

    def scores(self) -> Row:
        """Return the measures by name."""
        return {
            "counts": asdict(self._counts),
            **self._counts.scores(),
            **_named("f_best", self._own.best()),
            **_named("f_plain_best", self._plain.best(PLAIN_THRESHOLDS)),
            "background": self._background(),
        }

    def _background(self) -> dict[str, float | None] | None:
        truth = self._scene.background
        if truth is None:
            return None
        background = np.rint(np.median(self._backgrounds, axis=0)).astype(np.uint8)
        return background_scores(_flat(background), _flat(truth))


def _named(name: str, best: Best | None) -> dict[str, float | None]:
    f_measure, threshold = best or (None, None)
    return {name: f_measure, f"{name}_threshold": threshold}


def _gray(pixels: Levels, peak: int) -> NDArray[np.floating[Any]]:
    """Return the luma of a frame, shape (h, w), in gray levels of 255."""
    levels = pixels.astype(np.float32) * (255 / peak)
    gray: NDArray[np.floating[Any]] = levels[..., 0] if levels.shape[2] == 1 else levels @ _GRAY
    return gray


def _flat(image: Bytes) -> Bytes:
    """Drop the last axis of a gray image."""
    return image[..., 0] if image.shape[2] == 1 else image
