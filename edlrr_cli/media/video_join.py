"""Concatenation of videos without encoding them again, and the sound and subtitles of their source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from heapq import merge
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edlrr_cli.media.video_streams import copied_packets, copy_descriptions
from edlrr_cli.media.video_writer import open_container

if TYPE_CHECKING:
    from av import Packet
    from av.video.stream import VideoStream


def join_videos(
    parts: Sequence[tuple[Path, Fraction]],
    path: Path,
    *,
    source: Path | None = None,
    start: Fraction = Fraction(0),
) -> None:
    """Write the frames of all parts into one file, atomically.

    Args:
        parts: At least one pair of a file written by `edlrr_cli.media.video_writer.write_video` and its start
            in seconds. All have the same size, rate, codec, quality and container.
        path: The output, with the suffix of the parts; replaced if it exists.
        source: A file whose audio, subtitles, chapters and tags are copied, as far as the container holds
            them; see `edlrr_cli.media.video_streams`.
        start: Seconds from the start of the file to the first frame.

    Raises:
        InputError: The source cannot be read.
        OutputError: Writing or renaming failed (disk full).
    """
    import av

    with ExitStack() as stack:
        container = stack.enter_context(open_container(path))
        with av.open(str(parts[0][0])) as first:
            video = container.add_stream_from_template(first.streams.video[0])
        streams = [_frames(video, parts, start)]
        if source is not None:
            copy_descriptions(source, container, path.suffix)
            streams.append(stack.enter_context(copied_packets(source, container, path.suffix)))
        for packet in merge(*streams, key=_seconds):  # sorted by time, since players read a file in order
            container.mux(packet)


def _seconds(packet: Packet[Any]) -> Fraction:
    assert packet.dts is not None
    return packet.dts * packet.time_base


def _frames(
    stream: VideoStream, parts: Sequence[tuple[Path, Fraction]], start: Fraction
) -> Iterator[Packet[Any]]:
    """Yield the packets of all parts for a stream of the output, at their times."""
    import av

    last = -1
    for part, begin in parts:
        with av.open(str(part)) as file:
            (video,) = file.streams.video
            for packet in file.demux(video):
                if packet.pts is None or packet.time_base is None:  # the end
                    continue
                last = max(packet.pts + round((start + begin) / packet.time_base), last + 1)
                packet.pts = packet.dts = last
                packet.stream = stream
                yield packet
