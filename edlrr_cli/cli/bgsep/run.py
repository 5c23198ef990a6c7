"""One run of ``edlrr bgsep``, from the source to the published outputs."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from edlrr_cli import __version__
from edlrr_cli.cli.bgsep.options import Settings
from edlrr_cli.cli.bgsep.outputs import Outputs
from edlrr_cli.cli.bgsep.parts import Parts
from edlrr_cli.cli.bgsep.recorder import assemble, record_parts
from edlrr_cli.cli.bgsep.report import bgsep_record
from edlrr_cli.cli.bgsep.section import comparison_of
from edlrr_cli.cli.tell import draws_progress
from edlrr_cli.errors import EdlrrError
from edlrr_cli.media.video import fingerprint, open_video
from edlrr_cli.tasks.bgsep.stream import Separation

_PARTS = "parts"


@dataclass(frozen=True)
class Manner:
    """How a run goes about its work.

    Attributes:
        resume: Go on behind the finished parts of an interrupted run.
        overwrite: Replace existing outputs, and without ``resume`` finished parts too.
        quiet: Show no notes and no progress.
        shown: Bring some frames back with the record, as ``stills``.
    """

    resume: bool
    overwrite: bool
    quiet: bool
    shown: bool = False


def run(source: Path, folder: Path, settings: Settings, manner: Manner) -> dict[str, Any]:
    """Split a video and write all outputs.

    Args:
        source: See `edlrr_cli.media.video.open_video`.
        folder: Of the outputs; made if its parent exists.
        settings: Of the separation and the outputs.
        manner: Of the work.

    Returns:
        The record of the report's file, perhaps with ``stills``.

    Raises:
        click.Abort: Ctrl-C; its text says what is left.
        EdlrrError: Something is wrong, before or in the middle; the message says what is left.
    """
    started = time.perf_counter()
    outputs = Outputs(folder, settings.encoding)
    outputs.check(source, overwrite=manner.overwrite)
    video = open_video(source)
    identity = {**settings.as_record(), "source": fingerprint(source), "version": __version__}
    parts = Parts(folder / _PARTS, identity)
    first = parts.start(resume=manner.resume, overwrite=manner.overwrite)
    with _telling_what_is_left(parts):
        separation = Separation(video, settings.config, start=first)
        if not manner.quiet:
            for note in video.info.notes:
                click.echo(f"{source}: {note}", err=True)
        shown = draws_progress(quiet=manner.quiet)
        with _counted(separation, video.info.num_frames, first, shown=shown) as splits:
            record_parts(splits, separation.notes, parts, outputs, video.info)
        record = bgsep_record(
            source,
            outputs,
            settings,
            video.info,
            parts.finished,
            device=str(separation.device),
            resumed_at=first,
            seconds=time.perf_counter() - started,
        )
        stills = assemble(parts, outputs, record, video.info)
    return {**record, "stills": [comparison_of(still) for still in stills]} if manner.shown else record


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
