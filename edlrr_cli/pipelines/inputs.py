"""The inputs that names on a command line refer to, and the files that belong to each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edlrr_cli.errors import InputError
from edlrr_cli.media.formats import (
    SIDECAR_SUFFIXES,
    images_with_stem,
    is_pattern,
    is_sidecar,
    list_images,
    matching,
)

ADD_COMPANION = "add it, or name a file for all"
"""The remedy where a folder lacks the file of an input."""


@dataclass(frozen=True)
class Input:
    """One input of a command.

    Attributes:
        folder: Its folder relative to the given one, mirrored in the output folder; ``.`` for others.
    """

    path: Path
    folder: Path = Path()


@dataclass(frozen=True)
class Selection:
    """The images that names refer to.

    Attributes:
        names: Files, folders, and patterns such as ``scans/*.png``; ``**`` is any depth.
        leave_out: Files of a folder or a pattern whose stem has one of these endings are left out; an empty
            one leaves none out.
    """

    names: Sequence[Path]
    recursive: bool = False
    leave_out: tuple[str, ...] = ()

    @property
    def is_batch(self) -> bool:
        """Whether the names can refer to several inputs: several names, a folder or a pattern."""
        return len(self.names) > 1 or any(name.is_dir() or is_pattern(name) for name in self.names)

    def find(self) -> list[Input]:
        """Return the inputs in the order of the names, those of a folder sorted.

        Raises:
            InputError: A folder without images, or a pattern that nothing matches.
        """
        return once(source for name in self.names for source in self._found(name))

    def _found(self, name: Path) -> Iterator[Input]:
        if name.is_dir():
            images = [path for path in list_images(name, recursive=self.recursive) if self._includes(path)]
            if not images:
                remedy = "name another" if self.recursive else "name another, or look deeper with --recursive"
                raise InputError(f"folder {name} has no images", remedy)
            yield from (Input(path, path.parent.relative_to(name)) for path in images)
        elif is_pattern(name):
            files = [path for path in matching(name) if path.is_file() and self._includes(path)]
            if not files:
                raise InputError(f"nothing matches {name}", "check the pattern")
            yield from map(Input, files)
        else:
            yield Input(name)

    def companion(self, named: Path | None, source: Input, *, what: str, suffix: str = "") -> Path | None:
        """Return the file that belongs to an input: the given one, or that with its stem in the given folder.

        Args:
            named: A file for all, or a folder, in which the input's own subfolder is searched first; None if
                nothing is given.
            what: What it is, such as "mask", for messages.
            suffix: Suffix between the stem and the extension of the file.

        Raises:
            InputError: There is none, or more than one.
        """
        if named is None or not named.is_dir():
            return named
        stem = self._stem(source.path) + suffix
        found = _find_companion(
            named, source, what=what, matches_in=lambda folder: self._companions(folder, stem)
        )
        return found or self._without_companion(named, source, what, stem)

    def _stem(self, path: Path) -> str:
        return path.stem

    def _companions(self, folder: Path, stem: str) -> Sequence[Path]:
        """Return the entries of a folder, which may not exist, that can belong to an input of this stem."""
        return images_with_stem(folder, stem)

    def _without_companion(self, named: Path, source: Input, what: str, stem: str) -> Path:
        raise InputError(f"{source.path}: {named} has no {what} {stem}.*", ADD_COMPANION)

    def _includes(self, path: Path) -> bool:
        return not any(ending and path.stem.endswith(ending) for ending in self.leave_out)


def scans(names: Sequence[Path], *, recursive: bool, leave_out: tuple[str, ...] = ()) -> Selection:
    """Return the selection of images without the files of their infrared planes beside them."""
    images = [name for name in names if not is_sidecar(name)]
    return Selection(images or names, recursive, (*leave_out, *SIDECAR_SUFFIXES))


def once(inputs: Iterable[Input]) -> list[Input]:
    """Return each input once, in the order of the first time it was named."""
    found: dict[Path, Input] = {}
    for source in inputs:
        found.setdefault(source.path.absolute(), source)
    return list(found.values())


def _find_companion(
    named: Path, source: Input, *, what: str, matches_in: Callable[[Path], Sequence[Path]]
) -> Path | None:
    """Return the entry of a folder that belongs to an input; None if there is none.

    Args:
        named: A folder, in which the input's own subfolder is searched first.
        what: What is searched, for the message.
        matches_in: Returns the matching entries of a folder, which may not exist.

    Raises:
        InputError: There is more than one.
    """
    for folder in dict.fromkeys((named / source.folder, named)):
        matches = matches_in(folder)
        if len(matches) > 1:
            both = " and ".join(path.name for path in matches[:2])
            raise InputError(f"{source.path}: its {what} may be {both} in {folder}", "leave one there")
        if matches:
            return matches[0]
    return None
