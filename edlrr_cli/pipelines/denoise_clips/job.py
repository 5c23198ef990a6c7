"""One clip to denoise, from the source to the published output."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from edlrr_cli.media.video_sources import fingerprint
from edlrr_cli.pipelines.clips.frames_job import FramesJob, OpenedClip
from edlrr_cli.pipelines.clips.panel import layer_of
from edlrr_cli.pipelines.clips.reference import SquaredErrors
from edlrr_cli.pipelines.denoise_clips.record import denoise_line, denoise_lines, denoise_record
from edlrr_cli.pipelines.denoise_clips.settings import Settings
from edlrr_cli.pipelines.denoisers import load_denoiser
from edlrr_cli.pipelines.failures import Record
from edlrr_cli.pipelines.job import Monitor
from edlrr_cli.pipelines.panel import Comparison, Panel
from edlrr_cli.pipelines.parts import Part, WritePart
from edlrr_cli.pipelines.preview_frames import PreviewFrame, preview_indices, save_preview_frame
from edlrr_cli.tasks.denoise.clips import ClipDenoising, Denoised


@dataclass(frozen=True, kw_only=True)
class DenoiseClipJob(FramesJob[OpenedClip]):
    """A clip whose noise is removed.

    Attributes:
        model: Weights; None for the shipped ones.
    """

    settings: Settings
    model: Path | None = None

    command = "denoise"
    lines = staticmethod(denoise_lines)
    line = staticmethod(denoise_line)

    @property
    def read_too(self) -> Sequence[Path | None]:
        """See `FramesJob.read_too`."""
        return self.reference, self.model

    def read(self, monitor: Monitor) -> OpenedClip:
        """See `Job.read`."""
        started = time.perf_counter()
        video, reference = self.open()
        if self.settings.config.method == "network":
            load_denoiser(self.model)
        info = self.output_info(video.info)
        model = self.model and fingerprint(self.model)
        return OpenedClip(started, video, reference, info, *self.start_parts(model=model))

    def start(self, inputs: OpenedClip) -> tuple[ClipDenoising, WritePart[Denoised]]:
        """See `FramesJob.start`."""
        config = self.settings.config
        denoiser = load_denoiser(self.model) if config.method == "network" else None
        frames = ClipDenoising(inputs.video, config, denoiser, start=inputs.first)
        return frames, _PartWriter(self, inputs, frames).write

    def describe(self, inputs: OpenedClip, parts: Sequence[Part], *, device: str, seconds: float) -> Record:
        """See `FramesJob.describe`."""
        return denoise_record(
            self.input,
            self.output,
            self.reference,
            self.model,
            self.settings,
            inputs.info,
            parts,
            device=device,
            resumed_at=inputs.first,
            seconds=seconds,
        )

    @staticmethod
    def compare(shown: PreviewFrame) -> Comparison:
        """See `FramesJob.compare`."""
        caption = f"frame {shown.index}, {shown.time_s:.2f} s"
        return Comparison([layer_of(shown, "noisy")], [layer_of(shown, "denoised")], caption=caption)

    @classmethod
    def panel(cls, record: Record, side_px: int) -> Panel:
        """See `Job.panel`."""
        return Panel(lambda: record["comparisons"], list(cls.lines(record)))


class _PartWriter:
    """Writes the frames of a part, and some of them as previews."""

    def __init__(self, job: DenoiseClipJob, inputs: OpenedClip, denoising: ClipDenoising) -> None:
        self._job, self._info, self._denoising = job, inputs.info, denoising
        self._truth = None if inputs.reference is None else inputs.reference.frames(start=inputs.first)
        self._previews = set(preview_indices(inputs.info.num_frames))
        self._num_windows = 0

    def write(self, folder: Path, frames: Iterator[Denoised], begin: Fraction) -> Record:
        """See `edlrr_cli.pipelines.parts.WritePart`."""
        num_temporal, num_moving = 0, 0
        before, after = SquaredErrors(), SquaredErrors()
        everywhere = np.ones(self._info.size_px, dtype=bool)
        with self._job.video_writer(folder, self._info) as video:
            for denoised in frames:
                frame = denoised.frame
                video.write(denoised.pixels, frame.time - begin)
                num_temporal += denoised.is_still is not None
                num_moving += denoised.is_still is False
                if self._truth is not None:
                    truth = next(self._truth)
                    before.add(frame.pixels, truth, everywhere)
                    after.add(denoised.pixels, truth, everywhere)
                if denoised.index in self._previews:
                    layers = {"noisy": frame.pixels, "denoised": denoised.pixels}
                    save_preview_frame(folder, PreviewFrame(denoised.index, float(frame.time), layers))
        windows = self._denoising.windows[self._num_windows :]
        self._num_windows += len(windows)
        return {
            "temporal": num_temporal,
            "moving": num_moving,
            "errors_input": asdict(before),
            "errors": asdict(after),
            "windows": [(start, asdict(noise)) for start, noise in windows],
        }
