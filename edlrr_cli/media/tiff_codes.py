"""Values of the tags of TIFF files (TIFF 6.0 and its supplements) that readers and writers share."""

from typing import Literal

ByteOrder = Literal["<", ">"]
"""Little-endian or big-endian."""

NONE, LZW, DEFLATE, OLD_DEFLATE, PACKBITS, LZMA, ZSTD = 1, 5, 8, 32946, 32773, 34925, 50000
"""Lossless compression schemes; the two of Deflate are one."""

LOSSLESS = (NONE, LZW, DEFLATE, OLD_DEFLATE, PACKBITS, LZMA, ZSTD)
"""Compression schemes that are decoded by this package for all sample types."""

NO_PREDICTOR, HORIZONTAL, FLOATING = 1, 2, 3
"""Predictors: none, of integers, of floats."""

FILL_FROM_LOWEST = 2
"""Fill order in which the first pixel is the lowest bit of a byte."""

SEPARATE_PLANES = 2
"""Planar configuration of one plane for each channel."""

WHITE_IS_0, BLACK_IS_0, RGB, PALETTE, SEPARATED, YCBCR = 0, 1, 2, 3, 5, 6
"""Photometric interpretations."""

PREMULTIPLIED, ALPHA = 1, 2
"""Meanings of an extra channel."""

UNSIGNED, SIGNED, FLOAT = 1, 2, 3
"""Sample formats."""
