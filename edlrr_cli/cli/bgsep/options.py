"""Options of ``edlrr bgsep`` and what becomes of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import click

from edlrr_cli.cli.options import REG, options_of
from edlrr_cli.media.codecs import CODECS, CONTAINERS, check_encoding, container_for
from edlrr_cli.tasks.bgsep.config import FITS, METHODS, SOLVERS, Config

MASK_FORMATS = ("mp4", "png")


@dataclass(frozen=True)
class Encoding:
    """How videos are written.

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
    """All settings of a run: of the separation and of its outputs."""

    config: Config
    encoding: Encoding

    def as_record(self) -> dict[str, Any]:
        """Return them by name."""
        return {**asdict(self.config), **asdict(self.encoding)}


_HELP = {
    "method": "What tells foreground from background: ours, the median, or a subtractor of OpenCV.",
    "reg": "Penalty on the singular values; 'edlrr show regs' lists them.",
    "gamma": "Shape of the penalty. [default: the penalty's own]",
    "solver": "Adam, or augmented Lagrange multipliers, exact but for --reg nuclear alone.",
    "fit": "Fit every pixel to a subspace found on some frames and pixels, or all frames and pixels at once.",
    "lam": "Weight of the penalty, 1 for that of principal component pursuit. [default: 3, full: 1]",
    "steps": "Adam steps.",
    "window": "Frames that share a model of the background. [default: 600, full: 100]",
    "overlap": "Frames that neighbouring windows share, to fade between them. [default: half the window]",
    "threshold": "Difference from the background that is foreground, in levels of 255. [default: by pixel]",
    "min_blob_px": "Foreground areas, and holes in them, of fewer pixels are removed.",
    "shadows": "Count cast shadows as foreground, or not.",
    "device": "auto, cpu, cuda or cuda:N.",
    "seed": "Of the pixels that are drawn at random.",
    "codec": "Of the videos; ffv1 is lossless. [default: the container's own]",
    "quality": "Of the videos, from 0 (best) to 51 (worst).",
    "format": "Container of the videos. [default: mp4, or one that holds the codec]",
    "mask_format": "Masks as a video like the others, or as lossless images mask/000000.png and so on.",
}

_KINDS = {
    "method": click.Choice(METHODS),
    "reg": REG,
    "solver": click.Choice(SOLVERS),
    "fit": click.Choice(FITS),
    "codec": click.Choice(tuple(CODECS)),
    "format": click.Choice([suffix[1:] for suffix in CONTAINERS]),
    "mask_format": click.Choice(MASK_FORMATS),
}

separation_options = options_of((Config, Encoding), _HELP, _KINDS)
"""Give a command one option per setting; the value is None where the flag is not given."""


def resolve(flags: dict[str, Any]) -> Settings:
    """Return the settings that the flags ask for.

    Args:
        flags: Setting -> value; None means that the flag was not given.

    Raises:
        UsageError: A value is outside its domain.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    encoding = {name: given.pop(name) for name in asdict(Encoding()) if name in given}
    return Settings(Config(**given), Encoding(**encoding))
