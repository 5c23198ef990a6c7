"""The settings of a clip's restoration and of the file that is written; importable without torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from edlrr_cli.errors import UsageError
from edlrr_cli.pipelines.clips.encoding import VideoEncoding
from edlrr_cli.pipelines.failures import Record
from edlrr_cli.pipelines.inpaint.settings import Settings as InpaintSettings


@dataclass(frozen=True)
class Settings:
    """All settings of a run: those of single images, and the encoding.

    Raises:
        UsageError: A setting that clips do not have.
    """

    inpaint: InpaintSettings
    encoding: VideoEncoding

    def __post_init__(self) -> None:
        if not self.inpaint.is_ours:
            raise UsageError(f"--method {self.inpaint.choice.method} is for images", "leave it out for clips")
        if self.inpaint.config.noise != 0:
            raise UsageError("--noise is for images; the known pixels of clips are kept", "leave it out")

    def as_record(self) -> Record:
        """Return the settings by name."""
        return {**self.inpaint.as_record(), **asdict(self.encoding)}
