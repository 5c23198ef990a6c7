"""The settings of a clip's denoising and of the file that is written; importable without torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from edlrr_cli.pipelines.clips.encoding import VideoEncoding
from edlrr_cli.pipelines.failures import Record
from edlrr_cli.pipelines.noise_levels import to_levels
from edlrr_cli.tasks.denoise.config import Config


@dataclass(frozen=True)
class Settings:
    """All settings of a run: those of single images, and the encoding."""

    config: Config
    encoding: VideoEncoding

    def as_record(self) -> Record:
        """Return the settings by name, the noise level on 0..255."""
        return {**asdict(self.config), "sigma": to_levels(self.config.sigma), **asdict(self.encoding)}
