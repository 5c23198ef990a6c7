"""The videos that names on a command line refer to, and the folders of their results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from edlrr_cli.errors import InputError, UsageError
from edlrr_cli.media import formats
from edlrr_cli.media.formats import is_pattern, visible
from edlrr_cli.media.regions import POLYGONS
from edlrr_cli.media.video_sources import is_animation, is_image, is_video, source_files
from edlrr_cli.pipelines.bgsep.outputs import BACKGROUND, OVERVIEW, REPORT
from edlrr_cli.pipelines.destination import Destination
from edlrr_cli.pipelines.inputs import Input, Selection
from edlrr_cli.pipelines.parts import PARTS, RUN


@dataclass(frozen=True)
class _Folder:
    """The content of a folder, except hidden files."""

    images: list[Path]
    videos: list[Path]
    folders: list[Path]


class VideoSelection(Selection):
    """The videos that names refer to: video files, folders and patterns, of videos or of their frames.

    A folder of images is one video, a folder of videos refers to each of them; results of earlier runs are
    left out of folders and patterns. An unquoted pattern, expanded by the shell, has the same meaning, except
    for images; a file of several images is a video.
    """

    @property
    def is_batch(self) -> bool:
        """Whether the names can refer to several videos: not to one video or to its frames."""
        if len(self.names) > 1:
            return True
        (name,) = self.names
        if name.is_dir():
            return self.recursive or not _listed(name).images
        return _matches_videos(name)

    def find(self) -> list[Input]:
        """Return the videos in the order of the names, those of a folder sorted.

        Raises:
            InputError: A folder is empty, or a pattern matches images and videos.
            UsageError: Several images are named, which are the frames of one video.
        """
        self._refuse_frames()
        return super().find()

    def _stem(self, path: Path) -> str:
        path = path.parent if is_pattern(path) else path
        return path.name if path.is_dir() else path.stem

    def _companions(self, folder: Path, stem: str) -> list[Path]:
        """Return the images and polygons that can describe the scene of a video."""
        entries = visible(folder) if folder.is_dir() else []
        return [path for path in entries if path.stem == stem and path.is_file() and _describes_scene(path)]

    def _refuse_frames(self) -> None:
        if len(self.names) < 2:
            return
        files = (name for name in self.names if is_image(name) and not name.is_dir() and not is_pattern(name))
        frames = list(islice((name for name in files if not is_animation(name)), 2))
        if len(frames) > 1:
            raise UsageError(
                f"{frames[0]} and {frames[1]} are images, not videos",
                "quote the pattern, or name their folder",
            )

    def _found(self, name: Path) -> Iterator[Input]:
        if name.is_dir():
            videos = list(_below(name, name, self.recursive))
            if not videos:
                remedy = "name another" if self.recursive else "name another, or look deeper with --recursive"
                raise InputError(f"folder {name} has no videos and no images", remedy)
            yield from videos
        elif _matches_videos(name):
            matches = source_files(name)
            if any(is_image(path) for path in matches if path.is_file()):
                raise InputError(f"{name} matches images and videos", "name either, such as '*.mp4'")
            for path in matches:
                if not path.is_dir():
                    yield Input(path)
                elif not _is_result(path):
                    yield from _below(path, path, self.recursive)
        else:
            yield Input(name)


def _describes_scene(path: Path) -> bool:
    return formats.is_image(path) or path.suffix.lower() == POLYGONS


def require_one_kind(source: Path) -> None:
    """Refuse a folder that holds images and videos.

    Raises:
        InputError: The folder holds both.
    """
    if source.is_dir():
        held = _listed(source)
        if held.images and held.videos:
            raise InputError(
                f"folder {source} holds images and videos", "name either by a pattern, such as '*.mp4'"
            )


def _matches_videos(name: Path) -> bool:
    """Whether a name is a pattern of videos, or of folders."""
    return is_pattern(name) and any(is_video(path) or path.is_dir() for path in source_files(name))


def _below(folder: Path, root: Path, recursive: bool) -> Iterator[Input]:
    """Yield a folder of images, or the videos in it, then those of the folders in it."""
    held = _listed(folder)
    if held.images:
        yield Input(folder, Path() if folder == root else folder.parent.relative_to(root))
    else:
        yield from (Input(path, folder.relative_to(root)) for path in held.videos)
    for deeper in held.folders if recursive else ():
        if not _is_result(deeper):
            yield from _below(deeper, root, recursive)


def _listed(folder: Path) -> _Folder:
    paths = visible(folder)
    files = [path for path in paths if path.is_file()]
    return _Folder(
        images=[path for path in files if is_image(path)],
        videos=[path for path in files if is_video(path)],
        folders=[path for path in paths if path.is_dir() and not path.is_symlink()],
    )


def _is_result(folder: Path) -> bool:
    """Whether a folder holds a run of this command, finished or not."""
    finished = all((folder / name).is_file() for name in (BACKGROUND, OVERVIEW, REPORT))
    return finished or (folder / PARTS / RUN).is_file()


class FolderDestination(Destination):
    """The folders of the results."""

    def single(self, source: Input) -> Path:
        """Return the given folder, or that of `batched`."""
        return self.output or self.batched(source)

    def batched(self, source: Input) -> Path:
        """Return the folder of the result of one video of a batch; a pattern has the name of its folder.

        Raises:
            OutputError: The output is a file.
        """
        named = source.path.parent if is_pattern(source.path) else source.path
        return super().batched(replace(source, path=named if named.name else named.resolve()))

    def name_of(self, path: Path, suffix: str) -> str:
        """Return the name of the folder."""
        return f"{path.name if path.is_dir() else path.stem}{suffix}"
