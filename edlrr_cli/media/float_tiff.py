"""TIFF files of floats, read by tifffile; their claims are checked before anything is decoded."""

from __future__ import annotations

import logging
import math
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from edlrr_cli.errors import InputError
from edlrr_cli.media.floats import FloatImage

if TYPE_CHECKING:
    from tifffile import TiffPage

_MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_SAMPLE_FORMAT, _FLOAT = 339, 3
_FLOAT_BITS = (16, 32, 64)
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_PREMULTIPLIED, _ALPHA = 1, 2  # meanings of an extra channel
_GRAY_OR_RGB = (1, 2)
_NONE, _LZW, _PACKBITS = 1, 5, 32773
_DEFLATE = (8, 32946)
_CLEAN_REMEDY = "get or export the file again"
_PLAIN_REMEDY = "save it without compression or with plain Deflate"


def read_float_tiff(path: Path, stream: BinaryIO) -> FloatImage | None:
    """Read the first page of a TIFF of floats.

    Args:
        path: Named in messages only.
        stream: At the start of the file.

    Returns:
        The picture; None if the file is no TIFF, or one of integers.

    Raises:
        InputError: It is of a kind that cannot be read, or parts of it are missing.
        Exception: The file is corrupt; whatever the decoders raise.
    """
    head = stream.read(16)
    if head[:4] not in _MAGICS:
        return None
    tags = _tags(head, stream)
    if not np.any(np.equal(tags.get(_SAMPLE_FORMAT, 0), _FLOAT)):
        return None
    from tifffile import TiffFile

    logging.getLogger("tifffile").addHandler(logging.NullHandler())  # it tells stderr of odd tags
    stream.seek(0)
    with TiffFile(stream) as file:
        page: Any = file.pages.first
        _check_kind(path, page)
        _check_size(page)
        _check_codec(path, page)
        _check_segments(path, page, stream)
        values = np.moveaxis(page.asarray(), 0, -1) if page.axes == "SYX" else page.asarray()
    values = np.atleast_3d(values)
    mode, notes = _mode(page, values.shape[2])
    return FloatImage(values.astype(values.dtype.newbyteorder("=")), mode, "TIFF", tags, notes)


def _tags(head: bytes, stream: BinaryIO) -> Image.Exif:
    tags = Image.Exif()
    tags.endian, tags.bigtiff = ("<" if head[:2] == b"II" else ">"), b"+" in head[2:4]
    directory = ImageFileDirectory_v2(head if tags.bigtiff else head[:8])
    tags.load_from_fp(stream, directory.next)
    return tags


def _check_kind(path: Path, page: TiffPage) -> None:
    if page.dtype is None or page.dtype.kind != "f" or page.bitspersample not in _FLOAT_BITS:
        raise InputError(f"{path} has floats of unusual size", "convert them to 32 bits")
    if page.axes not in ("YX", "YXS", "SYX") or page.samplesperpixel not in _MODES:
        raise InputError(
            f"{path} has {page.samplesperpixel} channels of floats", "give a gray or RGB picture"
        )
    if page.photometric not in _GRAY_OR_RGB:
        raise InputError(f"{path} has floats that are neither gray nor RGB", "convert it to RGB")


def _check_size(page: TiffPage) -> None:
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and page.imagewidth * page.imagelength > limit:
        raise Image.DecompressionBombError


def _check_codec(path: Path, page: TiffPage) -> None:
    from tifffile import TIFF

    problem = f"{path} has floats compressed as {getattr(page.compression, 'name', page.compression)}"
    if page.compression not in (_NONE, _LZW, _PACKBITS, *_DEFLATE):
        raise InputError(problem, _PLAIN_REMEDY)
    try:
        _ = TIFF.DECOMPRESSORS[page.compression], TIFF.UNPREDICTORS[page.predictor]
    except KeyError:  # tifffile leaves LZW and the predictor of floats to imagecodecs
        raise InputError(
            f"{problem} with predictor {int(page.predictor)}", f"pip install imagecodecs, or {_PLAIN_REMEDY}"
        ) from None


def _check_segments(path: Path, page: TiffPage, stream: BinaryIO) -> None:
    """Refuse strips and tiles that are missing, cut off or a bomb; tifffile fills them with 0."""
    whole = math.prod(page.chunks) * page.dtype.itemsize  # type: ignore[union-attr]  # checked before
    spans = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    if len(spans) != math.prod(page.chunked):
        raise InputError(f"{path} is truncated or corrupt (parts are missing)", _CLEAN_REMEDY)
    for index, (offset, num_bytes) in enumerate(spans):
        stream.seek(offset)
        data = stream.read(num_bytes)
        least = math.prod(page.decode(None, index)[2]) * page.dtype.itemsize  # type: ignore[union-attr]
        if len(data) < num_bytes or not least <= _decoded_size(page, data, whole) <= whole:
            raise InputError(f"{path} is truncated or corrupt (part {index} is incomplete)", _CLEAN_REMEDY)


def _decoded_size(page: TiffPage, data: bytes, limit: int) -> int:
    """Return how many bytes come out of compressed ones; of those of Deflate, no more than just too many."""
    if page.compression in _DEFLATE:
        return len(zlib.decompressobj().decompress(data, limit + 1))
    if page.compression == _NONE:
        return min(len(data), limit)  # some writers pad
    from tifffile import TIFF

    return min(len(TIFF.DECOMPRESSORS[page.compression](data)), limit)


def _mode(page: TiffPage, num_channels: int) -> tuple[str, tuple[str, ...]]:
    mode = _MODES[num_channels]
    if num_channels in (1, 3):
        return mode, ()
    meaning = page.extrasamples[-1] if page.extrasamples else None
    if meaning == _PREMULTIPLIED:
        return mode.replace("A", "a"), ()
    notes = () if meaning == _ALPHA else (f"channel {num_channels} was taken for transparency and kept",)
    return mode, notes
