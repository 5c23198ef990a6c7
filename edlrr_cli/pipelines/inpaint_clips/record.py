"""The record of a clip's restoration, and its readable lines."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean, median

from edlrr_cli.pipelines.clips.reference import psnr_of
from edlrr_cli.pipelines.failures import Record
from edlrr_cli.pipelines.finished_video import FinishedVideo, moving_note, size_line, speed_line
from edlrr_cli.tasks.inpaint.config import Config


def clip_entries(finished: FinishedVideo, config: Config) -> Record:
    """Return the entries of a run that only this command has; plain values by name."""
    statistics, windows = finished.statistics, finished.windows
    shake_px = statistics[0]["shake_px"]
    return {
        "method": "lrr",
        "reg": config.reg,
        "device": finished.device,
        "seed": config.seed,
        **finished.size,
        "missing_fraction": sum(each["missing"] for each in statistics) / finished.num_frames,
        "revealed_fraction": fmean(window["revealed"] for window in windows) if windows else None,
        "rank": median(window["rank"] for window in windows) if windows else None,
        "num_windows": len(windows),
        "moving_frames": sum(each["num_moving"] for each in statistics),
        "stabilized": shake_px is not None,
        "shake_px": shake_px,
        "psnr_missing": psnr_of([each["errors"] for each in statistics], finished.info.peak),
    }


def clip_notes(entries: Record) -> Iterator[str]:
    """Yield a phrase for each property of the clip that changes how it is filled."""
    if entries["shake_px"] is not None:
        yield (
            f"the camera shakes, by {entries['shake_px']:.1f} pixels in the median: "
            "the frames are registered to one view, from which the hole is filled"
        )
    yield from moving_note(entries, "the hole is filled along the motion from neighboring frames")
    if not entries["missing_fraction"]:
        yield "no frame has a missing pixel; all are written as they are"


def clip_lines(record: Record) -> Iterator[tuple[str, str]]:
    """Yield the readable lines of a record: labels and texts."""
    yield "restored", f"{record['output']}"
    yield size_line(record)
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
    yield speed_line(record)


def clip_line(record: Record) -> str:
    """Return the readable line of one clip of a batch."""
    return f"{record['frames']} frames, {record['seconds']:.1f} s on {record['device']}"
