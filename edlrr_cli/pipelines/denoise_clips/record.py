"""The record of a clip's denoising, and its readable lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from edlrr_cli import __version__
from edlrr_cli.media.video import VideoInfo
from edlrr_cli.pipelines.clips.reference import psnr_of
from edlrr_cli.pipelines.denoise_clips.settings import Settings
from edlrr_cli.pipelines.failures import Record
from edlrr_cli.pipelines.noise_levels import NOISE_LEVELS
from edlrr_cli.pipelines.parts import Part
from edlrr_cli.tasks.denoise.clip_noise import typical_noise
from edlrr_cli.tasks.denoise.noise_type import Noise
from edlrr_cli.tasks.denoise.run import notes_on


def denoise_record(
    source: Path,
    output: Path,
    reference: Path | None,
    model: Path | None,
    settings: Settings,
    info: VideoInfo,
    parts: Sequence[Part],
    *,
    device: str,
    resumed_at: int,
    seconds: float,
) -> Record:
    """Return the record of a run; plain values by name, noise on 0..255, None for what does not apply.

    Args:
        resumed_at: First frame of this run of the program.
    """
    config = settings.config
    statistics = [part.statistics for part in parts]
    num_frames = sum(part.num_frames for part in parts)
    # A resumed run has estimated the noise of a window again.
    windows = dict(pair for each in statistics for pair in each["windows"])
    noises = [Noise(**windows[start]) for start in sorted(windows)]
    noise = typical_noise(noises)
    num_temporal, num_moving = (sum(each[name] for each in statistics) for name in ("temporal", "moving"))
    levels = [round(each.sigma * NOISE_LEVELS, 3) for each in noises]
    is_estimated = config.sigma is None
    return {
        "status": "ok",
        "input": str(source),
        "output": str(output),
        "reference": reference and str(reference),
        "model": model and str(model),
        "method": config.method,
        "reg": config.penalty if config.method == "lrr" else None,
        "sigma": round(noise.sigma * NOISE_LEVELS, 3),
        "sigma_range": [min(levels), max(levels)],
        "sigma_estimated": is_estimated,
        "noise_type": noise.kind if is_estimated else None,
        "correlation_px": round(noise.correlation_px, 2) if is_estimated else None,
        "device": device,
        "frames": num_frames,
        "height_px": info.size_px[0],
        "width_px": info.size_px[1],
        "frame_rate": float(info.frame_rate),
        "temporal_frames": num_temporal,
        "moving_frames": num_moving,
        "psnr_input": psnr_of([each["errors_input"] for each in statistics], info.peak),
        "psnr": psnr_of([each["errors"] for each in statistics], info.peak),
        "resumed_at": resumed_at,
        "seconds": seconds,
        "frames_per_second": (num_frames - resumed_at) / seconds,
        "notes": [*info.notes, *notes_on(noise, config), *_notes(num_moving, num_frames)],
        "settings": settings.as_record(),
        "version": __version__,
    }


def _notes(num_moving: int, num_frames: int) -> Iterator[str]:
    if num_moving:
        yield (
            f"the camera moves, or most of the scene does, in {num_moving / num_frames:.0%} of the frames: "
            "there the frames are not averaged over time"
        )


def denoise_lines(record: Record) -> Iterator[tuple[str, str]]:
    """Yield the readable lines of a record: labels and texts."""
    yield "denoised", f"{record['output']}"
    size = f"{record['width_px']} x {record['height_px']} pixels"
    yield "frames", f"{record['frames']} of {size}, {record['frame_rate']:.4g} a second"
    yield "noise", _noise(record)
    if record["psnr"] is not None:
        yield "PSNR", f"{record['psnr_input']:.2f} -> {record['psnr']:.2f} dB"
    method = record["method"] if record["reg"] is None else f"{record['method']} ({record['reg']})"
    if record["temporal_frames"]:
        method += f", {record['temporal_frames']} frames with their neighbors"
    yield "method", method
    resumed = f" from frame {record['resumed_at']} on" if record["resumed_at"] else ""
    speed = f"{record['frames_per_second']:.1f} frames/s"
    yield "done", f"{record['seconds']:.1f} s on {record['device']}{resumed}, {speed}"


def _noise(record: Record) -> str:
    least, most = record["sigma_range"]
    spread = f", {least:.1f} .. {most:.1f}" if f"{least:.1f}" != f"{most:.1f}" else ""
    origin = f"estimated, {record['noise_type']}" if record["sigma_estimated"] else "as given"
    strength = record["settings"]["strength"]
    return f"sigma {record['sigma']:.1f}{spread} ({origin})" + ("" if strength == 1 else f" x {strength:g}")


def denoise_line(record: Record) -> str:
    """Return the readable line of one clip of a batch."""
    quality = "" if record["psnr"] is None else f"PSNR {record['psnr']:.2f} dB, "
    return (
        f"{quality}noise {record['sigma']:.3g}, {record['frames']} frames, "
        f"{record['seconds']:.1f} s on {record['device']}"
    )
