"""From what a command line names to pictures, to the files that belong to each, and to where results go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edlrr_cli.errors import InputError
from edlrr_cli.media.formats import images_with_stem, is_pattern, list_images, matching


@dataclass(frozen=True)
class Input:
    """A picture to work on.

    Attributes:
        path: Of its file.
        folder: Its place below the folder that was named, mirrored where results go; ``.`` for others.
    """

    path: Path
    folder: Path = Path()


def is_batch(names: Sequence[Path]) -> bool:
    """Whether names stand for any number of pictures: several, a folder or a pattern."""
    return len(names) > 1 or any(name.is_dir() or is_pattern(name) for name in names)


def find_inputs(names: Sequence[Path], *, recursive: bool, leave_out: str = "") -> list[Input]:
    """Return the pictures that names stand for, in the order of the names, those of a folder sorted.

    Args:
        names: Files, folders, and patterns such as ``scans/*.png``; ``**`` is any depth.
        recursive: Look into the folders of folders too.
        leave_out: Of a folder, the files whose stem ends so, unless empty.

    Raises:
        InputError: A folder without pictures, or a pattern that nothing matches.
    """
    return once(of for name in names for of in _found(name, recursive, leave_out))


def once(inputs: Iterable[Input]) -> list[Input]:
    """Return each input once, in the order of the first time it was named."""
    found: dict[Path, Input] = {}
    for of in inputs:
        found.setdefault(of.path.absolute(), of)
    return list(found.values())


def _found(name: Path, recursive: bool, leave_out: str) -> Iterator[Input]:
    if name.is_dir():
        pictures = [
            path for path in list_images(name, recursive=recursive) if not _ends(path.stem, leave_out)
        ]
        if not pictures:
            remedy = "name another" if recursive else "name another, or look deeper with --recursive"
            raise InputError(f"folder {name} has no pictures", remedy)
        yield from (Input(path, path.parent.relative_to(name)) for path in pictures)
    elif is_pattern(name):
        files = [path for path in matching(name) if path.is_file() and not _ends(path.stem, leave_out)]
        if not files:
            raise InputError(f"nothing matches {name}", "check the pattern")
        yield from map(Input, files)
    else:
        yield Input(name)


def _ends(stem: str, suffix: str) -> bool:
    return bool(suffix) and stem.endswith(suffix)


def companion(named: Path, of: Input, *, suffix: str, what: str) -> Path:
    """Return the file that belongs to a picture: the one named, or that of its stem in the folder named.

    Args:
        named: A file for all, or a folder; there the picture's own place below it is looked at first.
        of: The picture.
        suffix: Between the stem and the extension of the file looked for.
        what: It is, for messages.

    Raises:
        InputError: There is none, or more than one.
    """
    if not named.is_dir():
        return named
    stem = of.path.stem + suffix
    for folder in dict.fromkeys((named / of.folder, named)):
        matches = images_with_stem(folder, stem)
        if len(matches) > 1:
            both = " and ".join(path.name for path in matches[:2])
            raise InputError(f"{of.path}: its {what} may be {both} in {folder}", "leave one there")
        if matches:
            return matches[0]
    raise InputError(f"{of.path}: {named} has no {what} {stem}.*", "add it, or name a file for all")
