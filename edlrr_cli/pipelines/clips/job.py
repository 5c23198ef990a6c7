"""One clip to restore, from the source to the published output."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from edlrr_cli import __version__
from edlrr_cli.media.boxes import Box
from edlrr_cli.media.files import check_target
from edlrr_cli.media.still_image import Levels
from edlrr_cli.media.video import VideoInfo
from edlrr_cli.media.video_join import join_videos
from edlrr_cli.media.video_sources import fingerprint, open_video
from edlrr_cli.media.video_streams import COPIED, copying_losses
from edlrr_cli.media.video_writer import video_losses, write_video
from edlrr_cli.pipelines.clips.holes import DamagedClip, damaged_clip
from edlrr_cli.pipelines.clips.panel import clip_panel, comparison_of
from edlrr_cli.pipelines.clips.record import clip_line, clip_lines, clip_record
from edlrr_cli.pipelines.clips.reference import Reference, SquaredErrors
from edlrr_cli.pipelines.clips.settings import Settings
from edlrr_cli.pipelines.failures import Record
from edlrr_cli.pipelines.job import Job, Monitor, counted
from edlrr_cli.pipelines.panel import Panel
from edlrr_cli.pipelines.parts import Parts
from edlrr_cli.pipelines.preview_frames import (
    PreviewFrame,
    load_preview_frames,
    preview_indices,
    save_preview_frame,
)
from edlrr_cli.tasks.clips.stream import ClipFilling, Filled


@dataclass(frozen=True, eq=False)
class Inputs:
    """An opened clip, and the parts that are finished already.

    Attributes:
        started: When the job was started, of `time.perf_counter`.
        reference: The clean frames; None without any.
        info: Properties of the clip, with notes on what the output cannot keep.
        first: Index of the first frame that is not in the parts.
    """

    started: float
    clip: DamagedClip
    reference: Reference | None
    info: VideoInfo
    parts: Parts
    first: int


@dataclass(frozen=True, kw_only=True)
class ClipJob(Job[Inputs, str]):
    """A clip whose missing pixels are filled.

    Attributes:
        mask: An image for all frames, or a video, a folder or a pattern of masks; None: boxes only.
        reference: The clean clip, to measure the PSNR in the hole.
        resume: Continue after the finished parts of an interrupted run; ``overwrite`` replaces them.
        with_previews: Return some frames with the record, as ``comparisons``.
    """

    mask: Path | None
    boxes: tuple[Box, ...] = ()
    settings: Settings
    reference: Path | None = None
    resume: bool = False
    with_previews: bool = False

    command = "inpaint"
    unit = "clip"
    unprinted = ("comparisons",)
    continue_with = "--skip-existing --resume"
    lines = staticmethod(clip_lines)
    line = staticmethod(clip_line)

    def check(self) -> None:
        """See `Job.check`."""
        self.settings.encoding.check(self.output)
        check_target(
            self.output, *filter(None, (self.input, self.mask, self.reference)), overwrite=self.overwrite
        )
        if not self.resume:
            self._parts({}).require_free(overwrite=self.overwrite)

    def repeatable(self) -> ClipJob:
        """See `Job.repeatable`."""
        return replace(self, resume=self.resume or not self.overwrite, overwrite=True)

    def _parts(self, identity: Record) -> Parts:
        return Parts(self.output.with_name(f"{self.output.name}.parts"), identity)

    def read(self, monitor: Monitor) -> Inputs:
        """See `Job.read`."""
        started = time.perf_counter()
        self.check()
        video = open_video(self.input, copied=COPIED)
        clip = damaged_clip(self.input, video, self.mask, self.boxes, self.settings.inpaint.mask)
        reference = None if self.reference is None else Reference(self.reference, video.info)
        encoding, info = self.settings.encoding, video.info
        suffix = self.output.suffix.lower()
        lost = video_losses(suffix, encoding.codec, bits=info.bits, look=info.look)
        evidence = (f"mask: {clip.evidence}",) if clip.evidence else ()
        notes = (*info.notes, *copying_losses(self.input, suffix), *lost, *evidence)
        info = replace(info, notes=notes)
        identity = {
            **self.settings.as_record(),
            "boxes": [box.text for box in self.boxes],
            "mask": self.mask and fingerprint(self.mask),
            "reference": self.reference and fingerprint(self.reference),
            "source": fingerprint(self.input),
            "version": __version__,
        }
        parts = self._parts(identity)
        first = parts.start(resume=self.resume, overwrite=self.overwrite)
        return Inputs(started, clip, reference, info, parts, first)

    def compute(self, inputs: Inputs, monitor: Monitor) -> str:
        """Write the frames into parts as they are restored, and return the device."""
        with inputs.parts.reporting_kept():
            filling = ClipFilling(inputs.clip, self.settings.inpaint.config, start=inputs.first)
            for note in inputs.info.notes:
                monitor.note(self.input, note)
            with monitor.progress("frame", total=inputs.info.num_frames, done=inputs.first) as advance:
                frames = counted(filling, advance, inputs.first)
                truth = None if inputs.reference is None else inputs.reference.frames(start=inputs.first)
                writer = _PartWriter(self.output.suffix.lower(), self.settings, inputs.info, filling, truth)
                inputs.parts.record(frames, writer.write)
        return str(filling.device)

    def write(self, inputs: Inputs, result: str, monitor: Monitor) -> Record:
        """Publish the clip and return the record."""
        parts, info = inputs.parts, inputs.info
        with parts.reporting_kept():
            finished = parts.finished
            name = f"frames{self.output.suffix.lower()}"
            join_videos(
                [(part.folder / name, part.begin) for part in finished],
                self.output,
                source=self.input,
                start=info.start,
            )
            record = clip_record(
                self.input,
                self.output,
                self.mask,
                self.reference,
                [box.text for box in self.boxes],
                self.settings,
                info,
                finished,
                device=result,
                resumed_at=inputs.first,
                seconds=time.perf_counter() - inputs.started,
            )
            frames = load_preview_frames([part.folder for part in finished])
        parts.discard()
        for note in record["notes"][len(info.notes) :]:
            monitor.note(self.input, note)
        if not self.with_previews:
            return record
        return {**record, "comparisons": [comparison_of(frames[index]) for index in sorted(frames)]}

    @classmethod
    def panel(cls, record: Record, side_px: int) -> Panel:
        """See `Job.panel`."""
        return clip_panel(record)


class _PartWriter:
    """Writes the frames of a part, and some of them as previews."""

    def __init__(
        self,
        suffix: str,
        settings: Settings,
        info: VideoInfo,
        filling: ClipFilling,
        truth: Iterator[Levels] | None,
    ) -> None:
        self._suffix, self._settings, self._info, self._filling = suffix, settings, info, filling
        self._truth = truth
        self._previews = set(preview_indices(info.num_frames))
        self._num_windows = 0

    def write(self, folder: Path, frames: Iterator[Filled], begin: Fraction) -> Record:
        """See `edlrr_cli.pipelines.parts.WritePart`."""
        info, encoding = self._info, self._settings.encoding
        missing: list[float] = []
        num_moving, errors = 0, SquaredErrors()
        with write_video(
            folder / f"frames{self._suffix}",
            size_px=info.size_px,
            frame_rate=info.frame_rate,
            codec=encoding.codec,
            quality=encoding.crf,
            deep=info.peak > 255,
            look=info.look,
        ) as video:
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
