"""A few frames of the video, kept with all their layers to be shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edlrr_cli.cli.bgsep.layers import layers_of
from edlrr_cli.cli.bgsep.outputs import MASKS
from edlrr_cli.media.figure import Panel, write_grid
from edlrr_cli.media.files import writing
from edlrr_cli.media.images import Levels
from edlrr_cli.media.save import write_png
from edlrr_cli.media.tags.video import Look
from edlrr_cli.tasks.bgsep.stream import Split

_NUM_ROWS = 4


@dataclass(frozen=True)
class Choice:
    """Which frames are shown; chosen beforehand, since none can be seen twice.

    Attributes:
        num_frames: Of the video, or a few more.
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
        places = [(2 * row + 1) * self.num_frames // (2 * _NUM_ROWS) for row in range(_NUM_ROWS)]
        return sorted(set(places))

    def shown(self, stills: Mapping[int, Still]) -> list[Still]:
        """Return those of the rows that there are."""
        return [stills[index] for index in self.rows if index in stills]

    def __contains__(self, index: object) -> bool:
        return index == self.middle or index in self.rows


@dataclass(frozen=True, eq=False)
class Still:
    """A frame that is shown.

    Attributes:
        index: Of the frame.
        time_s: Since the first frame.
        layers: The frame and its layers by name.
    """

    index: int
    time_s: float
    layers: dict[str, Levels]


def save_still(folder: Path, split: Split) -> None:
    """Write a frame with its layers into a folder.

    Raises:
        OutputError: Writing failed.
    """
    path = folder / f"{split.index:09d}.npz"
    saved: dict[str, Any] = {"frame": split.frame.pixels, **layers_of(split)}
    with writing(path):
        np.savez(path, time_s=float(split.frame.time), **saved)


def load_stills(folders: list[Path]) -> dict[int, Still]:
    """Return the frames that were saved in any of the folders, by index."""
    return {int(path.stem): _load(path) for folder in folders for path in sorted(folder.glob("[0-9]*.npz"))}


def _load(path: Path) -> Still:
    with np.load(path) as saved:
        layers = dict(saved)
    return Still(int(path.stem), float(layers.pop("time_s")), layers)


def write_background(path: Path, stills: dict[int, Still], choice: Choice, look: Look) -> None:
    """Write the background of the frame in the middle, or of the nearest one that there is.

    Args:
        path: Where to.
        stills: By index.
        choice: Which one is in the middle.
        look: How frames are to be shown.

    Raises:
        OutputError: Writing failed.
    """
    nearest = min(stills, key=lambda index: abs(index - choice.middle))
    write_png(path, stills[nearest].layers["background"], look.png_chunks)


def write_overview(path: Path, stills: dict[int, Still], choice: Choice) -> None:
    """Write the frames, one below the other, each beside its layers.

    Raises:
        OutputError: Writing failed.
    """
    shown = choice.shown(stills)
    write_grid(path, [_panels(still, titled=still is shown[0]) for still in shown], overwrite=True)


def _panels(still: Still, *, titled: bool) -> list[Panel]:
    captions = {
        "frame": f"frame {still.index}, {still.time_s:.2f} s",
        MASKS: f"{still.layers[MASKS].mean() / 255:.2%} foreground",
    }
    return [
        Panel(name if titled else "", pixels / np.iinfo(pixels.dtype).max, captions.get(name, ""))
        for name, pixels in still.layers.items()
    ]
