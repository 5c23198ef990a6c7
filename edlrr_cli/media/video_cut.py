"""Excerpts of a video file, cut at its keyframes without encoding."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from edlrr_cli.errors import InputError
from edlrr_cli.media.codecs import CONTAINERS
from edlrr_cli.media.tags.video import descriptive_tags
from edlrr_cli.media.video_file import start_of
from edlrr_cli.media.video_streams import holds, opened, reading
from edlrr_cli.media.video_writer import open_container


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
    """Copy the video and the sound of a range of times into a file, atomically.

    The excerpt begins at the last keyframe before the start, and ends with the frames that others need.

    Args:
        source: A video file.
        path: The output, with the suffix of `excerpt_suffix`; replaced if it exists.
        first_s: Seconds from the start of the file to its first frame, from which the times count.

    Raises:
        InputError: The source cannot be read.
        OutputError: Writing or renaming failed (disk full).
    """
    with opened(source) as file, open_container(path) as target:
        video = file.streams.video[0]
        origin = start_of(file) + first_s
        audio = [stream for stream in file.streams.audio if holds(path.suffix, stream)]
        added = {stream.index: target.add_stream_from_template(stream) for stream in (video, *audio)}
        target.metadata.update(descriptive_tags(file.metadata))
        start, stop = (origin + Fraction(time_s) for time_s in (start_s, stop_s))
        file.seek(round(start / Fraction(video.time_base or 1)), stream=video)
        for packet in _packets(file, [video, *audio], video.index, stop):
            packet.stream = added[packet.stream.index]
            target.mux(packet)


def _packets(file: Any, streams: list[Any], video: int, stop: Fraction) -> Iterator[Any]:
    """Yield the packets from the first keyframe of the video to a time, at their times from that keyframe."""
    begin: Fraction | None = None
    packets = file.demux(streams)
    while True:
        with reading(Path(file.name)):
            packet = next(packets, None)
        if packet is None:
            return
        if packet.dts is None:  # the end
            continue
        is_video, base = packet.stream.index == video, packet.time_base
        time = (packet.dts if packet.pts is None else packet.pts) * base
        if begin is None:
            if not (is_video and packet.is_keyframe):
                continue
            begin = time
        if packet.dts >= round(stop / base):
            if is_video:
                return
            continue
        if time < begin:  # frames that need those before the keyframe, and earlier sound
            continue
        shift = round(begin / base)
        packet.dts -= shift
        if packet.pts is not None:
            packet.pts -= shift
        yield packet
