"""The pictures that a command writes, refused before the work if they could not be written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edlrr_cli.errors import OutputError


@dataclass(frozen=True)
class Targets:
    """Where to write.

    Attributes:
        output: The picture.
        figure: The comparison; None without.
        inputs: Files that are read, which are never written.
        overwrite: Whether existing files may be replaced.
        error_map: The expected errors; None without.
    """

    output: Path
    figure: Path | None
    inputs: Sequence[Path]
    overwrite: bool
    error_map: Path | None = None

    def check(self) -> None:
        """Refuse outputs that could not be written.

        Raises:
            OutputError: The first that could not.
        """
        from edlrr_cli.media.figure import check_figure
        from edlrr_cli.media.save import check_output

        check_output(self.output, *self.inputs, overwrite=self.overwrite)
        taken = {self.output.resolve(): "output"}
        for name, path in (("figure", self.figure), ("error map", self.error_map)):
            if path is None:
                continue
            check_figure(path, *self.inputs, overwrite=self.overwrite)
            if path.resolve() in taken:
                raise OutputError(
                    f"{name} {path} is the {taken[path.resolve()]} too", "choose another file name"
                )
            taken[path.resolve()] = name


def beside(image: Path, word: str) -> Path:
    """Return ``<stem>_<word>`` beside an image, as .png if its own format cannot be written."""
    return image.with_name(output_name(image, f"_{word}"))


def output_name(image: Path, suffix: str) -> str:
    """Return ``<stem><suffix>`` with the extension of an image, .png if that cannot be written."""
    from edlrr_cli.media.save import WRITE_FORMATS

    extension = image.suffix if image.suffix.lower() in WRITE_FORMATS else ".png"
    return f"{image.stem}{suffix}{extension}"
