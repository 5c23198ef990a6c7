"""The files of one inpainting, and what is read from them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edlrr_cli.errors import InputError
from edlrr_cli.media.encoding import Encoding

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edlrr_cli.cli.settings import MaskSettings
    from edlrr_cli.media.images import Picture
    from edlrr_cli.media.masks import MaskReading


@dataclass(frozen=True)
class Files:
    """The files of one run, absent ones None, and how its picture is written."""

    image: Path
    mask: Path
    reference: Path | None
    output: Path
    figure: Path | None
    error_map: Path | None
    overwrite: bool
    encoding: Encoding

    @property
    def inputs(self) -> list[Path]:
        """Return the files that are read."""
        return [path for path in (self.image, self.mask, self.reference) if path is not None]


@dataclass(frozen=True, eq=False)
class Inputs:
    """What was read.

    Attributes:
        picture: The damaged picture.
        mask: Which of its pixels are known.
        reference: Clean pixels of the picture's shape, or None.
        losses: What the output cannot hold of the picture, one phrase each.
    """

    picture: Picture
    mask: MaskReading
    reference: NDArray[np.float64] | None
    losses: tuple[str, ...]

    @property
    def notes(self) -> list[str]:
        """Return what the user should know about the files, one phrase each."""
        return [*self.picture.notes, *self.losses, f"mask: {self.mask.evidence}"]


def read_inputs(files: Files, mask_settings: MaskSettings) -> Inputs:
    """Read the picture, its mask and the reference.

    Raises:
        InputError: A file is unfit, or they do not fit together.
        OutputError: The output's format cannot hold the picture.
        UsageError: The encoding is of another format.
    """
    from edlrr_cli.media.images import read_picture, read_reference
    from edlrr_cli.media.masks import read_mask
    from edlrr_cli.media.save import check_output, losses

    picture = read_picture(files.image)
    check_output(files.output, overwrite=files.overwrite, like=picture, encoding=files.encoding)
    mask = read_mask(
        files.mask,
        picture,
        mode=mask_settings.mask_mode,
        threshold=mask_settings.mask_threshold,
        dilate=mask_settings.dilate,
    )
    _check_visible(files, picture, mask)
    picture = picture.within(mask.known)
    reference = None if files.reference is None else read_reference(files.reference, picture)
    return Inputs(picture, mask, reference, losses(files.output, picture, files.encoding))


def _check_visible(files: Files, picture: Picture, mask: MaskReading) -> None:
    if picture.visible is not None and not (picture.visible & mask.known).any():
        raise InputError(
            f"mask {files.mask} leaves no pixel of {files.image} known that is not transparent",
            "mark less of the image",
        )
