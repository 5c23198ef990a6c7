"""From what a command line names to videos: files, folders and patterns, of videos or of their frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from edlrr_cli.cli.batch.inputs import Input, once
from edlrr_cli.cli.batch.options import Place
from edlrr_cli.cli.bgsep.outputs import BACKGROUND, OVERVIEW, REPORT
from edlrr_cli.cli.bgsep.parts import PARTS, RUN
from edlrr_cli.errors import InputError, UsageError
from edlrr_cli.media.formats import is_pattern, visible
from edlrr_cli.media.video import is_animation, is_image, is_video, source_files


@dataclass(frozen=True)
class _Folder:
    """What is in a folder, hidden files apart."""

    images: list[Path]
    videos: list[Path]
    folders: list[Path]


def stand_for_many(names: Sequence[Path], *, recursive: bool) -> bool:
    """Whether names stand for any number of videos: not a video, nor a folder or pattern of its frames."""
    if len(names) > 1:
        return True
    (name,) = names
    if name.is_dir():
        return recursive or not _listed(name).images
    return _matches_videos(name)


def find_sources(names: Sequence[Path], *, recursive: bool) -> list[Input]:
    """Return the videos that names stand for, in the order of the names, those of a folder sorted.

    A folder that holds images is one video, one that holds videos stands for each; results of earlier runs
    are left out of folders and patterns. What a shell makes of an unquoted pattern is the same, apart from
    images; a file of several images is a video.

    Args:
        names: Videos, folders and patterns.
        recursive: Look into the folders of folders too.

    Raises:
        InputError: A folder holds nothing, or a pattern matches images and videos.
        UsageError: Several images are named, which are the frames of one video.
    """
    files = (name for name in names if is_image(name) and not name.is_dir() and not is_pattern(name))
    frames = list(islice((name for name in files if not is_animation(name)), 2)) if len(names) > 1 else []
    if len(frames) > 1:
        raise UsageError(
            f"{frames[0]} and {frames[1]} are images, not videos", "quote the pattern, or name their folder"
        )
    return once(of for name in names for of in _found(name, recursive))


def require_one_kind(source: Path) -> None:
    """Refuse a folder whose images may be one video, and whose videos many.

    Raises:
        InputError: It holds both.
    """
    if source.is_dir():
        held = _listed(source)
        if held.images and held.videos:
            raise InputError(
                f"folder {source} holds images and videos", "name either by a pattern, such as '*.mp4'"
            )


def _found(name: Path, recursive: bool) -> Iterator[Input]:
    if name.is_dir():
        videos = list(_below(name, name, recursive))
        if not videos:
            remedy = "name another" if recursive else "name another, or look deeper with --recursive"
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
                yield from _below(path, path, recursive)
    else:
        yield Input(name)


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
    """Whether a folder is of a run of this command, finished or not."""
    finished = all((folder / name).is_file() for name in (BACKGROUND, OVERVIEW, REPORT))
    return finished or (folder / PARTS / RUN).is_file()


class Folders(Place):
    """Where results go, which are folders."""

    def of_one(self, of: Input) -> Path:
        """Return the folder named, or that of `of_many`."""
        return self.output or self.of_many(of)

    def of_many(self, of: Input) -> Path:
        """Return the folder of the result of one of many; that of a pattern is called as its folder.

        Raises:
            OutputError: The output is a file.
        """
        named = of.path.parent if is_pattern(of.path) else of.path
        return super().of_many(replace(of, path=named if named.name else named.resolve()))

    def name_of(self, path: Path, suffix: str) -> str:
        """Return what the folder is called."""
        return f"{path.name if path.is_dir() else path.stem}{suffix}"
