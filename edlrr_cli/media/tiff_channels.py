"""Conversion of the samples of a TIFF page to colors (8 or 16 bits, or floats), alpha and extra channels."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edlrr_cli.errors import InputError
from edlrr_cli.media.decoded import DecodedImage, ExtraChannels
from edlrr_cli.media.tiff_codes import ALPHA, PREMULTIPLIED, SEPARATED, WHITE_IS_0
from edlrr_cli.media.tiff_kinds import NUM_COLORS

_MODES = {1: "L", 3: "RGB", 4: "CMYK"}
_COREL_ALPHA = 999  # transparency as written by Corel Draw 10


def image_of(path: Path, page: Any, samples: NDArray[Any], tags: Image.Exif) -> DecodedImage:
    """Convert the samples as stored to an image.

    Args:
        path: Path for messages.
        page: A page of tifffile that passed `edlrr_cli.media.tiff_kinds.check_kind`.
        samples: Samples of the page, shape (h, w, c).
        tags: Tags of the page.

    Raises:
        InputError: Integers exceed the levels of 8 or 16 bits.
    """
    values, notes = _to_common_type(path, page, samples)
    num_colors = NUM_COLORS[page.photometric]
    if page.photometric == WHITE_IS_0:
        values[..., 0] = np.iinfo(values.dtype).max - values[..., 0]
    meanings, meaning_notes = _meanings(page, range(num_colors, values.shape[2]))
    alpha, others = _alpha_and_others(meanings, num_colors)
    shown, mode = [*range(num_colors)], _MODES[num_colors]
    if alpha is not None:
        shown, mode = [*shown, alpha], mode + ("a" if meanings[alpha] == PREMULTIPLIED else "A")
    if not others:
        return DecodedImage(values[..., shown], mode, "TIFF", tags, notes + meaning_notes)
    extra = ExtraChannels(values[..., others], tuple(meanings[channel] for channel in others))
    named = " and ".join(str(channel + 1) for channel in others)
    notes += (f"channel {named} is neither color nor transparency: kept as it is, not restored",)
    return DecodedImage(values[..., shown], mode, "TIFF", tags, notes + meaning_notes, extra)


def is_alpha_first(page: Any) -> bool:
    """Whether no other channel is between the colors and the transparency, as in the file that is written.

    Args:
        page: As in `image_of`.
    """
    num_colors = NUM_COLORS[page.photometric]
    alpha, _ = _alpha_and_others(_meanings(page, range(num_colors, page.samplesperpixel))[0], num_colors)
    return alpha in (None, num_colors)


def _alpha_and_others(meanings: dict[int, int], num_colors: int) -> tuple[int | None, list[int]]:
    """Return the channel that is transparency, if any, and those that are neither it nor color."""
    alpha = next((channel for channel, meaning in meanings.items() if meaning and num_colors < 4), None)
    return alpha, [channel for channel in meanings if channel != alpha]


def _to_common_type(path: Path, page: Any, samples: NDArray[Any]) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Return samples in native byte order, packed integers as 8 or 16 bits, and notes on the change."""
    bits, kind = page.bitspersample, samples.dtype.kind
    if bits % 8:  # packed
        peak, dtype = (255, np.uint8) if bits < 8 else (65535, np.uint16)
        notes = () if bits < 8 else (f"{bits} bits per channel became 16, black and white the same",)
        return np.rint(samples * (peak / (2**bits - 1))).astype(dtype), notes
    if page.photometric == WHITE_IS_0 and kind == "i":
        raise InputError(f"{path} has integers with a sign of which 0 is white", "convert it to black is 0")
    return samples.astype(samples.dtype.newbyteorder("=")), ()


def _meanings(page: Any, channels: range) -> tuple[dict[int, int], tuple[str, ...]]:
    """Return the meaning of each channel after the colors, and a note if it is an assumption."""
    stated = [ALPHA if meaning == _COREL_ALPHA else meaning for meaning in page.extrasamples]
    if len(channels) == 1 and not stated and page.photometric != SEPARATED:
        note = f"channel {channels[0] + 1} was taken for transparency, which the file does not specify"
        return {channels[0]: ALPHA}, (note,)
    known = [meaning if meaning in (PREMULTIPLIED, ALPHA) else 0 for meaning in stated]
    return dict(zip_longest(channels, known[: len(channels)], fillvalue=0)), ()
