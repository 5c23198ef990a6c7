"""The pictures that a command writes, refused before the work if they could not be written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edlrr_cli.errors import OutputError
from edlrr_cli.media.encoding import AS_THEY_COME, Encoding
from edlrr_cli.media.formats import WRITE_FORMATS


@dataclass(frozen=True)
class Targets:
    """Where to write.

    Attributes:
        output: The picture.
        figure: The comparison; None without.
        inputs: Files that are read, which are never written.
        overwrite: Whether existing files may be replaced.
        error_map: The expected errors; None without.
        encoding: How the picture is written.
    """

    output: Path
    figure: Path | None
    inputs: Sequence[Path]
    overwrite: bool
    error_map: Path | None = None
    encoding: Encoding = AS_THEY_COME

    def check(self) -> None:
        """Refuse outputs that could not be written.

        Raises:
            OutputError: The first that could not.
            UsageError: The output is of another format than the encoding.
        """
        from edlrr_cli.media.figure import check_figure
        from edlrr_cli.media.save import check_output

        check_output(self.output, *self.inputs, overwrite=self.overwrite, encoding=self.encoding)
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


def output_name(image: Path, suffix: str, wanted: str | None = None) -> str:
    """Return ``<stem><suffix>`` with the extension of an image, .png if that cannot be written.

    Args:
        image: Whose result it is.
        suffix: Between stem and extension.
        wanted: Another extension, without its dot.
    """
    if wanted is not None:
        return f"{image.stem}{suffix}.{wanted}"
    extension = image.suffix if image.suffix.lower() in WRITE_FORMATS else ".png"
    return f"{image.stem}{suffix}{extension}"
