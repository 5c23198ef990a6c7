"""One video of a batch: a task that another process can take, and the record of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edlrr_cli.cli.bgsep.options import Settings


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
    shown: bool


@dataclass(frozen=True)
class Task:
    """One video to split.

    Attributes:
        source: See `edlrr_cli.media.video.open_video`.
        folder: Of the outputs; made if its parent exists.
        settings: Of the separation and the outputs.
        manner: Of the work.
    """

    source: Path
    folder: Path
    settings: Settings
    manner: Manner


def split_file(task: Task) -> dict[str, Any]:
    """Split one video and return the record of it, see `edlrr_cli.cli.bgsep.run.run`.

    Raises:
        click.Abort: Ctrl-C; its text says what is left.
        EdlrrError: A file, a setting or the computation.
    """
    from edlrr_cli.cli.bgsep.run import run

    return run(task)
