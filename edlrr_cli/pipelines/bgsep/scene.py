"""What the user knows about a scene: regions that never count, and the background."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.errors import InputError
from edlrr_cli.media.cmyk import to_rgb
from edlrr_cli.media.images import read_image
from edlrr_cli.media.regions import read_region
from edlrr_cli.media.undefined import refuse_undefined
from edlrr_cli.media.video import VideoInfo, describe_size
from edlrr_cli.media.video_sources import fingerprint
from edlrr_cli.pipelines.failures import Record

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SceneFiles:
    """The files that describe a scene; None where not given.

    Attributes:
        ignore: The region that never counts; see `edlrr_cli.media.regions.read_region`.
        background: An image of the empty scene.
    """

    ignore: Path | None = None
    background: Path | None = None

    @property
    def given(self) -> tuple[Path, ...]:
        """Return the files that are given."""
        return tuple(path for path in (self.ignore, self.background) if path is not None)

    def fingerprints(self) -> Record:
        """Return texts that change whenever a file changes, by name.

        Raises:
            InputError: A file is missing.
        """
        return {
            "ignore": self.ignore and fingerprint(self.ignore),
            "background": self.background and fingerprint(self.background),
        }

    def read_ignored(self, info: VideoInfo) -> Bools | None:
        """Return the pixels that never count, shape (h, w); None without a file.

        Raises:
            InputError: The file is unfit for the video.
        """
        return None if self.ignore is None else read_region(self.ignore, info.size_px, "region to ignore")

    def read_background(self, info: VideoInfo) -> Floats | None:
        """Return the empty scene on [0, 1], shape (h, w, c) of the frames; None without a file.

        Raises:
            InputError: The file is unfit for the video.
        """
        return None if self.background is None else _read_background(self.background, info)


def _read_background(path: Path, info: VideoInfo) -> Floats:
    image = read_image(path)
    refuse_undefined(f"background {path}", image.undefined)
    if image.ranged is not None or (image.alpha is not None and (image.alpha < image.peak).any()):
        fault = "has values without a fixed white" if image.ranged is not None else "is partly transparent"
        raise InputError(f"background {path} {fault}", "give a frame of the empty scene")
    pixels = to_rgb(image.pixels)
    if info.num_channels == 1 and (pixels == pixels[..., :1]).all():
        pixels = pixels[..., :1]
    if pixels.shape != (*info.size_px, info.num_channels):
        frames = describe_size((*info.size_px, info.num_channels))
        raise InputError(
            f"background {path} has {describe_size(pixels.shape)}, the frames {frames}",
            "give a frame of the empty scene by the same camera",
        )
    return pixels
