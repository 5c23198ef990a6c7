"""The record of a clip's denoising, and its readable lines."""

from __future__ import annotations

from collections.abc import Iterator

from edlrr_cli.pipelines.clips.reference import psnr_of
from edlrr_cli.pipelines.denoise.record import denoise_line, method_of, noise_entries, noise_line, psnr_line
from edlrr_cli.pipelines.failures import Record
from edlrr_cli.pipelines.finished_video import FinishedVideo, moving_note, size_line, speed_line
from edlrr_cli.pipelines.noise_levels import NOISE_LEVELS
from edlrr_cli.tasks.denoise.clip_noise import typical_noise
from edlrr_cli.tasks.denoise.config import Config
from edlrr_cli.tasks.denoise.noise_type import Noise
from edlrr_cli.tasks.denoise.run import notes_on


def clip_entries(finished: FinishedVideo, config: Config) -> tuple[Record, list[str]]:
    """Return the entries of a run that only this command has, plain values by name, and its notes."""
    statistics = finished.statistics
    noises = [Noise(**window["noise"]) for window in finished.windows]
    noise = typical_noise(noises)
    levels = [round(each.sigma * NOISE_LEVELS, 3) for each in noises]
    peak = finished.info.peak
    entries = {
        **noise_entries(noise, config, sigma_range=[min(levels), max(levels)]),
        "device": finished.device,
        **finished.size,
        "temporal_frames": sum(each["temporal"] for each in statistics),
        "moving_frames": sum(each["moving"] for each in statistics),
        "psnr_input": psnr_of([each["errors_input"] for each in statistics], peak),
        "psnr": psnr_of([each["errors"] for each in statistics], peak),
    }
    moving = moving_note(entries, "the frames are not averaged over time")
    return entries, [*notes_on(noise, config), *moving]


def clip_lines(record: Record) -> Iterator[tuple[str, str]]:
    """Yield the readable lines of a record: labels and texts."""
    yield "denoised", str(record["output"])
    yield size_line(record)
    least, most = (f"{level:.1f}" for level in record["sigma_range"])
    yield noise_line(record, "" if least == most else f", {least} .. {most}")
    yield from psnr_line(record)
    temporal = record["temporal_frames"]
    yield "method", method_of(record) + (f", {temporal} frames with their neighbors" if temporal else "")
    yield speed_line(record)


def clip_line(record: Record) -> str:
    """Return the readable line of one clip of a batch."""
    return denoise_line(record, f"{record['frames']} frames, ")
