"""Frames into parts, and parts into outputs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

from edlrr_cli.media.files import write_atomic, writing
from edlrr_cli.media.video import VideoInfo
from edlrr_cli.media.video_join import join_videos
from edlrr_cli.pipelines.bgsep.layers import layers_of, write_layers
from edlrr_cli.pipelines.bgsep.outputs import BACKGROUND, MASKS, OVERVIEW, REPORT, Outputs
from edlrr_cli.pipelines.bgsep.overview import write_background, write_overview
from edlrr_cli.pipelines.bgsep.tables import write_objects, write_tables
from edlrr_cli.pipelines.failures import Record
from edlrr_cli.pipelines.parts import Parts
from edlrr_cli.pipelines.preview_frames import (
    PreviewFrame,
    load_preview_frames,
    preview_indices,
    save_preview_frame,
)
from edlrr_cli.tasks.bgsep.events import Event
from edlrr_cli.tasks.bgsep.stream import Split


def write_part(
    outputs: Outputs,
    info: VideoInfo,
    num_counted: int,
    folder: Path,
    splits: Iterator[Split],
    begin: Fraction,
) -> Record:
    """Write the frames of a part, and return the time and the foreground fraction of each.

    Args:
        num_counted: Number of the pixels that count.
        folder, splits, begin: See `edlrr_cli.pipelines.parts.WritePart`.
    """
    previews = {info.num_frames // 2, *preview_indices(info.num_frames)}
    fractions: list[float] = []
    times_s: list[float] = []
    with ExitStack() as stack:
        writers = [stack.enter_context(write_layers(folder, outputs, info, begin))]
        if outputs.tables.objects:
            writers.append(stack.enter_context(write_objects(folder)))
        for split in splits:
            for write in writers:
                write(split)
            fractions.append(round(int(split.mask.sum()) / num_counted, 9))
            times_s.append(float(split.frame.time))
            if split.index in previews:
                layers = {"frame": split.frame.pixels, **layers_of(split)}
                save_preview_frame(folder, PreviewFrame(split.index, times_s[-1], layers))
    return {"fractions": fractions, "times_s": times_s}


def assemble(
    parts: Parts, outputs: Outputs, record: Record, events: Sequence[Event], *, source: Path, info: VideoInfo
) -> list[PreviewFrame]:
    """Make the outputs from the finished parts, and publish them together.

    Args:
        source: The video.

    Returns:
        The frames of the overview.

    Raises:
        InputError: The source cannot be read again.
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
        write_overview(stage / OVERVIEW, shown, record["foreground_fractions"])
        write_tables(finished, events, outputs, stage, source=source, info=info)
        write_atomic(stage / REPORT, json.dumps(record, indent=1, allow_nan=False).encode())
        outputs.publish(stage)
    return shown
