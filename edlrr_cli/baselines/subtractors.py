"""Background subtraction by Gaussian mixtures and nearest neighbors, by OpenCV."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.errors import UsageError

Pixels = NDArray[np.unsignedinteger[Any]]

_FOREGROUND, _SHADOW = 255, 127


class Subtractor:
    """Learns the background from frame to frame, with OpenCV's defaults.

    Args:
        method: ``"mog2"`` or ``"knn"``.
        shadows: Whether cast shadows count as foreground.

    Raises:
        UsageError: OpenCV is not installed.

    Source: Zivkovic, "Improved adaptive Gaussian mixture model for background subtraction", 2004; Zivkovic,
        van der Heijden, "Efficient adaptive density estimation per image pixel for the task of background
        subtraction", 2006.
    """

    def __init__(self, method: str, *, shadows: bool) -> None:
        try:
            import cv2
        except ImportError as error:
            raise UsageError(f"{method} needs OpenCV", "pip install 'edlrr[opencv]'") from error
        makers = {"mog2": cv2.createBackgroundSubtractorMOG2, "knn": cv2.createBackgroundSubtractorKNN}
        self._learner: Any = makers[method](detectShadows=True)
        self._least = _SHADOW if shadows else _FOREGROUND

    def apply(self, pixels: Pixels) -> tuple[Pixels, NDArray[np.bool_]]:
        """Update the background by a frame, and return the background and the foreground.

        Args:
            pixels: Shape (h, w, c), c = 1 or 3, uint8, or uint16, of which the upper 8 bits are used.

        Returns:
            Background in shape and dtype of the pixels, and a mask of shape (h, w), True = foreground.
        """
        deep = pixels.dtype == np.uint16
        found = self._learner.apply(np.ascontiguousarray(pixels >> 8 if deep else pixels).astype(np.uint8))
        learned = self._learner.getBackgroundImage().reshape(pixels.shape)
        return learned.astype(pixels.dtype) * (257 if deep else 1), found >= self._least
