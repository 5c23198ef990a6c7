"""One clip to restore, from the source to the published output."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from edlrr_cli.media.boxes import Box
from edlrr_cli.media.video_sources import fingerprint
from edlrr_cli.pipelines.clips.frames_job import FramesJob, OpenedClip
from edlrr_cli.pipelines.clips.holes import DamagedClip, damaged_clip
from edlrr_cli.pipelines.clips.panel import clip_panel, comparison_of
from edlrr_cli.pipelines.clips.record import clip_line, clip_lines, clip_record
from edlrr_cli.pipelines.clips.reference import SquaredErrors
from edlrr_cli.pipelines.clips.settings import Settings
from edlrr_cli.pipelines.failures import Record
from edlrr_cli.pipelines.job import Monitor
from edlrr_cli.pipelines.panel import Panel
from edlrr_cli.pipelines.parts import Part, WritePart
from edlrr_cli.pipelines.preview_frames import PreviewFrame, preview_indices, save_preview_frame
from edlrr_cli.tasks.clips.stream import ClipFilling, Filled


@dataclass(frozen=True, eq=False)
class Inputs(OpenedClip):
    """An opened clip with its holes."""

    clip: DamagedClip


@dataclass(frozen=True, kw_only=True)
class ClipJob(FramesJob[Inputs]):
    """A clip whose missing pixels are filled.

    Attributes:
        mask: An image for all frames, or a video, a folder or a pattern of masks; None: boxes only.
    """

    mask: Path | None
    boxes: tuple[Box, ...] = ()
    settings: Settings

    command = "inpaint"
    lines = staticmethod(clip_lines)
    line = staticmethod(clip_line)
    compare = staticmethod(comparison_of)

    @property
    def read_too(self) -> Sequence[Path | None]:
        """See `FramesJob.read_too`."""
        return self.mask, self.reference

    def read(self, monitor: Monitor) -> Inputs:
        """See `Job.read`."""
        started = time.perf_counter()
        video, reference = self.open()
        clip = damaged_clip(self.input, video, self.mask, self.boxes, self.settings.inpaint.mask)
        evidence = (f"mask: {clip.evidence}",) if clip.evidence else ()
        info = self.output_info(video.info, *evidence)
        boxes, mask = [box.text for box in self.boxes], self.mask and fingerprint(self.mask)
        return Inputs(started, video, reference, info, *self.start_parts(boxes=boxes, mask=mask), clip)

    def start(self, inputs: Inputs) -> tuple[ClipFilling, WritePart[Filled]]:
        """See `FramesJob.start`."""
        filling = ClipFilling(inputs.clip, self.settings.inpaint.config, start=inputs.first)
        return filling, _PartWriter(self, inputs, filling).write

    def describe(self, inputs: Inputs, parts: Sequence[Part], *, device: str, seconds: float) -> Record:
        """See `FramesJob.describe`."""
        return clip_record(
            self.input,
            self.output,
            self.mask,
            self.reference,
            [box.text for box in self.boxes],
            self.settings,
            inputs.info,
            parts,
            device=device,
            resumed_at=inputs.first,
            seconds=seconds,
        )

    @classmethod
    def panel(cls, record: Record, side_px: int) -> Panel:
        """See `Job.panel`."""
        return clip_panel(record)


class _PartWriter:
    """Writes the frames of a part, and some of them as previews."""

    def __init__(self, job: ClipJob, inputs: Inputs, filling: ClipFilling) -> None:
        self._job, self._info, self._filling = job, inputs.info, filling
        self._truth = None if inputs.reference is None else inputs.reference.frames(start=inputs.first)
        self._previews = set(preview_indices(inputs.info.num_frames))
        self._num_windows = 0

    def write(self, folder: Path, frames: Iterator[Filled], begin: Fraction) -> Record:
        """See `edlrr_cli.pipelines.parts.WritePart`."""
        missing: list[float] = []
        num_moving, errors = 0, SquaredErrors()
        with self._job.video_writer(folder, self._info) as video:
            for filled in frames:
                frame = filled.frame
                video.write(filled.pixels, frame.time - begin)
                missing.append(float(1 - frame.known.mean()))
                num_moving += filled.follows_motion
                if self._truth is not None:
                    errors.add(filled.pixels, next(self._truth), ~frame.known)
                if filled.index in self._previews:
                    hole = np.where(frame.known, 0, 255).astype(np.uint8)[..., None]
                    layers = {"damaged": frame.pixels, "restored": filled.pixels, "hole": hole}
                    save_preview_frame(folder, PreviewFrame(filled.index, float(frame.time), layers))
        windows = [asdict(note) for note in self._filling.notes[self._num_windows :]]
        self._num_windows += len(windows)
        return {
            "missing": sum(missing),
            "most_missing": max(missing),
            "num_moving": num_moving,
            "shake_px": self._filling.shake_px,
            "errors": asdict(errors),
            "windows": windows,
        }
