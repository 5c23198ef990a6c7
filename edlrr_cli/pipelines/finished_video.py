"""The entries and the readable lines that the records of all commands over videos have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edlrr_cli.media.video import VideoInfo
from edlrr_cli.pipelines.failures import Record
from edlrr_cli.pipelines.parts import Part


@dataclass(frozen=True, eq=False)
class FinishedVideo:
    """A video whose frames are all computed.

    Attributes:
        info: Properties of the source, with notes on what the outputs cannot keep.
        parts: All parts in their order.
        device: The device that computed them.
        resumed_at: First frame of this run of the program.
        seconds: Duration of this run.
    """

    info: VideoInfo
    parts: Sequence[Part]
    device: str
    resumed_at: int
    seconds: float

    @property
    def num_frames(self) -> int:
        """Return the number of frames."""
        return sum(part.num_frames for part in self.parts)

    @property
    def statistics(self) -> list[Record]:
        """Return the statistics of the parts."""
        return [part.statistics for part in self.parts]

    @property
    def windows(self) -> list[Record]:
        """Return the statistics of each window once: a resumed run has computed some of them again."""
        known = {window["start"]: window for each in self.statistics for window in each["windows"]}
        return [known[start] for start in sorted(known)]

    @property
    def size(self) -> Record:
        """Return the entries on the size of the video."""
        height_px, width_px = self.info.size_px
        return {
            "frames": self.num_frames,
            "height_px": height_px,
            "width_px": width_px,
            "frame_rate": float(self.info.frame_rate),
        }

    @property
    def speed(self) -> Record:
        """Return the entries on the time that this run took."""
        return {
            "resumed_at": self.resumed_at,
            "seconds": self.seconds,
            "frames_per_second": (self.num_frames - self.resumed_at) / self.seconds,
        }


def size_line(record: Record) -> tuple[str, str]:
    """Return the readable line on the size of the video."""
    size = f"{record['width_px']} x {record['height_px']} pixels"
    return "frames", f"{record['frames']} of {size}, {record['frame_rate']:.4g} a second"


def speed_line(record: Record) -> tuple[str, str]:
    """Return the readable line on the time that this run took."""
    resumed = f" from frame {record['resumed_at']} on" if record["resumed_at"] else ""
    speed = f"{record['frames_per_second']:.1f} frames/s"
    return "done", f"{record['seconds']:.1f} s on {record['device']}{resumed}, {speed}"


def moving_note(entries: Record, consequence: str) -> Iterator[str]:
    """Yield a phrase if the camera moves, or most of the scene does, in some frames."""
    if entries["moving_frames"]:
        fraction = f"{entries['moving_frames'] / entries['frames']:.0%} of the frames"
        yield f"the camera moves, or most of the scene does, in {fraction}: there {consequence}"
