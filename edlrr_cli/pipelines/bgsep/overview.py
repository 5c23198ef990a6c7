"""The images of the background and of some frames with all their layers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edlrr_cli.media.figure import Panel, write_grid
from edlrr_cli.media.save import write_png
from edlrr_cli.media.tags.video import Look
from edlrr_cli.pipelines.bgsep.outputs import MASKS
from edlrr_cli.pipelines.preview_frames import PreviewFrame


def write_background(path: Path, frames: dict[int, PreviewFrame], num_frames: int, look: Look) -> None:
    """Write the background of the frame in the middle, or of the nearest one that exists.

    Raises:
        OutputError: Writing failed.
    """
    nearest = min(frames, key=lambda index: abs(index - num_frames // 2))
    write_png(path, frames[nearest].layers["background"], look.png_chunks)


def write_overview(path: Path, shown: list[PreviewFrame], fractions: Sequence[float]) -> None:
    """Write the frames, one below the other, each beside its layers.

    Args:
        fractions: Foreground fraction of each frame of the video.

    Raises:
        OutputError: Writing failed.
    """
    rows = [_panels(frame, fractions[frame.index], titled=frame is shown[0]) for frame in shown]
    write_grid(path, rows, overwrite=True)


def _panels(frame: PreviewFrame, fraction: float, *, titled: bool) -> list[Panel]:
    captions = {
        "frame": frame.caption,
        MASKS: f"{fraction:.2%} foreground",
    }
    return [
        Panel(name if titled else "", pixels / np.iinfo(pixels.dtype).max, captions.get(name, ""))
        for name, pixels in frame.layers.items()
    ]
