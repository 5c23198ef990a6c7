"""Peak memory of a streamed separation for a short and a long video."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edlrr_cli.bench.bgsep import WARM_UP_FRAMES, split_all
from edlrr_cli.bench.memory import Call, cuda_peak_bytes, fresh_process_peak_bytes
from edlrr_cli.bench.record import Row
from edlrr_cli.bench.sequences import first_frames
from edlrr_cli.media.video_sources import open_video
from edlrr_cli.tasks.bgsep.config import Config
from edlrr_cli.tasks.device import resolve_device

#: Number of frames of the short video, and minimum of the long one.
SHORT, LONG = 200, 400


@dataclass(frozen=True)
class MemoryCase:
    """The default method on the first frames of a sequence."""

    folder: Path
    sequence: str
    num_frames: int
    device: str

    def as_row(self) -> Row:
        """Return the columns that identify the case."""
        return {"kind": "memory", "sequence": self.sequence, "num_frames": self.num_frames}


def make_cases(folders: Mapping[str, Path], device: str) -> list[MemoryCase]:
    """Return the cases: the first frames of the longest sequence, and all of them.

    Args:
        folders: Folders of the sequences, by name.
    """
    lengths = {name: open_video(folder / "input").info.num_frames for name, folder in folders.items()}
    name = max(lengths, key=lambda name: lengths[name])
    return [MemoryCase(folders[name], name, count, device) for count in (SHORT, max(lengths[name], LONG))]


def run_case(case: MemoryCase) -> Row:
    """Measure a case.

    Raises:
        EdlrrError: The process for the measurement failed.
    """
    return {**case.as_row(), "peak_bytes": _peak_bytes(case.folder, case.num_frames, case.device)}


def _peak_bytes(folder: Path, num_frames: int, device: str) -> int | None:
    where = resolve_device(device)
    if where.type == "cuda":
        warm_up, call = prepare(str(folder), num_frames, device)
        warm_up()
        return cuda_peak_bytes(call, where)
    arguments = {"folder": str(folder), "num_frames": num_frames, "device": device}
    return fresh_process_peak_bytes(f"{__name__}:prepare", arguments, whole=True)


def prepare(folder: str, num_frames: int, device: str) -> tuple[Call, Call]:
    """Return the warm-up on a few frames and the call, for a process in which memory is measured."""
    video, config = open_video(Path(folder) / "input"), Config(device=device)
    warm_up, call = (
        partial(split_all, first_frames(video, count), config) for count in (WARM_UP_FRAMES, num_frames)
    )
    return warm_up, call
