"""One clip to restore, from the source to the published output."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from edlrr_cli.media.boxes import Box
from edlrr_cli.media.preview import hole_preview
from edlrr_cli.media.still_image import Levels
from edlrr_cli.media.video import Video
from edlrr_cli.pipelines.clips.job import ClipJob, OpenedClip
from edlrr_cli.pipelines.clips.reference import SquaredErrors
from edlrr_cli.pipelines.failures import Record
from edlrr_cli.pipelines.finished_video import FinishedVideo
from edlrr_cli.pipelines.inpaint_clips.holes import DamagedClip, damaged_clip
from edlrr_cli.pipelines.inpaint_clips.record import clip_entries, clip_line, clip_lines, clip_notes
from edlrr_cli.pipelines.inpaint_clips.settings import Settings
from edlrr_cli.pipelines.panel import Comparison, Layer
from edlrr_cli.pipelines.preview_frames import SIDE_PX, PreviewFrame
from edlrr_cli.tasks.clips.stream import ClipFilling, Filled


@dataclass
class _Statistics:
    """See `edlrr_cli.pipelines.clips.job.Statistics`.

    Attributes:
        missing: Sum of the missing fractions of the frames.
    """

    filling: ClipFilling
    missing: float = 0.0
    num_moving: int = 0
    errors: SquaredErrors = field(default_factory=SquaredErrors)

    def add(self, computed: Filled, truth: Levels | None) -> None:
        known = computed.frame.known
        self.missing += float(1 - known.mean())
        self.num_moving += computed.follows_motion
        if truth is not None:
            self.errors.add(computed.pixels, truth, ~known)

    def as_record(self) -> Record:
        return {
            "missing": self.missing,
            "num_moving": self.num_moving,
            "shake_px": self.filling.shake_px,
            "errors": asdict(self.errors),
        }


@dataclass(frozen=True, kw_only=True)
class InpaintClipJob(ClipJob[DamagedClip, Filled]):
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
    statistics = staticmethod(_Statistics)

    @property
    def own(self) -> dict[str, object]:
        """See `ClipJob.own`."""
        return {"mask": self.mask, "boxes": [box.text for box in self.boxes]}

    def open_source(self, video: Video) -> tuple[DamagedClip, tuple[str, ...]]:
        """See `ClipJob.open_source`."""
        clip = damaged_clip(self.input, video, self.mask, self.boxes, self.settings.inpaint.mask)
        return clip, (f"mask: {clip.evidence}",) if clip.evidence else ()

    def frames(self, inputs: OpenedClip[DamagedClip]) -> ClipFilling:
        """See `ClipJob.frames`."""
        return ClipFilling(inputs.source, self.settings.inpaint.config, start=inputs.first)

    @staticmethod
    def layers(computed: Filled) -> dict[str, Levels]:
        """See `ClipJob.layers`."""
        hole = np.where(computed.frame.known, 0, 255).astype(np.uint8)[..., None]
        return {"damaged": computed.frame.pixels, "restored": computed.pixels, "hole": hole}

    def describe(self, finished: FinishedVideo) -> tuple[Record, list[str]]:
        """See `ClipJob.describe`."""
        entries = clip_entries(finished, self.settings.inpaint.config)
        return {**self.own, "reference": self.reference, **entries}, list(clip_notes(entries))

    @staticmethod
    def compare(shown: PreviewFrame, record: Record) -> Comparison:
        """See `VideoJob.compare`."""
        known = shown.layers["hole"][..., 0] == 0
        hole = Layer("show the mask", hole_preview(known, SIDE_PX))
        caption = f"{shown.caption}, {1 - known.mean():.2%} missing"
        return Comparison([shown.layer("damaged")], [shown.layer("restored")], hole, caption=caption)
