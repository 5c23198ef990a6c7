"""The encoding of clips; importable without torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edlrr_cli.errors import OutputError
from edlrr_cli.media.codecs import CONTAINERS, check_encoding, container_for

DEFAULT_CRF = 18
"""Constant rate factor of clips."""


@dataclass(frozen=True)
class VideoEncoding:
    """Encoding of clips.

    Attributes:
        codec: One of `edlrr_cli.media.codecs.CODECS`; None for the container's own.
        crf: Constant rate factor, 0 (best) .. 51 (worst).
    """

    codec: str | None = None
    crf: int = DEFAULT_CRF

    def suffix_for(self, source: Path) -> str:
        """Return the suffix of a result beside its source: the same if that container holds the codec."""
        codecs = CONTAINERS.get(source.suffix.lower(), ())
        fits = codecs and self.codec in (None, *codecs)
        return source.suffix if fits else container_for(self.codec) if self.codec else ".mkv"

    def check(self, output: Path) -> None:
        """Refuse an output that cannot be written so.

        Raises:
            OutputError: The extension is of no container.
            UsageError: The codec does not go into the container, or the rate factor is outside its range.
        """
        suffix = output.suffix.lower()
        if suffix not in CONTAINERS:
            known = " ".join(CONTAINERS)
            raise OutputError(f"output {output}: a clip cannot be written as {suffix!r}", f"name it {known}")
        check_encoding(suffix, self.codec, self.crf)
