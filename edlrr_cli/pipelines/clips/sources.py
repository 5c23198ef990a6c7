"""The clips that names on a command line refer to, their masks, and the files of their results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edlrr_cli.errors import InputError, UsageError
from edlrr_cli.media.formats import is_image, is_pattern, list_images, matching, visible
from edlrr_cli.media.streams import is_stream
from edlrr_cli.media.video_sources import is_video
from edlrr_cli.pipelines.clips.encoding import VideoEncoding
from edlrr_cli.pipelines.destination import Destination
from edlrr_cli.pipelines.inputs import ADD_COMPANION, Input, Selection


def are_clips(names: Sequence[Path], *, recursive: bool) -> bool:
    """Whether names refer to clips, and not to images.

    Raises:
        UsageError: They refer to both.
        InputError: A folder cannot be read.
    """
    kinds = {kind: name for name in names for kind in _kinds(name, recursive)}
    if len(kinds) > 1:
        raise UsageError(
            f"{kinds[False]} has images and {kinds[True]} has clips", "name either, for example '*.mp4'"
        )
    return True in kinds


def is_clip(path: Path) -> bool:
    """Whether a file is a clip by its extension; an animated image such as a GIF is an image."""
    return is_video(path) and not is_image(path)


def _kinds(name: Path, recursive: bool) -> set[bool]:
    """Return whether there are images (False) and clips (True) in a folder, a pattern or a file."""
    if is_stream(name):
        return {False}
    if name.is_dir():
        images = [False] if list_images(name, recursive=recursive) else []
        return {*images, *(True for _ in _clips_below(name, recursive))}
    if is_pattern(name):
        return {is_clip(path) for path in matching(name) if path.is_file()}
    return {is_clip(name)}


def _clips_below(folder: Path, recursive: bool) -> Iterator[Path]:
    for path in visible(folder):
        if path.is_file() and is_clip(path):
            yield path
        elif recursive and path.is_dir() and not path.is_symlink():
            yield from _clips_below(path, recursive)


class ClipSelection(Selection):
    """The clips that names refer to."""

    def _found(self, name: Path) -> Iterator[Input]:
        if not name.is_dir():
            yield from super()._found(name)
            return
        for path in _clips_below(name, self.recursive):
            if self._includes(path):
                yield Input(path, path.parent.relative_to(name))

    def _companions(self, folder: Path, stem: str) -> Sequence[Path]:
        entries = visible(folder) if folder.is_dir() else []
        return [path for path in entries if _has_frames(path) and _stem(path) == stem]

    def _without_companion(self, named: Path, source: Input, what: str, stem: str) -> Path:
        """Return the folder itself, which holds the frames of a single clip."""
        if not self.is_batch:
            return named
        missing = f"{named} has no {what} {stem}.* and no folder {stem}"
        raise InputError(f"{source.path}: {missing}", ADD_COMPANION)


@dataclass(frozen=True)
class ClipDestination(Destination):
    """The locations and names of the results."""

    encoding: VideoEncoding = field(default_factory=VideoEncoding)

    def name_of(self, path: Path, suffix: str) -> str:
        """Return ``<stem><suffix>`` with the extension of a container that holds the codec."""
        extension = self.encoding.suffix_for(path) if self.format is None else f".{self.format}"
        return f"{path.stem}{suffix}{extension}"


def _has_frames(path: Path) -> bool:
    return path.is_dir() or is_image(path) or is_video(path)


def _stem(path: Path) -> str:
    return path.name if path.is_dir() else path.stem
