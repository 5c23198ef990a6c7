"""Still images from what the decoders of this package return: TIFF and EXR."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.errors import InputError
from edlrr_cli.media.decoded import DecodedImage
from edlrr_cli.media.metadata import descriptive_exif, dpi_of, fitting_profile, profile_notes
from edlrr_cli.media.orientation import exchanges_sides, orientation_of, upright, upright_dpi
from edlrr_cli.media.ranged_values import RangedValues
from edlrr_cli.media.still_image import StillImage
from edlrr_cli.media.tags.read import read_tiff_tags
from edlrr_cli.media.undefined import note_on_undefined, undefined_pixels

_ICC_PROFILE_TAG = 34675


def still_from_decoded(path: Path, image: DecodedImage) -> StillImage:
    """Convert decoded samples into an upright still image.

    Args:
        path: The file, for messages.
        image: The samples as stored. Not modified.

    Raises:
        InputError: None of the pixels has a value.
    """
    exif, exif_notes = descriptive_exif(lambda: image.tags)
    orientation = orientation_of(image.tags)
    stored, extra = upright(image.values, orientation), image.extra
    metadata, tag_notes = read_tiff_tags(image.tags, turned=orientation != 1)
    profile = image.tags.get(_ICC_PROFILE_TAG)
    alpha = stored[..., -1] if image.mode[-1] in "aA" else None
    colors = stored if alpha is None else stored[..., :-1]
    undefined = undefined_pixels(stored, colors.shape[2], image.tags)
    ranged = None if stored.dtype in (np.uint8, np.uint16) else _ranged(path, colors, undefined)
    fitted = fitting_profile(profile, colors.shape[2])
    return StillImage(
        pixels=ranged.normalized(colors) if ranged else colors / np.float64(np.iinfo(colors.dtype).max),
        alpha=alpha,
        mode=_mode_of(image),
        format=image.format,
        exif=exif,
        icc_profile=fitted,
        dpi=upright_dpi(dpi_of(image.tags), orientation),
        notes=(
            *image.notes,
            *note_on_undefined(undefined),
            *exif_notes,
            *profile_notes(profile, fitted),
            *tag_notes,
        ),
        ranged=ranged,
        undefined=undefined,
        extra=extra and replace(extra, values=upright(extra.values, orientation)),
        metadata=metadata,
        layout=image.layout,
        is_turned=exchanges_sides(orientation),
    )


def _ranged(path: Path, colors: NDArray[Any], undefined: NDArray[np.bool_] | None) -> RangedValues:
    try:
        return RangedValues.from_values(colors, undefined)
    except InputError as error:
        raise InputError(f"{path}: {error.message}", error.remedy) from None


def _mode_of(image: DecodedImage) -> str:
    if image.values.dtype == np.uint16:
        return "I;16" if image.mode == "L" else f"{image.mode};16"
    return image.mode if image.values.dtype == np.uint8 else f"{image.mode};F"
