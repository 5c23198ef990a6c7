"""One run of ``edlrr bgsep``, from the source to the published outputs."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import click
from tqdm import tqdm

from edlrr_cli import __version__
from edlrr_cli.cli.bgsep.options import Encoding
from edlrr_cli.cli.bgsep.outputs import Outputs
from edlrr_cli.cli.bgsep.parts import PARTS, Parts
from edlrr_cli.cli.bgsep.recorder import assemble, record_parts
from edlrr_cli.cli.bgsep.report import bgsep_record
from edlrr_cli.cli.bgsep.section import comparison_of
from edlrr_cli.cli.bgsep.single import Task
from edlrr_cli.cli.tell import draws_progress, log_notes
from edlrr_cli.errors import EdlrrError
from edlrr_cli.media.video import VideoInfo, fingerprint, open_video
from edlrr_cli.media.video_writer import video_losses
from edlrr_cli.tasks.bgsep.stream import Separation


def run(task: Task) -> dict[str, Any]:
    """Split a video and write all outputs.

    Returns:
        The record of the report's file, perhaps with ``stills``.

    Raises:
        click.Abort: Ctrl-C; its text says what is left.
        EdlrrError: Something is wrong, before or in the middle; the message says what is left.
    """
    started = time.perf_counter()
    source, settings, manner = task.source, task.settings, task.manner
    outputs = Outputs(task.folder, settings.encoding)
    outputs.check(source, overwrite=manner.overwrite)
    video = open_video(source)
    info = _with_losses(video.info, settings.encoding)
    identity = {**settings.as_record(), "source": fingerprint(source), "version": __version__}
    parts = Parts(task.folder / PARTS, identity)
    first = parts.start(resume=manner.resume, overwrite=manner.overwrite)
    with _telling_what_is_left(parts):
        separation = Separation(video, settings.config, start=first)
        if not manner.quiet:
            log_notes(source, info.notes)
        shown = draws_progress(quiet=manner.quiet)
        with _counted(separation, info.num_frames, first, shown=shown) as splits:
            record_parts(splits, separation.notes, parts, outputs, info)
        record = bgsep_record(
            source,
            outputs,
            settings,
            info,
            parts.finished,
            device=str(separation.device),
            resumed_at=first,
            seconds=time.perf_counter() - started,
        )
        stills = assemble(parts, outputs, record, info)
    return {**record, "stills": [comparison_of(still) for still in stills]} if manner.shown else record


def _with_losses(info: VideoInfo, encoding: Encoding) -> VideoInfo:
    """Return what is known of a source, with notes on what its layers cannot keep."""
    lost = video_losses(encoding.suffix, encoding.codec, bits=info.bits, look=info.look)
    return replace(info, notes=(*info.notes, *lost))


@contextmanager
def _counted(separation: Separation, total: int, first: int, *, shown: bool) -> Iterator[Iterator[Any]]:
    """Yield the frames, which draw a bar on stderr with their speed and the time left."""
    with tqdm(
        separation,
        total=total,
        initial=first,
        unit="frame",
        file=sys.stderr,
        leave=False,
        dynamic_ncols=True,
        disable=not shown,
    ) as bar:
        yield iter(bar)


@contextmanager
def _telling_what_is_left(parts: Parts) -> Iterator[None]:
    """Say after an interruption or an error which frames are kept; without any, leave no folder."""
    try:
        yield
    except BaseException as error:
        kept = f"{parts.extent} are in {parts.folder}" if parts.num_frames else ""
        if not kept:
            parts.discard()
        if isinstance(error, KeyboardInterrupt):
            raise click.Abort(kept and f"{kept}, --resume goes on") from error
        if kept and isinstance(error, EdlrrError):
            raise type(error)(f"{error.message}; {kept}", error.remedy) from error
        raise
