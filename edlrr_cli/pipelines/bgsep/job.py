"""One video to split, from the source to the published outputs."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

from edlrr_cli import __version__
from edlrr_cli.media.video import Video, VideoInfo
from edlrr_cli.media.video_cut import excerpt_suffix
from edlrr_cli.media.video_sources import fingerprint, open_video
from edlrr_cli.media.video_streams import copying_losses
from edlrr_cli.media.video_writer import video_losses
from edlrr_cli.pipelines.bgsep.outputs import Outputs
from edlrr_cli.pipelines.bgsep.panel import bgsep_panel, comparison_of
from edlrr_cli.pipelines.bgsep.record import IN_FILE_ONLY, bgsep_line, bgsep_lines, bgsep_record
from edlrr_cli.pipelines.bgsep.recorder import assemble, record_parts
from edlrr_cli.pipelines.bgsep.scene import Bools, Floats, SceneFiles
from edlrr_cli.pipelines.bgsep.settings import Settings
from edlrr_cli.pipelines.bgsep.tables import events_of
from edlrr_cli.pipelines.failures import Record
from edlrr_cli.pipelines.job import Job, Monitor, counted
from edlrr_cli.pipelines.panel import Panel
from edlrr_cli.pipelines.parts import PARTS, Parts
from edlrr_cli.tasks.bgsep.stream import Separation


@dataclass(frozen=True, eq=False)
class Inputs:
    """An opened source, and the parts that are finished already.

    Attributes:
        started: When the job was started, of `time.perf_counter`.
        info: Properties of the video, with notes on what the layers cannot keep.
        first: Index of the first frame that is not in it.
        ignored: Pixels that never count, shape (h, w); None for none.
        background: The empty scene; None to estimate it.
    """

    started: float
    video: Video
    info: VideoInfo
    parts: Parts
    first: int
    ignored: Bools | None
    background: Floats | None

    @property
    def ignored_fraction(self) -> float:
        """Return the fraction of the pixels that never count."""
        return 0.0 if self.ignored is None else float(self.ignored.mean())


@dataclass(frozen=True, kw_only=True)
class BgsepJob(Job[Inputs, str]):
    """A video to split; ``output`` is the folder of its results, made if its parent exists.

    Attributes:
        scene: What is known about the scene.
        resume: Continue after the finished parts of an interrupted run; ``overwrite`` replaces them.
        with_previews: Return some frames with the record, as ``comparisons``.
    """

    settings: Settings
    scene: SceneFiles = field(default_factory=SceneFiles)
    resume: bool = False
    with_previews: bool = False

    command = "bgsep"
    unit = "video"
    unprinted = (*IN_FILE_ONLY, "comparisons")
    continue_with = "--skip-existing --resume"
    lines = staticmethod(bgsep_lines)
    line = staticmethod(bgsep_line)

    @property
    def _outputs(self) -> Outputs:
        return Outputs(self.output, self.settings.encoding, self.settings.tables)

    def is_done(self) -> bool:
        """See `Job.is_done`."""
        return self._outputs.complete

    def check(self) -> None:
        """See `Job.check`."""
        self._outputs.check(self.input, *self.scene.given, overwrite=self.overwrite)
        if not self.resume:
            Parts(self.output / PARTS, {}, is_inside=True).require_free(overwrite=self.overwrite)

    def repeatable(self) -> BgsepJob:
        """See `Job.repeatable`."""
        return replace(self, resume=self.resume or not self.overwrite, overwrite=True)

    def read(self, monitor: Monitor) -> Inputs:
        """See `Job.read`."""
        started = time.perf_counter()
        self._outputs.check(self.input, *self.scene.given, overwrite=self.overwrite)
        video = open_video(self.input)
        encoding, info = self.settings.encoding, video.info
        lost = video_losses(encoding.suffix, encoding.codec, bits=info.bits, look=info.look)
        if self.settings.tables.event_clips:
            lost = (*lost, *copying_losses(self.input, excerpt_suffix(self.input)))
        info = replace(info, notes=(*info.notes, *lost))
        ignored, background = self.scene.read_ignored(info), self.scene.read_background(info)
        identity = {
            **self.settings.as_record(),
            **self.scene.fingerprints(),
            "source": fingerprint(self.input),
            "version": __version__,
        }
        parts = Parts(self.output / PARTS, identity, is_inside=True)
        first = parts.start(resume=self.resume, overwrite=self.overwrite)
        return Inputs(started, video, info, parts, first, ignored, background)

    def compute(self, inputs: Inputs, monitor: Monitor) -> str:
        """Write the frames into parts as they are split, and return the device."""
        info, parts = inputs.info, inputs.parts
        with parts.reporting_kept():
            separation = Separation(
                inputs.video,
                self.settings.config,
                start=inputs.first,
                ignored=inputs.ignored,
                background=inputs.background,
            )
            for note in info.notes:
                monitor.note(self.input, note)
            with monitor.progress("frame", total=info.num_frames, done=inputs.first) as advance:
                splits = counted(separation, advance, inputs.first)
                record_parts(splits, separation, parts, self._outputs, info)
        return str(separation.device)

    def write(self, inputs: Inputs, result: str, monitor: Monitor) -> Record:
        """Publish the outputs and return the record, that of the report's file."""
        parts, info, tables = inputs.parts, inputs.info, self.settings.tables
        with parts.reporting_kept():
            finished = parts.finished
            events = events_of(finished, tables, info) if tables.lists_events else []
            record = bgsep_record(
                self.input,
                self.scene,
                self._outputs,
                self.settings,
                info,
                finished,
                ignored_fraction=inputs.ignored_fraction,
                num_events=len(events) if tables.lists_events else None,
                device=result,
                resumed_at=inputs.first,
                seconds=time.perf_counter() - inputs.started,
            )
            for note in record["notes"][len(info.notes) :]:
                monitor.note(self.input, note)
            frames = assemble(parts, self._outputs, record, events, source=self.input, info=info)
        if not self.with_previews:
            return record
        fractions = record["foreground_fractions"]
        return {**record, "comparisons": [comparison_of(frame, fractions[frame.index]) for frame in frames]}

    @classmethod
    def panel(cls, record: Record, side_px: int) -> Panel:
        """See `Job.panel`."""
        return bgsep_panel(record)
