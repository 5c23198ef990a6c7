"""Properties of output files: their format, the pages that they hold, and whether they are mere copies."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from edlrr_cli.media.encoding import DEFAULT_ENCODING, Encoding
from edlrr_cli.media.files import check_target, write_pieces
from edlrr_cli.media.formats import WRITE_FORMATS
from edlrr_cli.media.still_image import StillImage
from edlrr_cli.media.streams import STANDARD_OUTPUT, open_input, write_standard_output

_CHUNK_BYTES = 2**24


def format_of(path: Path, like: StillImage, encoding: Encoding = DEFAULT_ENCODING) -> str:
    """Return Pillow's name of the format of an output for an image."""
    if path is not STANDARD_OUTPUT:
        return WRITE_FORMATS[path.suffix.lower()]
    if encoding.format is not None:
        return WRITE_FORMATS[f".{encoding.format}"]
    return like.format if like.format in WRITE_FORMATS.values() else "PNG"


def keeps_pages(path: Path, encoding: Encoding = DEFAULT_ENCODING) -> bool:
    """Whether an output holds all pages of a TIFF that was read."""
    if path is STANDARD_OUTPUT:
        return encoding.format is None or WRITE_FORMATS[f".{encoding.format}"] == "TIFF"
    return WRITE_FORMATS.get(path.suffix.lower()) == "TIFF"


def page_written(path: Path, page: int) -> int:
    """Return the page of an output file that holds the image read from a page of the input."""
    return page if WRITE_FORMATS.get(path.suffix.lower()) == "TIFF" else 1


def is_copy(path: Path, like: StillImage, encoding: Encoding = DEFAULT_ENCODING) -> bool:
    """Whether a file without changes can be written as it is: format and metadata remain the same."""
    as_read = encoding.jpeg_quality is None and not encoding.strip_metadata
    return as_read and format_of(path, like, encoding) == like.format


def copy_image(path: Path, source: Path, *, overwrite: bool) -> None:
    """Write the content of an image file, byte by byte.

    Args:
        path: Output file, replaced atomically. Or `STANDARD_OUTPUT`.
        source: File, or a stream, see `edlrr_cli.media.streams.open_input`.

    Raises:
        OutputError: The output exists, or cannot be written.
    """
    with open_input(source) as stream:
        if path is STANDARD_OUTPUT:
            write_standard_output(stream.read())
            return
        check_target(path, source, overwrite=overwrite)
        write_pieces(path, iter(partial(stream.read, _CHUNK_BYTES), b""))
