"""Predictors and lossless compression of the strips and tiles of TIFF files."""

from __future__ import annotations

import io
import lzma
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edlrr_cli.media.tiff_codes import (
    DEFLATE,
    FLOATING,
    HORIZONTAL,
    LZMA,
    LZW,
    NONE,
    PACKBITS,
    ZSTD,
    ByteOrder,
)

_BY_LIBTIFF = {LZW: "tiff_lzw", PACKBITS: "packbits", ZSTD: "zstd"}
_STRIP_OFFSETS, _ROWS_PER_STRIP, _STRIP_BYTES = 273, 278, 279


def predicted(samples: NDArray[Any], predictor: int, byteorder: ByteOrder = "<") -> NDArray[np.uint8]:
    """Return the bytes of a segment, (rows, bytes), as differences if there is a predictor.

    Args:
        samples: Shape (rows, columns, c), of any numeric type.
        predictor: Value of the tag Predictor that fits the type.
        byteorder: "<" or ">", that of the file.

    Source: TIFF 6.0, section 14; Adobe Photoshop TIFF technical note 3 for floats.
    """
    rows = len(samples)
    if predictor == FLOATING:
        return _byte_planes(samples)
    if predictor == HORIZONTAL:
        unsigned = samples.view(f"u{samples.itemsize}")
        samples = unsigned.copy()
        samples[:, 1:] -= unsigned[:, :-1]
    ordered = samples.astype(samples.dtype.newbyteorder(byteorder))
    return np.ascontiguousarray(ordered).reshape(rows, -1).view(np.uint8)


def _byte_planes(samples: NDArray[Any]) -> NDArray[np.uint8]:
    """Return byte differences of floats, with the most significant bytes of a row first."""
    rows, columns, num_channels = samples.shape
    big = np.ascontiguousarray(samples.astype(samples.dtype.newbyteorder(">")))
    numbers = big.view(np.uint8).reshape(rows, columns * num_channels, samples.itemsize)
    planes = np.swapaxes(numbers, 1, 2).reshape(rows, -1)
    coded = planes.copy()
    coded[:, num_channels:] -= planes[:, :-num_channels]
    return coded


def compress(rows: NDArray[np.uint8], compression: int) -> bytes:
    """Compress the bytes of a segment, (rows, bytes).

    Args:
        compression: Value of the tag Compression, one of `edlrr_cli.media.tiff_layout`.
    """
    if compression == NONE:
        return rows.tobytes()
    if compression == DEFLATE:
        return zlib.compress(rows.tobytes())
    if compression == LZMA:
        return lzma.compress(rows.tobytes())
    return _compressed_by_libtiff(rows, _BY_LIBTIFF[compression])


def _compressed_by_libtiff(rows: NDArray[np.uint8], name: str) -> bytes:
    """Encode bytes with Pillow's libtiff as the single strip of a gray image."""
    stream = io.BytesIO()
    Image.fromarray(rows).save(stream, format="TIFF", compression=name, tiffinfo={_ROWS_PER_STRIP: len(rows)})
    with Image.open(stream) as image:
        tags: Any = image
        (offset,), (num_bytes,) = tags.tag_v2[_STRIP_OFFSETS], tags.tag_v2[_STRIP_BYTES]
    return stream.getvalue()[offset : offset + num_bytes]
