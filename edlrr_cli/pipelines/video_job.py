"""A video whose frames are computed one after another, in parts that an interrupted run leaves behind."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Generic, Protocol, TypeVar

from edlrr_cli import __version__
from edlrr_cli.media.video import VideoInfo
from edlrr_cli.media.video_sources import fingerprint
from edlrr_cli.pipelines.failures import Record
from edlrr_cli.pipelines.finished_video import FinishedVideo
from edlrr_cli.pipelines.job import Job, Monitor, counted
from edlrr_cli.pipelines.panel import Comparison, Panel
from edlrr_cli.pipelines.parts import Computed, Parts, WritePart
from edlrr_cli.pipelines.preview_frames import PreviewFrame

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from typing_extensions import Self


@dataclass(frozen=True, eq=False)
class OpenedVideo:
    """An opened video, and the parts that are finished already.

    Attributes:
        started: When the job was started, of `time.perf_counter`.
        info: Properties of the video, with notes on what the outputs cannot keep.
        first: Index of the first frame that is not in the parts.
    """

    started: float
    info: VideoInfo
    parts: Parts
    first: int


class Settings(Protocol):
    """The settings of a run."""

    def as_record(self) -> Record:
        """Return all settings by name."""


ComputedT = TypeVar("ComputedT", bound=Computed)
ComputedT_co = TypeVar("ComputedT_co", bound=Computed, covariant=True)


class Frames(Protocol[ComputedT_co]):
    """Frames that are computed one after another."""

    @property
    def device(self) -> object:
        """Return the device that computes them."""

    @property
    def windows(self) -> Sequence[DataclassInstance]:
        """Return the statistics of the windows so far, with the index ``start`` of a frame."""

    def __iter__(self) -> Iterator[ComputedT_co]:
        """Yield the frames that are not in the parts."""


InputsT = TypeVar("InputsT", bound=OpenedVideo)


@dataclass(frozen=True, kw_only=True)
class VideoJob(Job[InputsT, str], Generic[InputsT, ComputedT]):
    """A video whose frames are computed; a subclass computes, writes and publishes them.

    Attributes:
        settings: A finished part fits only a run of the same settings.
        resume: Continue after the finished parts of an interrupted run; ``overwrite`` replaces them.
        with_previews: Return some frames with the record, as ``comparisons``.
    """

    settings: Settings
    resume: bool = False
    with_previews: bool = False

    unit = "video"
    unprinted: ClassVar[tuple[str, ...]] = ("comparisons",)
    continue_with = "--skip-existing --resume"

    @abstractmethod
    def check_outputs(self) -> None:
        """Refuse outputs that could not be written, or that exist without ``overwrite``."""

    @abstractmethod
    def parts(self, run: Mapping[str, object]) -> Parts:
        """Return the parts of a run; see `Parts`."""

    @abstractmethod
    def start(self, inputs: InputsT) -> tuple[Frames[ComputedT], WritePart[ComputedT]]:
        """Return the frames that are not in the parts yet, and what writes them."""

    @abstractmethod
    def publish(self, inputs: InputsT, device: str) -> tuple[Record, list[PreviewFrame]]:
        """Make the outputs from the finished parts, and return the record and the preview frames."""

    @staticmethod
    @abstractmethod
    def compare(shown: PreviewFrame, record: Record) -> Comparison:
        """Return the comparison of a preview frame before and after."""

    def check(self) -> None:
        """See `Job.check`."""
        self.check_outputs()
        if not self.resume:
            self.parts({}).require_free(overwrite=self.overwrite)

    def repeatable(self) -> Self:
        """See `Job.repeatable`."""
        return replace(self, resume=self.resume or not self.overwrite, overwrite=True)

    def start_parts(self, own: Record) -> tuple[Parts, int]:
        """Return the parts, and the index of the first frame that is not in them; see `Parts.start`.

        Args:
            own: What else must be the same when a run goes on, beside settings and source.
        """
        source = fingerprint(self.input)
        parts = self.parts({**self.settings.as_record(), **own, "source": source, "version": __version__})
        return parts, parts.start(resume=self.resume, overwrite=self.overwrite)

    def compute(self, inputs: InputsT, monitor: Monitor) -> str:
        """Write the frames into parts as they are computed, and return the device."""
        with inputs.parts.reporting_kept():
            frames, write = self.start(inputs)
            for note in inputs.info.notes:
                monitor.note(self.input, note)
            with monitor.progress("frame", total=inputs.info.num_frames, done=inputs.first) as advance:
                inputs.parts.record(counted(frames, advance, inputs.first), _with_windows(write, frames))
        return str(frames.device)

    def finished(self, inputs: InputsT, device: str) -> FinishedVideo:
        """Return the video that all parts make up; its time ends here."""
        seconds = time.perf_counter() - inputs.started
        return FinishedVideo(inputs.info, inputs.parts.finished, device, inputs.first, seconds)

    def write(self, inputs: InputsT, result: str, monitor: Monitor) -> Record:
        """Publish the outputs and return the record."""
        with inputs.parts.reporting_kept():
            record, shown = self.publish(inputs, result)
        inputs.parts.discard()
        for note in record["notes"][len(inputs.info.notes) :]:
            monitor.note(self.input, note)
        if not self.with_previews:
            return record
        return {**record, "comparisons": [self.compare(frame, record) for frame in shown]}

    @classmethod
    def panel(cls, record: Record, side_px: int) -> Panel:
        """See `Job.panel`; the record has ``comparisons``."""
        return Panel(lambda: record["comparisons"], list(cls.lines(record)))


def _with_windows(write: WritePart[ComputedT], frames: Frames[ComputedT]) -> WritePart[ComputedT]:
    """Add the windows that were computed during a part to its statistics."""
    num_recorded = 0

    def write_with_windows(folder: Path, part: Iterator[ComputedT], begin: Fraction) -> Record:
        nonlocal num_recorded
        statistics = write(folder, part, begin)
        windows = [asdict(window) for window in frames.windows[num_recorded:]]
        num_recorded += len(windows)
        return {**statistics, "windows": windows}

    return write_with_windows
