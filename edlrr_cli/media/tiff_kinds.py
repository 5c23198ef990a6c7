"""The kinds of TIFF pages that are read exactly, by this package or Pillow; any other raises an error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from edlrr_cli.errors import InputError
from edlrr_cli.media.tiff_codes import (
    ALPHA,
    BLACK_IS_0,
    FLOAT,
    FLOATING,
    HORIZONTAL,
    LOSSLESS,
    NO_PREDICTOR,
    PALETTE,
    PREMULTIPLIED,
    RGB,
    SEPARATED,
    SIGNED,
    UNSIGNED,
    WHITE_IS_0,
    YCBCR,
)

NUM_COLORS = {WHITE_IS_0: 1, BLACK_IS_0: 1, RGB: 3, SEPARATED: 4}
"""Number of color channels by photometric interpretation, for pages decoded here."""

_NUM_COLORS_BY_PILLOW = {**NUM_COLORS, PALETTE: 1, YCBCR: 3}
_FAX, _OLD_JPEG, _JPEG = (2, 3, 4, 32771), 6, 7
_COMPRESSIONS = (*LOSSLESS, *_FAX, _OLD_JPEG, _JPEG)
_BITS = {UNSIGNED: (*range(1, 17), 32, 64), SIGNED: (8, 16, 32, 64), FLOAT: (16, 32, 64)}
_CMYK_INKS, _INK_SET_TAG, _SAMPLE_FORMAT_TAG = 1, 332, 339
_MAX_CHANNELS = 8
_CONVERT = "convert it to RGB or gray"


def check_size(page: Any) -> None:
    """Check that a page and its tiles have no more pixels than Pillow's limit.

    Raises:
        DecompressionBombError: The limit is exceeded.
    """
    limit = Image.MAX_IMAGE_PIXELS
    sizes = [(page.imagewidth, page.imagelength), (page.tilewidth, page.tilelength)]
    if limit is not None and max(width * height for width, height in sizes) > limit:
        raise Image.DecompressionBombError


def has_segments(page: Any) -> bool:
    """Whether the strips or tiles of a page are reliable; those of old-style JPEG are not."""
    return bool(page.compression != _OLD_JPEG)


def is_decoded_here(page: Any) -> bool:
    """Whether `edlrr_cli.media.tiff_segments` decodes a page instead of Pillow."""
    return page.photometric in NUM_COLORS and page.compression in LOSSLESS


def check_kind(path: Path, page: Any) -> None:
    """Check that a page can be read exactly.

    Raises:
        InputError: It cannot; the message names the reason and a remedy.
    """
    if page.imagedepth > 1 or page.tiledepth > 1:
        raise InputError(f"{path} is a volume of {page.imagedepth} slices", "save the slices as pages")
    if page.compression not in _COMPRESSIONS:
        name = getattr(page.compression, "name", page.compression)
        raise InputError(
            f"{path} is compressed as {name}, which is not supported", "save it with LZW, Deflate or ZSTD"
        )
    if page.photometric not in _NUM_COLORS_BY_PILLOW:
        name = getattr(page.photometric, "name", page.photometric)
        raise InputError(f"{path} has colors of kind {name}, which are not supported", _CONVERT)
    if is_decoded_here(page):
        _check_samples(path, page)
        _check_channels(path, page)
    else:
        _check_kind_of_pillow(path, page)


def _check_samples(path: Path, page: Any) -> None:
    """Check the type of the samples and the predictor."""
    is_float = page.sampleformat == FLOAT
    tag = page.tags.get(_SAMPLE_FORMAT_TAG)
    formats = set(np.ravel(tag.value).tolist()) if tag is not None else {UNSIGNED}
    if len(formats) > 1 or isinstance(page.bitspersample, tuple):
        raise InputError(f"{path} has channels of different types", "give them one type")
    if page.sampleformat not in _BITS:
        raise InputError(f"{path} has samples of an unsupported type", "convert them to 16 bits")
    if page.bitspersample not in _BITS[page.sampleformat]:
        kind = "floats" if is_float else "integers"
        raise InputError(
            f"{path} has {kind} of {page.bitspersample} bits, which are not supported",
            "convert them to 16 or 32 bits",
        )
    is_packed = page.predictor == HORIZONTAL and page.bitspersample % 8
    if page.predictor not in (NO_PREDICTOR, FLOATING if is_float else HORIZONTAL) or is_packed:
        raise InputError(
            f"{path} has the predictor {page.predictor:d}, which is not supported",
            "save it without predictor",
        )


def _check_channels(path: Path, page: Any) -> None:
    """Check that the channels form a gray, RGB or CMYK image."""
    num_colors, num_channels = NUM_COLORS[page.photometric], page.samplesperpixel
    is_float = page.sampleformat == FLOAT
    if is_float and page.photometric not in (BLACK_IS_0, RGB):
        raise InputError(f"{path} has floats that are neither gray nor RGB", "convert it to RGB")
    if num_channels < num_colors:
        raise InputError(f"{path} is truncated or corrupt (channels are missing)", "export the file again")
    most = num_colors + 1 if num_colors == 1 else _MAX_CHANNELS
    if num_channels > most:
        raise InputError(
            f"{path} has {num_channels} channels{' of floats' * is_float}", "give a gray, RGB or CMYK image"
        )
    if page.photometric == SEPARATED and page.tags.valueof(_INK_SET_TAG, _CMYK_INKS) != _CMYK_INKS:
        raise InputError(f"{path} has inks other than cyan, magenta, yellow and black", _CONVERT)


def _check_kind_of_pillow(path: Path, page: Any) -> None:
    """Reject pages that Pillow opens but does not read exactly."""
    num_colors = _NUM_COLORS_BY_PILLOW[page.photometric]
    alphas = [meaning for meaning in page.extrasamples if meaning in (PREMULTIPLIED, ALPHA)]
    num_kept = num_colors + len(alphas[:1])
    if page.compression != _OLD_JPEG and page.samplesperpixel != num_kept:
        raise InputError(
            f"{path} has {page.samplesperpixel} channels, of which {num_kept} can be read",
            "save it with LZW, Deflate or ZSTD",
        )
    if page.bitspersample not in (1, 2, 4, 8) or page.sampleformat != UNSIGNED:
        raise InputError(
            f"{path} has {_name_of(page)} of {page.bitspersample} bits, which are not supported", _CONVERT
        )
    if page.photometric == YCBCR and page.compression == 1 and tuple(page.subsampling or (1, 1)) != (1, 1):
        raise InputError(f"{path} has subsampled YCbCr colors, which are not supported", _CONVERT)


def _name_of(page: Any) -> str:
    return {PALETTE: "a palette", YCBCR: "YCbCr colors"}.get(page.photometric, "samples")
