"""The settings of a separation and of the files it writes; importable without torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from edlrr_cli.media.codecs import check_encoding, container_for
from edlrr_cli.pipelines.failures import Record
from edlrr_cli.tasks.bgsep.config import Config

MASK_FORMATS = ("mp4", "png")


@dataclass(frozen=True)
class Encoding:
    """Encoding of the videos.

    Attributes:
        codec: One of `edlrr_cli.media.codecs.CODECS`; None for the container's own.
        quality: Constant rate factor, 0 (best) .. 51 (worst).
        format: Container, a suffix of `edlrr_cli.media.codecs.CONTAINERS` without its dot; None for one that
            holds the codec.
        mask_format: One of `MASK_FORMATS`; ``"mp4"`` for a video like the others.

    Raises:
        UsageError: The codec does not go into the container, or a quality outside its range.
    """

    codec: str | None = None
    quality: int = 18
    format: str | None = None
    mask_format: str = "mp4"

    def __post_init__(self) -> None:
        check_encoding(self.suffix, self.codec, self.quality)

    @property
    def suffix(self) -> str:
        """Return the suffix of the videos."""
        return container_for(self.codec) if self.format is None else f".{self.format}"


@dataclass(frozen=True)
class Settings:
    """All settings of a run: the separation, and the encoding of its outputs."""

    config: Config
    encoding: Encoding

    def as_record(self) -> Record:
        """Return the settings by name."""
        return {**asdict(self.config), **asdict(self.encoding)}
