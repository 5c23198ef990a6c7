"""Preview frames: a few frames of the video, kept with all their layers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edlrr_cli.media.figure import Panel, write_grid
from edlrr_cli.media.files import writing
from edlrr_cli.media.save import write_png
from edlrr_cli.media.still_image import Levels
from edlrr_cli.media.tags.video import Look
from edlrr_cli.pipelines.bgsep.layers import layers_of
from edlrr_cli.pipelines.bgsep.outputs import MASKS
from edlrr_cli.tasks.bgsep.stream import Split

_NUM_ROWS = 4


def overview_indices(num_frames: int) -> list[int]:
    """Return the frames of the overview, evenly spread; chosen beforehand, since no frame is read twice.

    Example:
        >>> overview_indices(120)
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


def save_preview_frame(folder: Path, split: Split) -> None:
    """Write a frame with its layers into a folder.

    Raises:
        OutputError: Writing failed.
    """
    path = folder / f"{split.index:09d}.npz"
    layers = {"frame": split.frame.pixels, **layers_of(split)}
    with writing(path):
        np.savez(path, allow_pickle=False, time_s=float(split.frame.time), **layers)


def load_preview_frames(folders: list[Path]) -> dict[int, PreviewFrame]:
    """Return the frames that were saved in any of the folders, by index."""
    return {int(path.stem): _load(path) for folder in folders for path in sorted(folder.glob("[0-9]*.npz"))}


def _load(path: Path) -> PreviewFrame:
    with np.load(path) as saved:
        layers = dict(saved)
    return PreviewFrame(int(path.stem), float(layers.pop("time_s")), layers)


def write_background(path: Path, frames: dict[int, PreviewFrame], num_frames: int, look: Look) -> None:
    """Write the background of the frame in the middle, or of the nearest one that exists.

    Raises:
        OutputError: Writing failed.
    """
    nearest = min(frames, key=lambda index: abs(index - num_frames // 2))
    write_png(path, frames[nearest].layers["background"], look.png_chunks)


def write_overview(path: Path, shown: list[PreviewFrame]) -> None:
    """Write the frames, one below the other, each beside its layers.

    Raises:
        OutputError: Writing failed.
    """
    write_grid(path, [_panels(frame, titled=frame is shown[0]) for frame in shown], overwrite=True)


def _panels(frame: PreviewFrame, *, titled: bool) -> list[Panel]:
    captions = {
        "frame": f"frame {frame.index}, {frame.time_s:.2f} s",
        MASKS: f"{frame.layers[MASKS].mean() / 255:.2%} foreground",
    }
    return [
        Panel(name if titled else "", pixels / np.iinfo(pixels.dtype).max, captions.get(name, ""))
        for name, pixels in frame.layers.items()
    ]
