"""The finished parts of an unfinished run: each a folder, there as a whole or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, count, islice
from pathlib import Path
from typing import Protocol, TypeVar

from edlrr_cli.errors import EdlrrError, OutputError
from edlrr_cli.media.files import write_atomic, writing
from edlrr_cli.media.video_writer import TIME_BASE
from edlrr_cli.pipelines.failures import Record
from edlrr_cli.tasks.checks import require_same

NUM_FRAMES = 250
"""Frames of a part, the last one apart."""

PARTS, RUN = "parts", "run.json"
"""The folder beside the outputs, and the file in it that identifies the run of the parts."""

_PART, _UNFINISHED = "part.json", "unfinished"


class Timed(Protocol):
    """A frame of the source."""

    @property
    def time(self) -> Fraction:
        """Return the seconds since the first frame."""


class Computed(Protocol):
    """What was computed for a frame."""

    @property
    def index(self) -> int:
        """Return the index of the frame."""

    @property
    def frame(self) -> Timed:
        """Return the frame of the source."""


FrameT = TypeVar("FrameT", bound=Computed)

WritePart = Callable[[Path, Iterator[FrameT], Fraction], Record]
"""Writes the frames of a part, which it consumes, into a folder, and returns the statistics of the part.

The last argument is the time of the first frame in seconds.
"""


@dataclass(frozen=True)
class Part:
    """A finished part.

    Attributes:
        begin: Seconds from the first frame of the video to that of the part.
        num_frames: Number of its frames.
        statistics: Plain values by name that the command keeps on the part.
    """

    folder: Path
    begin: Fraction
    num_frames: int
    statistics: Record


class Parts:
    """The folder of the parts.

    Args:
        run: What must be the same when a run goes on, as JSON would give it back.
        is_inside: Whether the folder around it is that of the outputs, which is removed if it is left empty.
    """

    def __init__(self, folder: Path, run: Mapping[str, object], *, is_inside: bool = False) -> None:
        self.folder, self._run, self._is_inside = folder, run, is_inside

    def start(self, *, resume: bool, overwrite: bool) -> int:
        """Take the folder over, or make it, and return the index of the first frame that is not in it.

        Args:
            overwrite: Without ``resume``, remove them.

        Raises:
            OutputError: Parts are there and neither is asked for; the folder belongs to something else, or
                cannot be written.
            UsageError: They are of other settings or of another source.
        """
        if self.folder.exists():
            before = self._recorded()
            if resume:
                require_same(self.folder, before, self._run)
            else:
                self.require_free(overwrite=overwrite)
                self.discard()
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        write_atomic(self.folder / RUN, json.dumps(self._run).encode())
        return self.num_frames

    def require_free(self, *, overwrite: bool) -> None:
        """Refuse parts that would be lost.

        Raises:
            OutputError: Parts are there without ``overwrite``.
        """
        if self.num_frames and not overwrite:
            raise OutputError(
                f"{self.folder} holds {self.extent} of an interrupted run",
                "--resume goes on, --overwrite starts anew",
            )

    def _recorded(self) -> Record:
        try:
            recorded: Record = json.loads((self.folder / RUN).read_bytes())
            return recorded
        except (OSError, ValueError) as error:
            raise OutputError(f"{self.folder} is not of an interrupted run", "move it away") from error

    @property
    def finished(self) -> list[Part]:
        """Return the parts in their order."""
        return [_read(path.parent) for path in sorted(self.folder.glob(f"[0-9]*/{_PART}"))]

    @property
    def num_frames(self) -> int:
        """Return the number of frames in the parts."""
        return sum(part.num_frames for part in self.finished)

    @property
    def extent(self) -> str:
        """Return how much there is, as a text."""
        return f"the first {self.num_frames} frames"

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Yield an empty folder, which is gone afterwards unless it was renamed."""
        folder = self.folder / _UNFINISHED
        shutil.rmtree(folder, ignore_errors=True)
        with writing(folder):
            folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def record(self, frames: Iterator[FrameT], write: WritePart[FrameT]) -> None:
        """Write frames into parts, each finished before the next is begun.

        Args:
            frames: The frames after the last finished part.
            write: Writes the files of a part; see `WritePart`.

        Raises:
            EdlrrError: The source failed, or writing; the finished parts stay.
        """
        for first in frames:
            # Rounded as the times in the files are, so that they fit when they are joined.
            begin = round(first.frame.time / TIME_BASE) * TIME_BASE
            with self.scratch() as folder:
                counted = count()
                part = chain([first], islice(frames, NUM_FRAMES - 1))
                statistics = write(folder, (frame for frame, _ in zip(part, counted, strict=False)), begin)
                self.add(
                    folder, first=first.index, begin=begin, num_frames=next(counted), statistics=statistics
                )

    def add(self, folder: Path, *, first: int, begin: Fraction, num_frames: int, statistics: Record) -> None:
        """Make a scratch folder with all its outputs a part."""
        record = {"begin": str(begin), "num_frames": num_frames, "statistics": statistics}
        write_atomic(folder / _PART, json.dumps(record).encode())
        with writing(folder):
            folder.replace(self.folder / f"{first:09d}")

    @contextmanager
    def reporting_kept(self) -> Iterator[None]:
        """Name the frames that are kept after an interruption or an error; without any, leave no folder."""
        try:
            yield
        except BaseException as error:
            kept = f"{self.extent} are in {self.folder}" if self.num_frames else ""
            if not kept:
                self.discard()
            if isinstance(error, KeyboardInterrupt):
                raise KeyboardInterrupt(kept and f"{kept}, --resume goes on") from error
            if kept and isinstance(error, EdlrrError):
                raise type(error)(f"{error.message}; {kept}", error.remedy) from error
            raise

    def discard(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._is_inside:
            with suppress(OSError):
                self.folder.parent.rmdir()


def _read(folder: Path) -> Part:
    record = json.loads((folder / _PART).read_bytes())
    return Part(folder, Fraction(record["begin"]), record["num_frames"], record["statistics"])
