"""Concatenation of videos without encoding them again, which is lossless and fast."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

from edlrr_cli.media.video_writer import open_container


def join_videos(parts: Iterable[tuple[Path, Fraction]], path: Path) -> None:
    """Write the frames of all parts into one file, atomically.

    Args:
        parts: At least one pair of a file written by `edlrr_cli.media.video_writer.write_video` and its start
            in seconds. All have the same size, rate, codec, quality and container.
        path: The output, with the suffix of the parts; replaced if it exists.

    Raises:
        OutputError: Writing or renaming failed (disk full).
    """
    import av

    stream, last = None, -1
    with open_container(path) as container:
        for part, begin in parts:
            with av.open(str(part)) as source:
                (video,) = source.streams.video
                stream = stream or container.add_stream_from_template(video)
                for packet in source.demux(video):
                    if packet.pts is None or packet.time_base is None:  # the end
                        continue
                    last = max(packet.pts + round(begin / packet.time_base), last + 1)
                    packet.pts = packet.dts = last
                    packet.stream = stream
                    container.mux(packet)
