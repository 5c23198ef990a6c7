"""A clip that is written frame by frame: its parts, what is copied from the source, and the output."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from edlrr_cli import __version__
from edlrr_cli.media.files import check_target
from edlrr_cli.media.video import Video, VideoInfo
from edlrr_cli.media.video_join import join_videos
from edlrr_cli.media.video_sources import fingerprint, open_video
from edlrr_cli.media.video_streams import COPIED, copying_losses
from edlrr_cli.media.video_writer import VideoWriter, video_losses, write_video
from edlrr_cli.pipelines.clips.reference import Reference
from edlrr_cli.pipelines.clips.settings import VideoEncoding
from edlrr_cli.pipelines.failures import Record
from edlrr_cli.pipelines.job import Job, Monitor, counted
from edlrr_cli.pipelines.panel import Comparison
from edlrr_cli.pipelines.parts import Part, Parts, WritePart
from edlrr_cli.pipelines.preview_frames import PreviewFrame, load_preview_frames


@dataclass(frozen=True, eq=False)
class OpenedClip:
    """An opened clip, and the parts that are finished already.

    Attributes:
        started: When the job was started, of `time.perf_counter`.
        reference: The clean frames; None without any.
        info: Properties of the clip, with notes on what the output cannot keep.
        first: Index of the first frame that is not in the parts.
    """

    started: float
    video: Video
    reference: Reference | None
    info: VideoInfo
    parts: Parts
    first: int


class Settings(Protocol):
    """The settings of a run."""

    @property
    def encoding(self) -> VideoEncoding:
        """Return the encoding of the output."""

    def as_record(self) -> Record:
        """Return all settings by name."""


class Frames(Protocol):
    """Frames that are computed one after another."""

    @property
    def device(self) -> object:
        """Return the device that computes them."""

    def __iter__(self) -> Iterator[Any]:
        """Yield the frames that are not in the parts."""


InputsT = TypeVar("InputsT", bound=OpenedClip)


@dataclass(frozen=True, kw_only=True)
class FramesJob(Job[InputsT, str]):
    """A clip of which each frame is replaced; a subclass computes the frames.

    Attributes:
        settings: A finished part fits only a run of the same settings.
        reference: The clean clip, to measure the PSNR.
        resume: Continue after the finished parts of an interrupted run; ``overwrite`` replaces them.
        with_previews: Return some frames with the record, as ``comparisons``.
    """

    settings: Settings
    reference: Path | None = None
    resume: bool = False
    with_previews: bool = False

    unit = "clip"
    unprinted = ("comparisons",)
    continue_with = "--skip-existing --resume"

    @property
    @abstractmethod
    def read_too(self) -> Sequence[Path | None]:
        """Return the files that are read beside the clip, which the output must not replace."""

    @abstractmethod
    def start(self, inputs: InputsT) -> tuple[Frames, WritePart[Any]]:
        """Return the frames that are not in the parts yet, and what writes them."""

    @abstractmethod
    def describe(self, inputs: InputsT, parts: Sequence[Part], *, device: str, seconds: float) -> Record:
        """Return the record of a finished clip."""

    @staticmethod
    @abstractmethod
    def compare(shown: PreviewFrame) -> Comparison:
        """Return the comparison of a preview frame before and after."""

    @property
    def frames_name(self) -> str:
        """Return the name of the file of a part's frames."""
        return f"frames{self.output.suffix.lower()}"

    def check(self) -> None:
        """See `Job.check`."""
        self.settings.encoding.check(self.output)
        check_target(self.output, *filter(None, (self.input, *self.read_too)), overwrite=self.overwrite)
        if not self.resume:
            self._parts({}).require_free(overwrite=self.overwrite)

    def repeatable(self) -> FramesJob[InputsT]:
        """See `Job.repeatable`."""
        return replace(self, resume=self.resume or not self.overwrite, overwrite=True)

    def _parts(self, run: Mapping[str, object]) -> Parts:
        return Parts(self.output.with_name(f"{self.output.name}.parts"), run)

    def open(self) -> tuple[Video, Reference | None]:
        """Open the clip and its reference.

        Raises:
            EdlrrError: A file cannot be read, or the output cannot be written.
        """
        self.check()
        video = open_video(self.input, copied=COPIED)
        return video, None if self.reference is None else Reference(self.reference, video.info)

    def output_info(self, info: VideoInfo, *notes: str) -> VideoInfo:
        """Return the properties of the clip with notes on what the output cannot keep, and more."""
        suffix = self.output.suffix.lower()
        lost = video_losses(suffix, self.settings.encoding.codec, bits=info.bits, look=info.look)
        return replace(info, notes=(*info.notes, *copying_losses(self.input, suffix), *lost, *notes))

    def start_parts(self, **read: object) -> tuple[Parts, int]:
        """Return the parts, and the index of the first frame that is not in them; see `Parts.start`.

        Args:
            read: What else must be the same when a run goes on, beside settings, clip and reference.
        """
        identity = {
            **self.settings.as_record(),
            **read,
            "reference": self.reference and fingerprint(self.reference),
            "source": fingerprint(self.input),
            "version": __version__,
        }
        parts = self._parts(identity)
        return parts, parts.start(resume=self.resume, overwrite=self.overwrite)

    def video_writer(self, folder: Path, info: VideoInfo) -> AbstractContextManager[VideoWriter]:
        """Open the video of a part."""
        return write_video(
            folder / self.frames_name,
            size_px=info.size_px,
            frame_rate=info.frame_rate,
            codec=self.settings.encoding.codec,
            quality=self.settings.encoding.crf,
            deep=info.peak > 255,
            look=info.look,
        )

    def compute(self, inputs: InputsT, monitor: Monitor) -> str:
        """Write the frames into parts as they are restored, and return the device."""
        with inputs.parts.reporting_kept():
            frames, write = self.start(inputs)
            for note in inputs.info.notes:
                monitor.note(self.input, note)
            with monitor.progress("frame", total=inputs.info.num_frames, done=inputs.first) as advance:
                inputs.parts.record(counted(frames, advance, inputs.first), write)
        return str(frames.device)

    def write(self, inputs: InputsT, result: str, monitor: Monitor) -> Record:
        """Publish the clip and return the record."""
        parts, info = inputs.parts, inputs.info
        with parts.reporting_kept():
            finished = parts.finished
            join_videos(
                [(part.folder / self.frames_name, part.begin) for part in finished],
                self.output,
                source=self.input,
                start=info.start,
            )
            seconds = time.perf_counter() - inputs.started
            record = self.describe(inputs, finished, device=result, seconds=seconds)
            shown = load_preview_frames([part.folder for part in finished])
        parts.discard()
        for note in record["notes"][len(info.notes) :]:
            monitor.note(self.input, note)
        if not self.with_previews:
            return record
        return {**record, "comparisons": [self.compare(shown[index]) for index in sorted(shown)]}
