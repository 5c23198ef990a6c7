"""One video to split, from the source to the published outputs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from edlrr_cli.media.video import Video
from edlrr_cli.media.video_cut import excerpt_suffix
from edlrr_cli.media.video_sources import open_video
from edlrr_cli.media.video_streams import copying_losses
from edlrr_cli.media.video_writer import video_losses
from edlrr_cli.pipelines.bgsep.outputs import Outputs
from edlrr_cli.pipelines.bgsep.panel import bgsep_panel
from edlrr_cli.pipelines.bgsep.record import IN_FILE_ONLY, bgsep_line, bgsep_lines, bgsep_record
from edlrr_cli.pipelines.bgsep.recorder import assemble, write_part
from edlrr_cli.pipelines.bgsep.scene import Bools, Floats, SceneFiles
from edlrr_cli.pipelines.bgsep.settings import Settings
from edlrr_cli.pipelines.bgsep.tables import events_of
from edlrr_cli.pipelines.failures import Record
from edlrr_cli.pipelines.job import Monitor
from edlrr_cli.pipelines.panel import Comparison, Panel
from edlrr_cli.pipelines.parts import PARTS, Parts, WritePart
from edlrr_cli.pipelines.preview_frames import PreviewFrame
from edlrr_cli.pipelines.video_job import OpenedVideo, VideoJob
from edlrr_cli.tasks.bgsep.stream import Separation, Split


@dataclass(frozen=True, eq=False)
class Inputs(OpenedVideo):
    """An opened source.

    Attributes:
        ignored: Pixels that never count, shape (h, w); None for none.
        background: The empty scene; None to estimate it.
    """

    source: Video
    ignored: Bools | None
    background: Floats | None

    @property
    def ignored_fraction(self) -> float:
        """Return the fraction of the pixels that never count."""
        return 0.0 if self.ignored is None else float(self.ignored.mean())


@dataclass(frozen=True, kw_only=True)
class BgsepJob(VideoJob[Inputs, Split]):
    """A video to split; ``output`` is the folder of its results, made if its parent exists.

    Attributes:
        scene: What is known about the scene.
    """

    settings: Settings
    scene: SceneFiles = field(default_factory=SceneFiles)

    command = "bgsep"
    unprinted = (*IN_FILE_ONLY, *VideoJob.unprinted)
    lines = staticmethod(bgsep_lines)
    line = staticmethod(bgsep_line)

    @property
    def _outputs(self) -> Outputs:
        return Outputs(self.output, self.settings.encoding, self.settings.tables)

    def is_done(self) -> bool:
        """See `Job.is_done`."""
        return self._outputs.complete

    def check_outputs(self) -> None:
        """See `VideoJob.check_outputs`."""
        self._outputs.check(self.input, *self.scene.given, overwrite=self.overwrite)

    def parts(self, run: Mapping[str, object]) -> Parts:
        """See `VideoJob.parts`."""
        return Parts(self.output / PARTS, run, is_inside=True)

    def read(self, monitor: Monitor) -> Inputs:
        """See `Job.read`."""
        started = time.perf_counter()
        self.check_outputs()
        video = open_video(self.input)
        encoding, info = self.settings.encoding, video.info
        lost = video_losses(encoding.suffix, encoding.codec, bits=info.bits, look=info.look)
        if self.settings.tables.event_clips:
            lost = (*lost, *copying_losses(self.input, excerpt_suffix(self.input)))
        info = replace(info, notes=(*info.notes, *lost))
        ignored, background = self.scene.read_ignored(info), self.scene.read_background(info)
        parts = self.start_parts(self.scene.fingerprints())
        return Inputs(started, info, *parts, video, ignored, background)

    def start(self, inputs: Inputs) -> tuple[Separation, WritePart[Split]]:
        """See `VideoJob.start`."""
        separation = Separation(
            inputs.source,
            self.settings.config,
            start=inputs.first,
            ignored=inputs.ignored,
            background=inputs.background,
        )
        return separation, partial(write_part, self._outputs, inputs.info, separation.num_counted)

    def publish(self, inputs: Inputs, device: str) -> tuple[Record, list[PreviewFrame]]:
        """See `VideoJob.publish`; the record is that of the report's file."""
        tables, info = self.settings.tables, inputs.info
        finished = self.finished(inputs, device)
        events = events_of(finished.parts, tables, info) if tables.lists_events else []
        record = bgsep_record(
            self.input,
            self.scene,
            self._outputs,
            self.settings,
            finished,
            ignored_fraction=inputs.ignored_fraction,
            num_events=len(events) if tables.lists_events else None,
        )
        shown = assemble(inputs.parts, self._outputs, record, events, source=self.input, info=info)
        return record, shown

    @staticmethod
    def compare(shown: PreviewFrame, record: Record) -> Comparison:
        """See `VideoJob.compare`."""
        frame, *layers = map(shown.layer, shown.layers)
        fraction = record["foreground_fractions"][shown.index]
        return Comparison([frame], layers, caption=f"{shown.caption}, {fraction:.2%} foreground")

    @classmethod
    def panel(cls, record: Record, side_px: int) -> Panel:
        """See `Job.panel`."""
        return bgsep_panel(record)
