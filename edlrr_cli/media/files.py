"""File output: targets are checked before the work and written atomically; names sort in natural order."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from edlrr_cli.errors import OutputError


def check_target(path: Path, *inputs: Path, overwrite: bool) -> None:
    """Check that an output file can be written, before any expensive work.

    Args:
        path: The output to be written, of any kind.
        *inputs: Files the command reads; the output must not be one of them, even with ``overwrite``.

    Raises:
        OutputError: The folder is missing or not writable, the path is a folder, an input, or an
            existing file without ``overwrite``.
    """
    with writing(path):
        _check_target(path, inputs, overwrite)


def _check_target(path: Path, inputs: tuple[Path, ...], overwrite: bool) -> None:
    folder = path.parent
    if not folder.exists():
        raise OutputError(
            f"output {path}: the folder {folder} does not exist", f"create it: mkdir -p {folder}"
        )
    if not folder.is_dir():
        raise OutputError(f"output {path}: {folder} is not a folder", "choose another output folder")
    if path.is_dir():
        raise OutputError(f"output {path} is a folder", "name a file inside it")
    if path.exists():
        if any(source.exists() and path.samefile(source) for source in inputs):
            raise OutputError(f"output {path} is one of the input files", "choose another file name")
        if not overwrite:
            raise OutputError(f"output {path} exists already", "pass --overwrite to replace it")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(
            f"output {path}: the folder {folder} is not writable", "choose another output folder"
        )


def write_atomic(path: Path, content: bytes) -> None:
    """Write a temporary sibling of ``path``, then rename it; a failure leaves no file behind.

    Args:
        path: The final file; replaced if it exists.

    Raises:
        OutputError: Writing or renaming failed (disk full, name too long).
    """
    write_pieces(path, [content])


def write_pieces(path: Path, pieces: Iterable[bytes]) -> None:
    """Write a file piece by piece, atomically as `write_atomic` does.

    Args:
        path: The final file; replaced if it exists.
        pieces: Consecutive pieces of the content, held in memory one at a time.

    Raises:
        OutputError: Writing or renaming failed.
    """
    with replacing(path) as file:
        file.writelines(pieces)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary sibling of a file, which replaces the file unless an exception ends the writing.

    Args:
        path: The final file; replaced if it exists.

    Raises:
        OutputError: Writing or renaming failed.
    """
    temporary = path.with_name(f".edlrr-{uuid.uuid4().hex[:12]}.tmp")
    with writing(path):
        try:
            with temporary.open("wb") as file:
                yield file
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Convert system errors on writing an output into an `OutputError` that names it.

    Raises:
        OutputError: The name is invalid, the disk full, or permission denied.
    """
    try:
        yield
    except (OSError, ValueError) as error:
        raise OutputError(
            f"output {path} cannot be written ({error})", "check the disk and the name"
        ) from error


def natural_order(path: Path) -> list[list[tuple[bool, int, str]]]:
    """Return a key for `sorted` that orders paths by folder, with 2 before 10 and numbers before letters.

    Example:
        >>> names = ["b10.png", "b2.png", "b2.gif", "b/1.png", "3.png"]
        >>> [str(path) for path in sorted(map(Path, names), key=natural_order)]
        ['3.png', 'b/1.png', 'b2.gif', 'b2.png', 'b10.png']
    """
    return [_numbers_and_words(part) for part in (*path.parent.parts, path.stem, path.suffix)]


def _numbers_and_words(name: str) -> list[tuple[bool, int, str]]:
    parts = re.findall(r"\d+|\D+", name)
    return [(False, int(part), "") if part.isdecimal() else (True, 0, part) for part in parts]
