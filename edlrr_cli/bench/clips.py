"""Benchmark of clips with a logo or a moving box drawn on them, compared with what was there."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from edlrr_cli.bench.delogo import delogo
from edlrr_cli.bench.images import logo_hole
from edlrr_cli.bench.record import Row
from edlrr_cli.bench.runner import run_cases
from edlrr_cli.bench.sequences import choose, find_sequences
from edlrr_cli.media.video import VideoInfo
from edlrr_cli.media.video_sources import open_video
from edlrr_cli.metrics import psnr
from edlrr_cli.tasks.checks import require_choice
from edlrr_cli.tasks.clips.stream import ClipFilling
from edlrr_cli.tasks.device import resolve_device
from edlrr_cli.tasks.inpaint.config import Config
from edlrr_cli.tasks.inpaint.restore import restore

Bools = NDArray[np.bool_]
Levels = NDArray[Any]

NAME = "clips"
HOLES = ("logo", "box")
METHODS = ("lrr", "frames", "delogo")

PARAMETERS = {
    "logo": "letters and a bar in the upper right corner of all frames",
    "box": "a quarter of the width and a fifth of the height, moving over the middle of the frame",
    "lrr": "as 'edlrr inpaint CLIP'",
    "frames": "as 'edlrr inpaint IMAGE' for each of the scored frames, at the default quality",
    "delogo": "FFmpeg's filter, on the rectangle around the hole",
    "psnr": "of the missing pixels, pooled over all frames; of the method frames over the scored ones",
    "psnr_scored": "the same over the scored frames, which all methods restore",
    "flicker": "mean change of the missing pixels from frame to frame, relative to that of the original",
    "frames_per_second": "of the whole restoration, without reading",
    "cpu_seconds": "of all threads, which other work on the machine does not change",
}


@dataclass(frozen=True)
class Case:
    """One method on one clip with one kind of hole."""

    source: Path
    sequence: str
    hole: str
    method: str
    num_frames: int
    num_scored: int
    device: str

    def as_row(self) -> Row:
        """Return the columns that identify the case."""
        return {"kind": "case", "sequence": self.sequence, "hole": self.hole, "method": self.method}


def make_cases(
    data: Path | None,
    clips: Sequence[Path],
    *,
    sequences: list[str] | None,
    methods: Sequence[str] | None,
    num_frames: int,
    num_scored: int,
    device: str,
) -> list[Case]:
    """Return the cases of the run.

    Args:
        data: Folder of sequences in the layout of CDnet; None for none.
        clips: Video files.

    Raises:
        UsageError: A sequence or method is unknown.
        InputError: There is no sequence.
        DeviceError: The device does not exist.
    """
    resolve_device(device)
    for name in methods or ():
        require_choice("method", name, METHODS)
    sources = {path.stem: path for path in clips}
    if data is not None:
        folders = choose(find_sequences(data), sequences)
        sources |= {name: folder / "input" for name, folder in folders.items()}
    return [
        Case(source, name, hole, method, num_frames, num_scored, device)
        for name, source in sources.items()
        for hole in HOLES
        for method in methods or METHODS
    ]


def run(cases: Sequence[Case]) -> Iterator[Row]:
    """Run cases one at a time with all threads; see `edlrr_cli.bench.runner.run_cases`."""
    return run_cases(run_case, cases, jobs=1, threads=torch.get_num_threads())


@dataclass(frozen=True, eq=False)
class _Frame:
    pixels: Levels
    known: Bools


class _Damaged:
    """Frames in memory, with their holes painted white; see `edlrr_cli.tasks.clips.windows.Source`."""

    def __init__(self, info: VideoInfo, truth: Levels, holes: Bools) -> None:
        self.info: VideoInfo = info
        self.may_be_missing: Bools = np.logical_or.reduce(holes)
        self._frames = [
            _Frame(np.where(hole[..., None], info.peak, pixels).astype(pixels.dtype), ~hole)
            for pixels, hole in zip(truth, holes, strict=True)
        ]

    def frames(self, *, start: int = 0, every: int = 1) -> Iterator[_Frame]:
        """Yield the frames start, start + every, and so on."""
        return iter(self._frames[start::every])


def run_case(case: Case) -> Row:
    """Run one case in this process."""
    video = open_video(case.source)
    frames = zip(range(case.num_frames), video.frames(), strict=False)
    truth = np.stack([frame.pixels for _, frame in frames])
    num_frames, height, width = truth.shape[:3]
    holes = np.stack([_hole(case.hole, height, width, index / num_frames) for index in range(num_frames)])
    scored = np.linspace(0, num_frames - 1, case.num_scored + 2).round().astype(int)[1:-1]
    started, cpu_started = time.perf_counter(), time.process_time()
    if case.method == "frames":
        restored = np.stack([_single(truth[index], holes[index], case.device) for index in scored])
        indices = scored
    else:
        indices = np.arange(num_frames)
        info = replace(video.info, num_frames=num_frames)
        restored = (
            np.stack([delogo(*pair) for pair in zip(truth, holes, strict=True)])
            if case.method == "delogo"
            else _restored(_Damaged(info, truth, holes), case.device)
        )
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    inside = np.searchsorted(indices, scored)
    peak = video.info.peak
    return {
        "psnr": _psnr(restored, truth[indices], holes[indices], peak),
        "psnr_scored": _psnr(restored[inside], truth[scored], holes[scored], peak),
        "flicker": None if case.method == "frames" else _flicker(restored, truth, holes),
        "missing_fraction": float(holes.mean()),
        "num_frames": len(indices),
        "size_px": [height, width],
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "frames_per_second": len(indices) / seconds,
    }


def _hole(kind: str, height: int, width: int, time: float) -> Bools:
    """Return the hole of a frame; ``time`` runs from 0 to 1."""
    if kind == "logo":
        return logo_hole(height, width)
    box_height, box_width = height // 5, width // 4
    left = round((width - box_width) * (0.5 - 0.5 * np.cos(3 * np.pi * time)))
    top = round(height * (0.35 + 0.2 * np.sin(2 * np.pi * time)))
    hole = np.zeros((height, width), dtype=np.bool_)
    hole[top : top + box_height, left : left + box_width] = True
    return hole


def _restored(clip: _Damaged, device: str) -> Levels:
    return np.stack([filled.pixels for filled in ClipFilling(clip, Config(device=device))])


def _single(pixels: Levels, hole: Bools, device: str) -> Levels:
    peak = np.iinfo(pixels.dtype).max
    image = np.where(hole[..., None], 0.0, pixels / float(peak))
    return restore(image, ~hole, Config(device=device)).restored * peak


def _psnr(restored: Levels, truth: Levels, holes: Bools, peak: int) -> float:
    return psnr(restored[holes][None] / float(peak), truth[holes][None] / float(peak), data_range=1.0)


def _flicker(restored: Levels, truth: Levels, holes: Bools) -> float:
    """Return the mean change of pixels that are missing in two consecutive frames, relative to the truth."""
    both = holes[1:] & holes[:-1]
    changes = [
        np.abs(np.diff(frames.astype(np.float64), axis=0))[both].mean() for frames in (restored, truth)
    ]
    return float(changes[0] / max(changes[1], 1e-9))
