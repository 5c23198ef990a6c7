"""One clip to denoise, from the source to the published output."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from edlrr_cli.media.still_image import Levels
from edlrr_cli.media.video import Video
from edlrr_cli.pipelines.clips.job import ClipJob, OpenedClip
from edlrr_cli.pipelines.clips.reference import SquaredErrors
from edlrr_cli.pipelines.denoise_clips.record import clip_entries, clip_line, clip_lines
from edlrr_cli.pipelines.denoise_clips.settings import Settings
from edlrr_cli.pipelines.denoisers import load_denoiser
from edlrr_cli.pipelines.failures import Record
from edlrr_cli.pipelines.finished_video import FinishedVideo
from edlrr_cli.pipelines.panel import Comparison
from edlrr_cli.pipelines.preview_frames import PreviewFrame
from edlrr_cli.tasks.denoise.clips import ClipDenoising, Denoised
from edlrr_cli.tasks.denoise.network import Denoiser


@dataclass
class _Statistics:
    """See `edlrr_cli.pipelines.clips.job.Statistics`."""

    denoising: ClipDenoising
    num_temporal: int = 0
    num_moving: int = 0
    before: SquaredErrors = field(default_factory=SquaredErrors)
    after: SquaredErrors = field(default_factory=SquaredErrors)

    def add(self, computed: Denoised, truth: Levels | None) -> None:
        self.num_temporal += computed.is_still is not None
        self.num_moving += computed.is_still is False
        if truth is not None:
            everywhere = np.ones(truth.shape[:2], dtype=bool)
            self.before.add(computed.frame.pixels, truth, everywhere)
            self.after.add(computed.pixels, truth, everywhere)

    def as_record(self) -> Record:
        return {
            "temporal": self.num_temporal,
            "moving": self.num_moving,
            "errors_input": asdict(self.before),
            "errors": asdict(self.after),
        }


@dataclass(frozen=True, kw_only=True)
class DenoiseClipJob(ClipJob[Video, Denoised]):
    """A clip whose noise is removed.

    Attributes:
        model: Weights; None for the shipped ones.
    """

    settings: Settings
    model: Path | None = None

    command = "denoise"
    lines = staticmethod(clip_lines)
    line = staticmethod(clip_line)
    statistics = staticmethod(_Statistics)

    @property
    def own(self) -> dict[str, object]:
        """See `ClipJob.own`."""
        return {"model": self.model}

    def _denoiser(self) -> Denoiser | None:
        return load_denoiser(self.model) if self.settings.config.method == "network" else None

    def open_source(self, video: Video) -> tuple[Video, tuple[str, ...]]:
        """See `ClipJob.open_source`; faults of the weights are found before the work, too."""
        self._denoiser()
        return video, ()

    def frames(self, inputs: OpenedClip[Video]) -> ClipDenoising:
        """See `ClipJob.frames`."""
        return ClipDenoising(inputs.source, self.settings.config, self._denoiser(), start=inputs.first)

    @staticmethod
    def layers(computed: Denoised) -> dict[str, Levels]:
        """See `ClipJob.layers`."""
        return {"noisy": computed.frame.pixels, "denoised": computed.pixels}

    def describe(self, finished: FinishedVideo) -> tuple[Record, list[str]]:
        """See `ClipJob.describe`."""
        entries, notes = clip_entries(finished, self.settings.config)
        return {"reference": self.reference, **self.own, **entries}, notes

    @staticmethod
    def compare(shown: PreviewFrame, record: Record) -> Comparison:
        """See `VideoJob.compare`."""
        return Comparison([shown.layer("noisy")], [shown.layer("denoised")], caption=shown.caption)
