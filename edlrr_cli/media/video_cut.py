"""Excerpts of a video file, cut at its keyframes without encoding."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

from edlrr_cli.errors import InputError
from edlrr_cli.media.codecs import CONTAINERS
from edlrr_cli.media.tags.video import descriptive_tags
from edlrr_cli.media.video_file import start_of
from edlrr_cli.media.video_streams import add_copied, holds, kept_streams, opened, reading
from edlrr_cli.media.video_writer import open_container

# A keyframe is searched from the times so many seconds before the excerpt on, the last one before any file.
_BACK_S = (0, 15, 120, 10**9)
# Larger than the rounding of times, and smaller than the distance of frames.
_ROUNDING_S = Fraction(1, 1_000_000)


def excerpt_suffix(source: Path) -> str:
    """Return the suffix of the excerpts of a video: its own, or that of a container for any codec.

    Raises:
        InputError: It is not a video file, or its frames cannot be copied.
    """
    if not source.is_file():
        raise InputError(
            f"{source} is not a video file, from which excerpts can be cut", "leave the clips out"
        )
    suffix = source.suffix.lower() if source.suffix.lower() in CONTAINERS else ".mkv"
    with opened(source) as file:
        if not file.streams.video or not holds(suffix, file.streams.video[0]):
            raise InputError(
                f"the frames of {source} cannot be copied into {suffix[1:]} without encoding",
                "convert it to mp4, or leave the clips out",
            )
    return suffix


def write_excerpt(source: Path, path: Path, *, first_s: Fraction, start_s: float, stop_s: float) -> None:
    """Copy the video, the sound and the subtitles of a range of times into a file, atomically.

    The excerpt begins at the last keyframe before the start, and ends with the frames that others need.

    Args:
        source: A video file.
        path: The output, with the suffix of `excerpt_suffix`; replaced if it exists.
        first_s: Seconds from the start of the file to its first frame, from which the times count.

    Raises:
        InputError: The source cannot be read, or has no keyframe before the start.
        OutputError: Writing or renaming failed (disk full).
    """
    for back_s in _BACK_S:
        with opened(source) as file:
            origin = start_of(file) + first_s
            begin, stop = origin + Fraction(start_s) + _ROUNDING_S, origin + Fraction(stop_s) - _ROUNDING_S
            packets = _Packets(file, kept_streams(file, path.suffix))
            packets.seek(begin - back_s)
            held = packets.from_keyframe(begin)
            if held:
                _write(path, chain(held, packets.until(stop)), packets)
                return
    raise InputError(f"{source} has no keyframe before {start_s} s", "leave the clips out")


def _write(path: Path, packets: Iterable[Any], source: _Packets) -> None:
    """Write packets, the first of which is a keyframe, at their times from it."""
    with open_container(path) as target:
        added = {stream.index: add_copied(target, stream) for stream in source.streams}
        target.metadata.update(descriptive_tags(source.file.metadata))
        begin = None
        for packet in packets:
            begin = _time(packet) if begin is None else begin
            if _time(packet) < begin:  # a frame that needs those before the keyframe, or earlier sound
                continue
            shift = round(begin / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts - shift
            packet.dts = None if packet.dts is None else packet.dts - shift
            packet.stream = added[packet.stream.index]
            target.mux(packet)


def _time(packet: Any) -> Fraction:
    """Return the time in seconds at which a packet is shown or heard."""
    time: Fraction = (packet.dts if packet.pts is None else packet.pts) * packet.time_base
    return time


def _decoding_time(packet: Any) -> Fraction | float:
    """Return the time in seconds at which a packet is decoded, no later than it is shown; may be unknown."""
    return -math.inf if packet.dts is None else packet.dts * packet.time_base


class _Packets:
    """The packets of the video and of other streams of an open file."""

    def __init__(self, file: Any, others: list[Any]) -> None:
        self.file, self.streams = file, [file.streams.video[0], *others]
        self._video = self.streams[0]

    def seek(self, time: Fraction) -> None:
        """Go to a keyframe before a time, if the container can find one; otherwise stay at the start."""
        from av import FFmpegError

        with suppress(FFmpegError):
            self.file.seek(max(round(time / self._video.time_base), 0), stream=self._video)
        self._rest = self.file.demux(self.streams)

    def from_keyframe(self, time: Fraction) -> list[Any]:
        """Return the packets from the last keyframe before a time to that time; none without a keyframe."""
        held: list[Any] = []
        for packet in self._read():
            is_video = packet.stream.index == self._video.index
            if is_video and packet.is_keyframe and _time(packet) <= time:
                held = [packet]
            elif held:
                held.append(packet)
            if is_video and _decoding_time(packet) > time:
                break
        return held

    def until(self, time: Fraction) -> Iterator[Any]:
        """Yield the packets until a frame is decoded later than a time; it needs no other."""
        for packet in self._read():
            if _decoding_time(packet) < time:
                yield packet
            elif packet.stream.index == self._video.index:
                return

    def _read(self) -> Iterator[Any]:
        while True:
            with reading(Path(self.file.name)):
                packet = next(self._rest, None)
            if packet is None:
                return
            if packet.size > 0:  # the last one of each stream is empty
                yield packet
