"""Preview frames: a few frames of a video, kept with all their layers in the parts of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edlrr_cli.media.files import writing
from edlrr_cli.media.preview import preview
from edlrr_cli.media.still_image import Levels
from edlrr_cli.pipelines.panel import Layer

SIDE_PX = 800
"""Largest side of the preview frames on a page."""

_NUM_ROWS = 4


def preview_indices(num_frames: int) -> list[int]:
    """Return the indices of the frames, evenly spread; chosen beforehand, since no frame is read twice.

    Example:
        >>> preview_indices(120)
        [15, 45, 75, 105]
    """
    return sorted({(2 * row + 1) * num_frames // (2 * _NUM_ROWS) for row in range(_NUM_ROWS)})


@dataclass(frozen=True, eq=False)
class PreviewFrame:
    """A frame with its layers.

    Attributes:
        index: The index of the frame.
        layers: The frame and its layers by name.
    """

    index: int
    time_s: float
    layers: dict[str, Levels]

    @property
    def caption(self) -> str:
        """Return the index and the time as a text."""
        return f"frame {self.index}, {self.time_s:.2f} s"

    def layer(self, name: str) -> Layer:
        """Return a layer for the page."""
        pixels = self.layers[name]
        return Layer(name, preview(pixels / np.iinfo(pixels.dtype).max, SIDE_PX))


def save_preview_frame(folder: Path, frame: PreviewFrame) -> None:
    """Write a frame with its layers into a folder.

    Raises:
        OutputError: Writing failed.
    """
    path = folder / f"{frame.index:09d}.npz"
    with writing(path):
        np.savez(path, allow_pickle=False, time_s=frame.time_s, **frame.layers)


def load_preview_frames(folders: list[Path]) -> dict[int, PreviewFrame]:
    """Return the frames that were saved in any of the folders, by index."""
    return {int(path.stem): _load(path) for folder in folders for path in sorted(folder.glob("[0-9]*.npz"))}


def _load(path: Path) -> PreviewFrame:
    with np.load(path) as saved:
        layers = dict(saved)
    return PreviewFrame(int(path.stem), float(layers.pop("time_s")), layers)
