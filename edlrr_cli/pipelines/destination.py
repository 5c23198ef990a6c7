"""Files and folders of the results."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from edlrr_cli.errors import OutputError, UsageError
from edlrr_cli.media.files import writing
from edlrr_cli.media.formats import WRITE_FORMATS
from edlrr_cli.media.streams import STANDARD_INPUT, STANDARD_OUTPUT
from edlrr_cli.pipelines.inputs import Input


@dataclass(frozen=True)
class Destination:
    """The folder and the names of the results.

    Attributes:
        output: The given file or folder; None for the folder of each input.
        suffix: Between the stem and the extension; None: `_word` beside the input, nothing elsewhere.
        format: The extension of the results, without its dot; None for that of each input.
    """

    output: Path | None
    suffix: str | None
    word: str
    format: str | None = None

    def single(self, source: Input) -> Path:
        """Return the path of the result of a single input: the given file, or a file in the given folder.

        Raises:
            UsageError: Into the folder, and the input has no name.
            OutputError: The name is not valid.
        """
        nameless = source.path is STANDARD_INPUT
        if self.output is None:
            return STANDARD_OUTPUT if nameless else self.batched(source)
        with writing(self.output):
            if self.output is STANDARD_OUTPUT or not self.output.is_dir():
                return self.output
        if nameless:
            raise UsageError(f"standard input has no name for a file in {self.output}", "name the file")
        return self.batched(source)

    def batched(self, source: Input) -> Path:
        """Return the path of the result of one input of a batch.

        Raises:
            OutputError: The output is a file, or its name is not valid.
        """
        if self.output is None:
            suffix = f"_{self.word}" if self.suffix is None else self.suffix
            return source.path.with_name(self.name_of(source.path, suffix))
        with writing(self.output):
            if self.output.is_file():
                raise OutputError(
                    f"output {self.output} is a file, and the results are many", "name a folder"
                )
        return self.output / source.folder / self.name_of(source.path, self.suffix or "")

    def name_of(self, path: Path, suffix: str) -> str:
        """Return ``<stem><suffix>`` with the extension of an input, .png if that cannot be written."""
        if self.format is not None:
            return f"{path.stem}{suffix}.{self.format}"
        extension = path.suffix if path.suffix.lower() in WRITE_FORMATS else ".png"
        return f"{path.stem}{suffix}{extension}"


def make_folders(outputs: Iterable[Path]) -> None:
    """Make the folders of outputs.

    Raises:
        OutputError: One cannot be made.
    """
    for folder in dict.fromkeys(output.parent for output in outputs):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"folder {folder} cannot be made ({error.strerror})", "name another") from error
