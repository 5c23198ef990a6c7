"""Preview frames: a few frames of the video, kept with all their layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edlrr_cli.media.figure import Panel, write_grid
from edlrr_cli.media.files import writing
from edlrr_cli.media.images import Levels
from edlrr_cli.media.save import write_png
from edlrr_cli.media.tags.video import Look
from edlrr_cli.pipelines.bgsep.layers import layers_of
from edlrr_cli.pipelines.bgsep.outputs import MASKS
from edlrr_cli.tasks.bgsep.stream import Split

_NUM_ROWS = 4


@dataclass(frozen=True)
class Choice:
    """Which frames are kept; chosen beforehand, since no frame is read twice.

    Attributes:
        num_frames: The number of frames of the video, or a few more.
    """

    num_frames: int

    @property
    def middle(self) -> int:
        """Return the frame whose background is shown alone."""
        return self.num_frames // 2

    @property
    def rows(self) -> list[int]:
        """Return the frames of the overview, evenly spread.

        Example:
            >>> Choice(120).rows
            [15, 45, 75, 105]
        """
        indices = [(2 * row + 1) * self.num_frames // (2 * _NUM_ROWS) for row in range(_NUM_ROWS)]
        return sorted(set(indices))

    def shown(self, frames: Mapping[int, PreviewFrame]) -> list[PreviewFrame]:
        """Return those of the rows that there are."""
        return [frames[index] for index in self.rows if index in frames]

    def __contains__(self, index: object) -> bool:
        return index == self.middle or index in self.rows


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


def write_background(path: Path, frames: dict[int, PreviewFrame], choice: Choice, look: Look) -> None:
    """Write the background of the frame in the middle, or of the nearest one that there is.

    Raises:
        OutputError: Writing failed.
    """
    nearest = min(frames, key=lambda index: abs(index - choice.middle))
    write_png(path, frames[nearest].layers["background"], look.png_chunks)


def write_overview(path: Path, frames: dict[int, PreviewFrame], choice: Choice) -> None:
    """Write the frames, one below the other, each beside its layers.

    Raises:
        OutputError: Writing failed.
    """
    shown = choice.shown(frames)
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
