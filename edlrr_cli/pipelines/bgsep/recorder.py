"""Frames into parts, and parts into outputs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path

from edlrr_cli.media.files import write_atomic, writing
from edlrr_cli.media.video import VideoInfo
from edlrr_cli.media.video_join import join_videos
from edlrr_cli.pipelines.bgsep.layers import layers_of, write_layers
from edlrr_cli.pipelines.bgsep.outputs import BACKGROUND, MASKS, OVERVIEW, REPORT, Outputs
from edlrr_cli.pipelines.bgsep.overview import write_background, write_overview
from edlrr_cli.pipelines.failures import Record
from edlrr_cli.pipelines.parts import Parts
from edlrr_cli.pipelines.preview_frames import (
    PreviewFrame,
    load_preview_frames,
    preview_indices,
    save_preview_frame,
)
from edlrr_cli.tasks.bgsep.stream import Split, WindowStatistics


def record_parts(
    splits: Iterator[Split], notes: list[WindowStatistics], parts: Parts, outputs: Outputs, info: VideoInfo
) -> None:
    """Write the frames into parts; see `Parts.record`.

    Args:
        splits: The frames after the last finished part.
        notes: What is known about the windows; grows with the frames.
    """
    num_recorded = 0

    def write(folder: Path, part: Iterator[Split], begin: Fraction) -> Record:
        nonlocal num_recorded
        fractions = _record(part, folder, begin, outputs, info)
        windows = [asdict(note) for note in notes[num_recorded:]]
        num_recorded += len(windows)
        return {"fractions": fractions, "windows": windows}

    parts.record(splits, write)


def _record(
    splits: Iterable[Split], folder: Path, begin: Fraction, outputs: Outputs, info: VideoInfo
) -> list[float]:
    """Write the frames of a part, and return the foreground fraction of each."""
    fractions, previews = [], {info.num_frames // 2, *preview_indices(info.num_frames)}
    with write_layers(folder, outputs, info) as write:
        for split in splits:
            write(split, split.frame.time - begin)
            fractions.append(round(float(split.mask.mean()), 6))
            if split.index in previews:
                layers = {"frame": split.frame.pixels, **layers_of(split)}
                save_preview_frame(folder, PreviewFrame(split.index, float(split.frame.time), layers))
    return fractions


def assemble(parts: Parts, outputs: Outputs, record: Record, info: VideoInfo) -> list[PreviewFrame]:
    """Make the outputs from the finished parts, publish them together, and remove the parts.

    Returns:
        The frames of the overview.

    Raises:
        OutputError: Writing failed; nothing was published, and the parts stay.
    """
    with parts.scratch() as stage:
        finished = parts.finished
        for name in (video + outputs.encoding.suffix for video in outputs.videos):
            join_videos([(part.folder / name, part.begin) for part in finished], stage / name)
        if outputs.encoding.mask_format == "png":
            with writing(outputs.folder / MASKS):
                for part in finished:
                    shutil.copytree(part.folder / MASKS, stage / MASKS, dirs_exist_ok=True)
        frames = load_preview_frames([part.folder for part in finished])
        shown = [frames[index] for index in preview_indices(info.num_frames) if index in frames]
        write_background(stage / BACKGROUND, frames, info.num_frames, info.look)
        write_overview(stage / OVERVIEW, shown)
        write_atomic(stage / REPORT, json.dumps(record, indent=1, allow_nan=False).encode())
        outputs.publish(stage)
    parts.discard()
    return shown
