"""Writer of TIFF files: a directory by Pillow, and strips or tiles of samples of any type and number."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from edlrr_cli.media.tiff_codes import (
    ALPHA,
    BLACK_IS_0,
    FLOAT,
    NO_PREDICTOR,
    PREMULTIPLIED,
    RGB,
    SEPARATE_PLANES,
    SEPARATED,
    SIGNED,
    UNSIGNED,
    WHITE_IS_0,
    ByteOrder,
)
from edlrr_cli.media.tiff_compression import compress, predicted
from edlrr_cli.media.tiff_layout import DEFAULT_LAYOUT, TiffLayout
from edlrr_cli.media.tiff_pages import NO_PAGES, OtherPages, StoredPage, join_pages

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _CHANNELS = 256, 257, 258, 259, 262, 277
_STRIP_ROWS, _PLANES, _PREDICTOR, _TILE_WIDTH, _TILE_HEIGHT = 278, 284, 317, 322, 323
_EXTRA, _SAMPLE_FORMAT = 338, 339
_DPI_ACROSS, _DPI_DOWN, _DPI_UNIT, _ICC_PROFILE = 282, 283, 296, 34675
_LONG = 4  # type of a number in a TIFF directory
_SAMPLE_FORMATS = {"u": UNSIGNED, "i": SIGNED, "f": FLOAT}  # by the kind of a dtype
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_PHOTOMETRICS = {"L": BLACK_IS_0, "I": BLACK_IS_0, "R": RGB, "C": SEPARATED}  # by the first letter of a mode
_ALPHA_MEANINGS = {"A": ALPHA, "a": PREMULTIPLIED}


def encode_page(
    values: NDArray[Any],
    mode: str = "",
    *,
    layout: TiffLayout = DEFAULT_LAYOUT,
    byteorder: ByteOrder = "<",
    extra_samples: tuple[int, ...] = (),
    dpi: tuple[float, float] | None = None,
    icc_profile: bytes = b"",
    tiffinfo: ImageFileDirectory_v2 | None = None,
) -> StoredPage:
    """Encode a page of a TIFF file: the tags, and the strips or tiles.

    Args:
        values: Shape (h, w, c), integers or floating: the channels of ``mode``, then the extra ones.
        mode: "L", "LA", "RGB", "RGBA" or "CMYK", with an optional suffix after a semicolon; with "a" the
            colors are premultiplied with alpha. Empty: derived from 1 to 4 channels of gray or RGB.
        layout: Division and compression.
        byteorder: "<" or ">", that of the whole file.
        extra_samples: Meanings of further channels, as values of the tag ExtraSamples.
        dpi: Horizontal and vertical resolution.
        tiffinfo: Descriptive and carried tags; modified.
    """
    tags = page_tags(
        values,
        mode,
        layout=layout,
        extra_samples=extra_samples,
        dpi=dpi,
        icc_profile=icc_profile,
        tiffinfo=tiffinfo,
    )
    segments = _segments(as_photometric(values, tags), layout, byteorder)
    return StoredPage(tags, segments, layout.tile_px is not None, sum(map(len, segments)))


def page_tags(
    values: NDArray[Any],
    mode: str,
    *,
    layout: TiffLayout,
    extra_samples: tuple[int, ...],
    dpi: tuple[float, float] | None = None,
    icc_profile: bytes = b"",
    tiffinfo: ImageFileDirectory_v2 | None = None,
) -> Any:
    """Return the tags of a page, without those of its segments; the arguments are those of `encode_page`."""
    kind = (mode or _MODES[values.shape[2]]).partition(";")[0]
    tags: Any = ImageFileDirectory_v2() if tiffinfo is None else tiffinfo
    if dpi is not None:
        tags[_DPI_ACROSS], tags[_DPI_DOWN], tags[_DPI_UNIT] = *dpi, 2  # per inch
    if icc_profile:
        tags[_ICC_PROFILE] = icc_profile
    _describe_samples(tags, values, kind, extra_samples)
    if layout.white_is_0 and kind[0] in "LI" and values.dtype.kind == "u":
        tags[_PHOTOMETRIC] = WHITE_IS_0
    _describe_layout(tags, values, layout)
    return tags


def encode_tiff(
    values: NDArray[Any], mode: str = "", *, others: OtherPages = NO_PAGES, **settings: Any
) -> bytes:
    """Encode a TIFF file of a page and those around it.

    Args:
        others: Further pages, whose byte order is used.
        values, mode, **settings: See `encode_page`.

    Returns:
        The content of the file.
    """
    return join_pages(encode_page(values, mode, byteorder=others.byteorder, **settings), others)


def _describe_samples(tags: Any, values: NDArray[Any], kind: str, extra_samples: tuple[int, ...]) -> None:
    height, width, num_channels = values.shape
    tags[_WIDTH], tags[_HEIGHT], tags[_CHANNELS] = width, height, num_channels
    tags[_BITS] = (8 * values.itemsize,) * num_channels
    tags[_PHOTOMETRIC] = _PHOTOMETRICS[kind[0]]
    tags[_SAMPLE_FORMAT] = (_SAMPLE_FORMATS[values.dtype.kind],) * num_channels
    alpha = tuple(_ALPHA_MEANINGS[letter] for letter in kind[-1] if letter in _ALPHA_MEANINGS)
    if alpha or extra_samples:
        tags[_EXTRA] = (*alpha, *extra_samples)


def _describe_layout(tags: Any, values: NDArray[Any], layout: TiffLayout) -> None:
    tags[_COMPRESSION] = layout.compression
    predictor = layout.predictor_for(values)
    if predictor != NO_PREDICTOR:
        tags[_PREDICTOR] = predictor
    if layout.is_planar:
        tags[_PLANES] = SEPARATE_PLANES
    rows, columns = layout.segment_px(values)
    sizes = {_STRIP_ROWS: rows} if layout.tile_px is None else {_TILE_HEIGHT: rows, _TILE_WIDTH: columns}
    for tag, size in sizes.items():
        tags.tagtype[tag] = _LONG
        tags[tag] = size


def as_photometric(values: NDArray[Any], tags: Any) -> NDArray[Any]:
    """Return samples (h, w, c) as the tags of `page_tags` state them: gray inverted where 0 is white."""
    if tags[_PHOTOMETRIC] != WHITE_IS_0:
        return values
    return np.dstack([np.iinfo(values.dtype).max - values[..., :1], values[..., 1:]])


def _segments(values: NDArray[Any], layout: TiffLayout, byteorder: ByteOrder) -> list[bytes]:
    """Return the compressed strips or tiles, plane by plane, from top to bottom and left to right."""
    encoded = partial(encode_segment, layout=layout, byteorder=byteorder)
    with ThreadPoolExecutor() as threads:
        return list(threads.map(encoded, _parts(values, layout)))


def encode_segment(samples: NDArray[Any], *, layout: TiffLayout, byteorder: ByteOrder) -> bytes:
    """Compress a strip or tile; a tile at the border is filled up.

    Args:
        samples: Shape (rows, columns, c), c = 1 for one of several planes.
    """
    if layout.tile_px is not None:
        missing = [whole - size for whole, size in zip(layout.tile_px, samples.shape, strict=False)]
        samples = np.pad(samples, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")
    predictor = layout.predictor_for(samples)
    return compress(predicted(np.ascontiguousarray(samples), predictor, byteorder), layout.compression)


def _parts(values: NDArray[Any], layout: TiffLayout) -> Iterator[NDArray[Any]]:
    tall, wide = layout.segment_px(values)
    planes = np.split(values, values.shape[2], axis=2) if layout.is_planar else [values]
    for plane in planes:
        for y, x in itertools.product(range(0, len(plane), tall), range(0, plane.shape[1], wide)):
            yield plane[y : y + tall, x : x + wide]
