"""The record of a clip's restoration, and its readable lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean, median

from edlrr_cli import __version__
from edlrr_cli.media.video import VideoInfo
from edlrr_cli.pipelines.clips.reference import psnr_of
from edlrr_cli.pipelines.clips.settings import Settings
from edlrr_cli.pipelines.failures import Record
from edlrr_cli.pipelines.parts import Part


def clip_record(
    source: Path,
    output: Path,
    mask: Path | None,
    reference: Path | None,
    boxes: Sequence[str],
    settings: Settings,
    info: VideoInfo,
    parts: Sequence[Part],
    *,
    device: str,
    resumed_at: int,
    seconds: float,
) -> Record:
    """Return the record of a run; plain values by name.

    Args:
        resumed_at: First frame of this run of the program.
    """
    statistics = [part.statistics for part in parts]
    num_frames = sum(part.num_frames for part in parts)
    num_moving = sum(each["num_moving"] for each in statistics)
    shake_px = statistics[0]["shake_px"]
    # A resumed run has fitted the windows again.
    windows = {window["start"]: window for each in statistics for window in each["windows"]}
    return {
        "status": "ok",
        "input": str(source),
        "output": str(output),
        "mask": mask and str(mask),
        "boxes": list(boxes),
        "reference": reference and str(reference),
        "method": "lrr",
        "reg": settings.inpaint.config.reg,
        "device": device,
        "seed": settings.inpaint.config.seed,
        "frames": num_frames,
        "height_px": info.size_px[0],
        "width_px": info.size_px[1],
        "frame_rate": float(info.frame_rate),
        "missing_fraction": sum(each["missing"] for each in statistics) / num_frames,
        "revealed_fraction": fmean(window["revealed"] for window in windows.values()) if windows else None,
        "rank": median(window["rank"] for window in windows.values()) if windows else None,
        "num_windows": len(windows),
        "moving_frames": num_moving,
        "stabilized": shake_px is not None,
        "shake_px": shake_px,
        "psnr_missing": psnr_of([each["errors"] for each in statistics], info.peak),
        "resumed_at": resumed_at,
        "seconds": seconds,
        "frames_per_second": (num_frames - resumed_at) / seconds,
        "notes": [*info.notes, *_notes(num_frames, num_moving, shake_px, statistics)],
        "settings": settings.as_record(),
        "version": __version__,
    }


def _notes(
    num_frames: int, num_moving: int, shake_px: float | None, statistics: Sequence[Record]
) -> Iterator[str]:
    if shake_px is not None:
        yield (
            f"the camera shakes, by {shake_px:.1f} pixels in the median: "
            "the frames are registered to one view, from which the hole is filled"
        )
    if num_moving:
        yield (
            f"the camera moves, or most of the scene does, in {num_moving / num_frames:.0%} of the frames: "
            "there the hole is filled along the motion from neighboring frames"
        )
    if not any(each["missing"] for each in statistics):
        yield "no frame has a missing pixel; all are written as they are"


def clip_lines(record: Record) -> Iterator[tuple[str, str]]:
    """Yield the readable lines of a record: labels and texts."""
    yield "restored", f"{record['output']}"
    size = f"{record['width_px']} x {record['height_px']} pixels"
    yield "frames", f"{record['frames']} of {size}, {record['frame_rate']:.4g} a second"
    yield "missing", f"{100 * record['missing_fraction']:.3g} % of the pixels, mean over the frames"
    if record["revealed_fraction"] is not None:
        revealed = f"{record['revealed_fraction']:.0%} of the hole is seen in other frames"
        yield "background", f"{revealed}, rank {record['rank']:g}"
    if record["stabilized"]:
        yield "camera", f"shakes by {record['shake_px']:.1f} pixels; the frames are registered to one view"
    if record["moving_frames"]:
        yield "motion", f"{record['moving_frames']} frames filled along the motion of the whole scene"
    if record["psnr_missing"] is not None:
        yield "PSNR", f"missing pixels only {record['psnr_missing']:.2f} dB"
    resumed = f" from frame {record['resumed_at']} on" if record["resumed_at"] else ""
    speed = f"{record['frames_per_second']:.1f} frames/s"
    yield "done", f"{record['seconds']:.1f} s on {record['device']}{resumed}, {speed}"


def clip_line(record: Record) -> str:
    """Return the readable line of one clip of a batch."""
    return f"{record['frames']} frames, {record['seconds']:.1f} s on {record['device']}"
