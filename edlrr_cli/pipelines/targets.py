"""The images that a job writes, refused before the work if they could not be written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from edlrr_cli.errors import OutputError
from edlrr_cli.media.encoding import Encoding
from edlrr_cli.media.figure import check_figure
from edlrr_cli.media.save import check_output


def check_images(
    output: Path,
    inputs: Sequence[Path | None],
    *,
    figures: Mapping[str, Path | None],
    overwrite: bool,
    encoding: Encoding,
) -> None:
    """Refuse outputs that could not be written.

    Args:
        inputs: Files that are read, which are never written; None for absent ones.
        figures: What is written besides, by its name in messages; None where nothing is.

    Raises:
        OutputError: The first output that could not be written.
        UsageError: The output has another format than the encoding.
    """
    read = [path for path in inputs if path is not None]
    check_output(output, *read, overwrite=overwrite, encoding=encoding)
    taken = {output.resolve(): "output"}
    for name, path in figures.items():
        if path is None:
            continue
        check_figure(path, *read, overwrite=overwrite)
        if path.resolve() in taken:
            raise OutputError(f"{name} {path} is the {taken[path.resolve()]} too", "choose another file name")
        taken[path.resolve()] = name
