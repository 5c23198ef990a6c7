"""Clips in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from edlrr_cli.tasks.clips.steady import CanvasInfo


@dataclass(frozen=True, eq=False)
class Frame:
    pixels: Any
    known: Any


class Clip:
    """Frames in memory with a hole; see `edlrr_cli.tasks.clips.windows.Source`."""

    def __init__(self, truth, holes):
        self.info = CanvasInfo(truth.shape[1:3], int(np.iinfo(truth.dtype).max), len(truth))
        self.may_be_missing = holes.any(0)
        self._frames = [
            Frame(np.where(hole[..., None], self.info.peak, pixels).astype(pixels.dtype), ~hole)
            for pixels, hole in zip(truth, holes, strict=True)
        ]

    def frames(self, *, start=0, every=1):
        return iter(self._frames[start::every])
