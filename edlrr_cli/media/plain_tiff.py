"""Writer of TIFF files: a directory by Pillow, and uncompressed samples of any type and number."""

from __future__ import annotations

import io
from typing import Any

from numpy.typing import NDArray
from PIL.TiffImagePlugin import ImageFileDirectory_v2

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _CHANNELS = 256, 257, 258, 259, 262, 277
_STRIP_OFFSETS, _STRIP_ROWS, _STRIP_BYTES, _EXTRA, _SAMPLE_FORMAT = 273, 278, 279, 338, 339
_DPI_ACROSS, _DPI_DOWN, _DPI_UNIT, _ICC_PROFILE = 282, 283, 296, 34675
_LONG = 4  # type of a number in a TIFF directory
_UNSIGNED, _FLOAT = 1, 3  # formats of a sample
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_PHOTOMETRICS = {"L": 1, "I": 1, "R": 2, "C": 5}  # by the first letter of a mode
_ALPHA_MEANINGS = {"A": 2, "a": 1}


def encode_tiff(
    values: NDArray[Any],
    mode: str = "",
    *,
    extra_samples: tuple[int, ...] = (),
    dpi: tuple[float, float] | None = None,
    icc_profile: bytes = b"",
    tiffinfo: ImageFileDirectory_v2 | None = None,
) -> bytes:
    """Encode a TIFF file: Pillow's directory, followed by the pixels in one uncompressed strip.

    Args:
        values: Shape (h, w, c), unsigned or floating: the channels of ``mode``, then the extra ones.
        mode: "L", "LA", "RGB", "RGBA" or "CMYK", with an optional suffix after a semicolon; with "a" the
            colors are premultiplied with alpha. Empty: derived from 1 to 4 channels of gray or RGB.
        extra_samples: Meanings of further channels, as values of the tag ExtraSamples.
        dpi: Horizontal and vertical resolution.
        tiffinfo: Descriptive and carried tags; modified.

    Returns:
        The content of the file.
    """
    height, width, num_channels = values.shape
    kind = (mode or _MODES[num_channels]).partition(";")[0]
    alpha = tuple(_ALPHA_MEANINGS[letter] for letter in kind[-1] if letter in _ALPHA_MEANINGS)
    pixels = values.astype(values.dtype.newbyteorder("<")).tobytes()
    tags: Any = ImageFileDirectory_v2() if tiffinfo is None else tiffinfo
    if dpi is not None:
        tags[_DPI_ACROSS], tags[_DPI_DOWN], tags[_DPI_UNIT] = *dpi, 2  # per inch
    if icc_profile:
        tags[_ICC_PROFILE] = icc_profile
    for tag, value in ((_STRIP_OFFSETS, 0), (_STRIP_BYTES, len(pixels)), (_STRIP_ROWS, height)):
        tags.tagtype[tag] = _LONG
        tags[tag] = value  # the offset is relative to the end of the directory
    tags[_WIDTH], tags[_HEIGHT], tags[_CHANNELS] = width, height, num_channels
    tags[_BITS], tags[_COMPRESSION] = (8 * values.itemsize,) * num_channels, 1
    tags[_PHOTOMETRIC] = _PHOTOMETRICS[kind[0]]
    tags[_SAMPLE_FORMAT] = (_FLOAT if values.dtype.kind == "f" else _UNSIGNED,) * num_channels
    if alpha or extra_samples:
        tags[_EXTRA] = (*alpha, *extra_samples)
    stream = io.BytesIO()
    tags.save(stream)
    return stream.getvalue() + pixels
