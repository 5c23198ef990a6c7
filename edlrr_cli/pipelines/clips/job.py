"""A clip that is written frame by frame: its parts, what is copied from the source, and the output."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from edlrr_cli import __version__
from edlrr_cli.media.files import check_target
from edlrr_cli.media.still_image import Levels
from edlrr_cli.media.video import Video
from edlrr_cli.media.video_join import join_videos
from edlrr_cli.media.video_sources import fingerprint, open_video
from edlrr_cli.media.video_streams import COPIED, copying_losses
from edlrr_cli.media.video_writer import video_losses, write_video
from edlrr_cli.pipelines import video_job
from edlrr_cli.pipelines.clips.encoding import VideoEncoding
from edlrr_cli.pipelines.clips.reference import Reference
from edlrr_cli.pipelines.failures import Record
from edlrr_cli.pipelines.finished_video import FinishedVideo
from edlrr_cli.pipelines.job import Monitor
from edlrr_cli.pipelines.parts import Computed, Parts, WritePart
from edlrr_cli.pipelines.preview_frames import (
    PreviewFrame,
    load_preview_frames,
    preview_indices,
    save_preview_frame,
)
from edlrr_cli.pipelines.video_job import Frames, OpenedVideo, VideoJob


class ComputedFrame(Computed, Protocol):
    """A frame of the output."""

    @property
    def pixels(self) -> Levels:
        """Return the pixels, shape (h, w, c)."""


SourceT = TypeVar("SourceT")
FrameT = TypeVar("FrameT", bound=ComputedFrame)
FrameT_contra = TypeVar("FrameT_contra", bound=ComputedFrame, contravariant=True)


@dataclass(frozen=True, eq=False)
class OpenedClip(OpenedVideo, Generic[SourceT]):
    """An opened clip.

    Attributes:
        source: What the frames are computed from: the video, perhaps with more.
        reference: The clean frames; None without any.
    """

    source: SourceT
    reference: Reference | None


class Settings(video_job.Settings, Protocol):
    """The settings of a run."""

    @property
    def encoding(self) -> VideoEncoding:
        """Return the encoding of the output."""


class Statistics(Protocol[FrameT_contra]):
    """The statistics of a part, collected while its frames are written."""

    def add(self, computed: FrameT_contra, truth: Levels | None) -> None:
        """Add a frame, as it was computed and as it is in the reference."""

    def as_record(self) -> Record:
        """Return the statistics by name."""


@dataclass(frozen=True, kw_only=True)
class ClipJob(VideoJob[OpenedClip[SourceT], FrameT]):
    """A clip of which each frame is replaced; a subclass computes the frames.

    Attributes:
        reference: The clean clip, to measure the PSNR.
    """

    settings: Settings
    reference: Path | None = None

    unit = "clip"

    @property
    @abstractmethod
    def own(self) -> dict[str, object]:
        """Return what only this command is given, by name: files that it reads, or None, and values."""

    @abstractmethod
    def open_source(self, video: Video) -> tuple[SourceT, tuple[str, ...]]:
        """Return what the frames are computed from, and notes on how it was read."""

    @abstractmethod
    def frames(self, inputs: OpenedClip[SourceT]) -> Frames[FrameT]:
        """Return the frames that are not in the parts yet."""

    @staticmethod
    @abstractmethod
    def layers(computed: FrameT) -> dict[str, Levels]:
        """Return a frame before and after, for its preview."""

    @staticmethod
    @abstractmethod
    def statistics(frames: Any, /) -> Statistics[FrameT]:
        """Return empty statistics of a part of the frames."""

    @abstractmethod
    def describe(self, finished: FinishedVideo) -> tuple[Record, list[str]]:
        """Return the entries of the record that only this command has, and its notes."""

    @property
    def frames_name(self) -> str:
        """Return the name of the file of a part's frames."""
        return f"frames{self.output.suffix.lower()}"

    def check_outputs(self) -> None:
        """See `VideoJob.check_outputs`."""
        self.settings.encoding.check(self.output)
        given = (self.input, self.reference, *self.own.values())
        read = (path for path in given if isinstance(path, Path))
        check_target(self.output, *read, overwrite=self.overwrite)

    def parts(self, run: Mapping[str, object]) -> Parts:
        """See `VideoJob.parts`."""
        return Parts(self.output.with_name(f"{self.output.name}.parts"), run)

    def read(self, monitor: Monitor) -> OpenedClip[SourceT]:
        """See `Job.read`."""
        started = time.perf_counter()
        self.check()
        video = open_video(self.input, copied=COPIED)
        info, suffix = video.info, self.output.suffix.lower()
        reference = None if self.reference is None else Reference(self.reference, info)
        source, notes = self.open_source(video)
        lost = (
            *copying_losses(self.input, suffix),
            *video_losses(suffix, self.settings.encoding.codec, bits=info.bits, look=info.look),
        )
        given = {**self.own, "reference": self.reference}
        parts = self.start_parts(
            {name: fingerprint(each) if isinstance(each, Path) else each for name, each in given.items()}
        )
        info = replace(info, notes=(*info.notes, *lost, *notes))
        return OpenedClip(started, info, *parts, source, reference)

    def start(self, inputs: OpenedClip[SourceT]) -> tuple[Frames[FrameT], WritePart[FrameT]]:
        """See `VideoJob.start`."""
        info, encoding = inputs.info, self.settings.encoding
        frames = self.frames(inputs)
        truth = None if inputs.reference is None else inputs.reference.frames(start=inputs.first)
        previews = preview_indices(info.num_frames)

        def write(folder: Path, part: Iterator[FrameT], begin: Fraction) -> Record:
            statistics = self.statistics(frames)
            with write_video(
                folder / self.frames_name,
                size_px=info.size_px,
                frame_rate=info.frame_rate,
                codec=encoding.codec,
                quality=encoding.crf,
                deep=info.peak > 255,
                look=info.look,
            ) as video:
                for computed in part:
                    video.write(computed.pixels, computed.frame.time - begin)
                    statistics.add(computed, None if truth is None else next(truth))
                    if computed.index in previews:
                        time_s, layers = float(computed.frame.time), self.layers(computed)
                        save_preview_frame(folder, PreviewFrame(computed.index, time_s, layers))
            return statistics.as_record()

        return frames, write

    def publish(self, inputs: OpenedClip[SourceT], device: str) -> tuple[Record, list[PreviewFrame]]:
        """See `VideoJob.publish`."""
        parts = inputs.parts.finished
        join_videos(
            [(part.folder / self.frames_name, part.begin) for part in parts],
            self.output,
            source=self.input,
            start=inputs.info.start,
        )
        shown = load_preview_frames([part.folder for part in parts])
        finished = self.finished(inputs, device)
        entries, notes = self.describe(finished)
        record = {
            "status": "ok",
            "input": self.input,
            "output": self.output,
            **entries,
            **finished.speed,
            "notes": [*finished.info.notes, *notes],
            "settings": self.settings.as_record(),
            "version": __version__,
        }
        return record, [shown[index] for index in sorted(shown)]
