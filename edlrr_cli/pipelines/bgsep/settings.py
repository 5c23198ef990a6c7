"""The settings of a separation and of the files it writes; importable without torch."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

from edlrr_cli.media.codecs import check_encoding, container_for
from edlrr_cli.pipelines.failures import Record
from edlrr_cli.tasks.bgsep.config import Config
from edlrr_cli.tasks.checks import require

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
class Tables:
    """Tables of what moves, and the clips that belong to them.

    Attributes:
        objects: Write a table of the objects in each frame.
        events: Write a table of the times in which anything moves.
        event_clips: Also cut these times out of the source; implies ``events``.
        event_gap: Events with a pause of fewer seconds between them are one.
        event_min: Events in which something moves for fewer seconds are left out.

    Raises:
        UsageError: A time is negative.
    """

    objects: bool = False
    events: bool = False
    event_clips: bool = False
    event_gap: float = 2.0
    event_min: float = 0.2

    def __post_init__(self) -> None:
        for name in ("event_gap", "event_min"):
            value = getattr(self, name)
            require(math.isfinite(value) and value >= 0, name, "0 or more seconds", value)

    @property
    def lists_events(self) -> bool:
        """Whether events are searched."""
        return self.events or self.event_clips


@dataclass(frozen=True)
class Settings:
    """All settings of a run: the separation, the encoding of its outputs, and its tables."""

    config: Config
    encoding: Encoding
    tables: Tables

    def as_record(self) -> Record:
        """Return the settings by name."""
        return {**asdict(self.config), **asdict(self.encoding), **asdict(self.tables)}
