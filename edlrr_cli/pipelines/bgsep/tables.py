"""Tables of what moves, as CSV: the objects of each frame, and the events."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from itertools import chain
from pathlib import Path

from edlrr_cli.media.files import write_atomic, write_pieces, writing
from edlrr_cli.media.video import VideoInfo
from edlrr_cli.media.video_cut import excerpt_suffix, write_excerpt
from edlrr_cli.pipelines.bgsep.outputs import EVENT_CLIPS, EVENTS, OBJECTS, Outputs
from edlrr_cli.pipelines.bgsep.settings import Tables
from edlrr_cli.pipelines.parts import Part
from edlrr_cli.tasks.bgsep.events import Event, find_events
from edlrr_cli.tasks.bgsep.objects import MovingObject, find_objects
from edlrr_cli.tasks.bgsep.stream import Split

_OBJECT_COLUMNS = ("frame", "time_s", *MovingObject._fields)
_EVENT_COLUMNS = ("event", "first_frame", "last_frame", "start_s", "stop_s", "largest_fraction")


@contextmanager
def write_objects(folder: Path) -> Iterator[Callable[[Split], None]]:
    """Yield a function that appends the objects of a frame to a table without header.

    Raises:
        OutputError: Writing failed.
    """
    path = folder / OBJECTS
    with writing(path):
        file = path.open("wb")

    def write(split: Split) -> None:
        found = find_objects(split.mask, split.frame.pixels, split.background)
        rows = [(split.index, *map(_rounded, (split.frame.time, *each))) for each in found]
        with writing(path):
            file.write(_encoded(rows))

    try:
        yield write
    finally:
        with writing(path):
            file.close()


def write_tables(
    parts: Sequence[Part],
    events: Sequence[Event],
    outputs: Outputs,
    folder: Path,
    *,
    source: Path,
    info: VideoInfo,
) -> None:
    """Write the tables of a video, and cut its events out.

    Args:
        parts: All parts of the video.
        folder: That of the results.
        source: The video.

    Raises:
        InputError: The source cannot be read.
        OutputError: Writing failed.
    """
    if outputs.tables.objects:
        _join_objects(parts, folder / OBJECTS)
    if outputs.tables.lists_events:
        write_atomic(folder / EVENTS, _encoded([_EVENT_COLUMNS, *_event_rows(events)]))
    if outputs.tables.event_clips:
        _cut_events(events, folder / EVENT_CLIPS, source, info)


def _join_objects(parts: Sequence[Part], path: Path) -> None:
    tables = ((part.folder / OBJECTS).read_bytes() for part in parts)
    write_pieces(path, chain([_encoded([_OBJECT_COLUMNS])], tables))


def events_of(parts: Sequence[Part], tables: Tables, info: VideoInfo) -> list[Event]:
    """Return the events of a video.

    Args:
        parts: All of its parts.
    """
    fractions, times_s = (
        [value for part in parts for value in part.statistics[name]] for name in ("fractions", "times_s")
    )
    return find_events(
        fractions,
        times_s,
        end_s=times_s[-1] + float(1 / info.frame_rate),
        gap_s=tables.event_gap,
        min_s=tables.event_min,
    )


def _event_rows(events: Sequence[Event]) -> Iterator[Sequence[object]]:
    for number, event in enumerate(events, start=1):
        measures = (event.start_s, event.stop_s, event.largest_fraction)
        yield number, event.first, event.last, *map(_rounded, measures)


def _cut_events(events: Sequence[Event], folder: Path, source: Path, info: VideoInfo) -> None:
    with writing(folder):
        folder.mkdir()
    suffix = excerpt_suffix(source)
    for number, event in enumerate(events, start=1):
        path = folder / f"{number:04d}{suffix}"
        write_excerpt(source, path, first_s=info.start, start_s=event.start_s, stop_s=event.stop_s)


def _rounded(value: float | Fraction) -> float:
    """Return a value to a millionth, without a decimal point if it is whole."""
    return value if isinstance(value, int) else round(float(value), 6)


def _encoded(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
