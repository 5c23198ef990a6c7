"""Audio, subtitles, chapters and tags of a video file, copied to another one without decoding."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edlrr_cli.errors import InputError
from edlrr_cli.media.tags.video import descriptive_tags
from edlrr_cli.media.video_file import start_of

if TYPE_CHECKING:
    from av import Packet
    from av.container import InputContainer, OutputContainer

COPIED = ("audio", "subtitles", "chapters", "tags")
"""What is copied; see `edlrr_cli.media.tags.video.notes_on`."""

# FFmpeg's names of the containers, by suffix.
_FORMATS = {".mkv": "matroska"}


def copying_losses(source: Path, suffix: str) -> tuple[str, ...]:
    """Return the streams that a container cannot hold, one phrase each.

    Args:
        source: A video file.
        suffix: One of `edlrr_cli.media.codecs.CONTAINERS`.

    Raises:
        InputError: The file cannot be read.
    """
    with opened(source) as file:
        return tuple(
            f"the {stream.type} stream {stream.index} ({_codec(stream)}) is left out: "
            f"{suffix[1:]} cannot hold it"
            for stream in _streams(file)
            if not holds(suffix, stream)
        )


def copy_descriptions(source: Path, container: OutputContainer, suffix: str) -> None:
    """Copy the tags and the chapters, as far as the container holds them."""
    with opened(source) as file:
        container.metadata.update(descriptive_tags(file.metadata))
        if suffix != ".webm":
            container.set_chapters(file.chapters())


@contextmanager
def copied_packets(source: Path, container: OutputContainer, suffix: str) -> Iterator[Iterator[Packet[Any]]]:
    """Add the streams, with their languages and dispositions, and yield their packets, at their times.

    Times count from the start of the source.

    Raises:
        InputError: The source cannot be read; on reading a packet too.
    """
    with opened(source) as file:
        kept = {stream.index: stream for stream in kept_streams(file, suffix)}
        added = {index: add_copied(container, stream) for index, stream in kept.items()}
        yield _packets(file, list(kept.values()), added)


def add_copied(container: OutputContainer, stream: Any) -> Any:
    """Add and return a stream for copied packets, with the language, tags and disposition of another."""
    added = container.add_stream_from_template(stream)
    language = {"language": stream.language} if stream.language else {}
    added.metadata.update(descriptive_tags(stream.metadata) | language)
    added.disposition = stream.disposition
    return added


def _packets(file: InputContainer, streams: list[Any], added: dict[int, Any]) -> Iterator[Packet[Any]]:
    start = start_of(file)
    packets = file.demux(streams) if streams else iter(())
    while True:
        with reading(Path(file.name)):
            packet = next(packets, None)
        if packet is None:
            return
        if packet.dts is None or packet.time_base is None:  # the end
            continue
        shift = round(start / packet.time_base)
        packet.dts -= shift
        if packet.pts is not None:
            packet.pts -= shift
        packet.stream = added[packet.stream.index]
        yield packet


@contextmanager
def opened(source: Path) -> Iterator[InputContainer]:
    """Open a file for reading.

    Raises:
        InputError: It cannot be read.
    """
    import av

    with reading(source):
        file = av.open(str(source))
    with file:
        yield file


@contextmanager
def reading(source: Path) -> Iterator[None]:
    """Convert errors of FFmpeg into an `InputError` that names the file."""
    from av import FFmpegError

    try:
        yield
    except (OSError, FFmpegError) as error:
        raise InputError(f"{source} cannot be read ({error})", "get or export the file again") from error


def _streams(file: InputContainer) -> list[Any]:
    return [*file.streams.audio, *file.streams.subtitles]


def kept_streams(file: InputContainer, suffix: str) -> list[Any]:
    """Return the audio and the subtitles of a file that a container can hold."""
    return [stream for stream in _streams(file) if holds(suffix, stream)]


def holds(suffix: str, stream: Any) -> bool:
    """Whether a container can hold a stream, by its codec."""
    return _codec(stream) in _supported(suffix)


def _codec(stream: Any) -> str:
    return str(stream.codec_context.name) if stream.codec_context else "of an unknown codec"


@cache
def _supported(suffix: str) -> frozenset[str]:
    """Return the codecs that a container holds, by FFmpeg's names."""
    import av

    with av.open(io.BytesIO(), "w", format=_FORMATS.get(suffix, suffix[1:])) as container:
        return frozenset(container.supported_codecs)
