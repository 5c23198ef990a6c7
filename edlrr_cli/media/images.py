"""Still images: any file that can be decoded becomes floats in [0, 1], which `media.save` writes back.

Files are untrusted: Pillow lets its decoders raise any exception, so all of them are caught in one function
(`decoding_errors`) and become one `InputError` that names the file.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from edlrr_cli.errors import InputError
from edlrr_cli.media.decoded import DecodedImage
from edlrr_cli.media.exr import MAGIC as EXR_MAGIC
from edlrr_cli.media.exr import read_exr
from edlrr_cli.media.formats import FORMATS, RAW_EXTENSIONS
from edlrr_cli.media.from_decoded import still_from_decoded
from edlrr_cli.media.from_pillow import still_from_pillow
from edlrr_cli.media.plugins import NUM_MAGIC_BYTES, PLUGINS, plugin_for
from edlrr_cli.media.still_image import StillImage, check_sides
from edlrr_cli.media.streams import is_stream, open_input
from edlrr_cli.media.tiff import DEVELOP, TiffImages
from edlrr_cli.media.tiff import MAGICS as TIFF_MAGICS
from edlrr_cli.media.tiff_page import TiffPage
from edlrr_cli.media.undefined import refuse_undefined

_MAX_NAMED = 8  # pages that a note names
_PILLOW_FORMATS = tuple(
    each.name for each in FORMATS if each.name not in ("EXR", *(plugin.format for plugin in PLUGINS))
)


def read_image(path: Path, page: int = 1, *, with_similar: bool = False) -> StillImage:
    """Read an image of an image file.

    Gray and CMYK are kept, 1-bit becomes gray, a palette and YCbCr become RGB, a transparent color becomes
    alpha. 16 bits are kept in gray, and in color of PNG, PPM and TIFF; other color is read as 8 bits, with a
    note. Floats (TIFF, EXR), signed, 32-bit and 64-bit integers (TIFF) keep their type. The EXIF orientation
    is applied and its tag dropped. The further pages of a TIFF are kept as stored;
    other frames are left out. A note names their number.

    Args:
        path: PNG, JPEG, TIFF, BMP, GIF, WebP, PPM, JPEG 2000, AVIF or EXR file, HEIC or JPEG XL with a
            plug-in of Pillow, or a stream, see `open_input`.
        page: Which page of a TIFF, or frame, from 1.
        with_similar: Find the pages of a TIFF that have the size and the kind of this one, which the caller
            reads as well; the notes name the others only.

    Returns:
        The image; values are k / 255 or k / 65535 exactly as rounded, so `save_image` restores k.
        Others are mapped to [0, 1] by their own range, see `edlrr_cli.media.ranged_values`.

    Raises:
        InputError: The file is missing, empty, not an image, truncated, corrupt, too large, smaller than
            2 x 2 pixels, without any value but NaN and Inf, or cannot be read exactly.
    """
    with open_images(path) as images:
        return images.read_with_others(page - 1, with_similar=with_similar)


def has_similar_pages(path: Path) -> bool:
    """Whether a file is a TIFF with further pages of the size and the kind of the first one.

    False for a file that cannot be read.
    """
    try:
        with open_images(path) as images:
            return len(images.similar(0)) > 1
    except InputError:
        return False


def num_pages(path: Path) -> int:
    """Return the number of pages of a TIFF; 1 for other formats, whose further frames are left out.

    Raises:
        InputError: See `read_image`.
    """
    with open_images(path) as images:
        return len(images) if images.are_pages else 1


def read_reference(path: Path, like: StillImage, page: int = 1) -> NDArray[np.float64]:
    """Read the pixels of a reference image for ``like``; the shape is that of ``like.pixels``.

    Args:
        page: Page of the reference, from 1.

    Raises:
        InputError: See `read_image`; or the two differ in size or number of channels.
    """
    reference = read_image(path, page)
    refuse_undefined(f"reference {path}", reference.undefined)
    kinds = [_kind(image) for image in (reference, like)]
    if kinds[0] != kinds[1]:
        raise InputError(
            f"reference {path} is {kinds[0]}, the image is {kinds[1]}", "give the image before the damage"
        )
    return like.pixels_of(reference)


def _kind(image: StillImage) -> str:
    height, width, channels = image.pixels.shape
    colors = {1: "gray", 3: "RGB", 4: "CMYK"}[channels]
    return f"{width} x {height} pixels {colors}{f' of {image.ranged.kind}' if image.ranged else ''}"


def _check_source(path: Path) -> None:
    try:
        if not path.exists():
            raise InputError(f"{path}: no such file", "check the name")
        if path.is_dir():
            raise InputError(f"{path} is a folder, not an image", "name one image file")
        if not path.is_file():
            raise InputError(f"{path} is not a regular file", "save it to a file first")
        if path.stat().st_size == 0:
            raise InputError(f"{path} is empty (0 bytes)", "get the file again")
        if path.suffix.lower() in RAW_EXTENSIONS:
            raise InputError(f"{path} is a raw file of a camera", DEVELOP)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be opened ({error})", "check the name and the permissions"
        ) from error


@contextmanager
def open_images(path: Path) -> Iterator[Images]:
    """Open a file of one or more images.

    Args:
        path: See `read_image`.

    Raises:
        InputError: See `read_image`.
    """
    if not is_stream(path):
        _check_source(path)
    with ExitStack() as stack:
        with decoding_errors(path):
            # From a stream: given a name, Pillow memory-maps plain TIFF files and garbles rotated ones.
            images = Images(path, stack.enter_context(open_input(path)))
        yield images


class Images:
    """The images of an open file, read one by one."""

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self._path, self._stream = path, stream
        self._magic = stream.read(NUM_MAGIC_BYTES)
        self._is_exr = self._magic.startswith(EXR_MAGIC)
        self._tiff = TiffImages(path, stream) if self._magic.startswith(TIFF_MAGICS) else None

    @cached_property
    def _pillow(self) -> Image.Image:
        plugin = plugin_for(self._magic)
        formats = _PILLOW_FORMATS if plugin is None else (plugin.load(self._path),)
        self._stream.seek(0)
        return Image.open(self._stream, formats=formats)

    def __len__(self) -> int:
        if self._is_exr:
            return 1
        with decoding_errors(self._path):
            return len(self._tiff) if self._tiff is not None else getattr(self._pillow, "n_frames", 1)

    def read(self, index: int) -> StillImage:
        """Read the image at an index.

        Raises:
            InputError: See `read_image`.
        """
        with decoding_errors(self._path):
            decoded = self._decoded(index)
            if decoded is not None:
                check_sides(self._path, *decoded.values.shape[1::-1])
                return still_from_decoded(self._path, decoded)
            self._pillow.seek(index if self._tiff is None else self._tiff.page_index(index))
            return still_from_pillow(self._path, self._pillow, self._stream)

    def _decoded(self, index: int) -> DecodedImage | None:
        if self._tiff is not None:
            return self._tiff.read(index)
        self._stream.seek(0)
        return read_exr(self._path, self._stream.read()) if self._is_exr else None

    @property
    def are_pages(self) -> bool:
        """Whether the images are the pages of a TIFF."""
        return self._tiff is not None

    @property
    def is_cut_off(self) -> bool:
        """Whether the file refers to images beyond its end."""
        return self._tiff is not None and self._tiff.is_cut_off

    def read_with_others(self, index: int, *, with_similar: bool = False) -> StillImage:
        """Read the image at an index, and keep the other pages of a TIFF as stored.

        Args:
            with_similar: See `read_image`.

        Raises:
            InputError: See `read_image`; or there is no such image.
        """
        if index:
            self._check_index(index)
        image = self.read(index)
        if self._tiff is None:
            return replace(image, notes=(*image.notes, *self._left_out(index)))
        image = self.with_pages(image, index, with_similar=with_similar)
        return replace(image, other_pages=image.other_pages.held())

    def with_pages(self, image: StillImage, index: int, *, with_similar: bool) -> StillImage:
        """Return an image of a TIFF with the other pages, whose segments are read while the file is open.

        Args:
            image: The image at the index.
            with_similar: See `read_image`.

        Raises:
            InputError: A page is corrupt.
        """
        if self._tiff is None:
            return image
        others, corrupt = self._tiff.others(index)
        similar = self.similar(index) if with_similar else [index]
        notes = self._left_out(index) if len(similar) == 1 else self._dissimilar(similar)
        return replace(
            image,
            notes=(*image.notes, *corrupt, *notes),
            other_pages=others,
            similar_pages={other + 1: self._tiff.position(other) for other in similar if other != index},
        )

    def page(self, index: int) -> TiffPage | None:
        """Return a page of a TIFF of any size, to be decoded in windows; None if Pillow has to decode it.

        Raises:
            InputError: There is no such page, or it cannot be read exactly.
        """
        if self._tiff is None:
            return None
        self._check_index(index)
        with decoding_errors(self._path):
            return self._tiff.page(index)

    def similar(self, index: int) -> list[int]:
        """Return the indices of the pages of a TIFF that have the size and the kind of one, itself included.

        Raises:
            InputError: A page is corrupt.
        """
        if self._tiff is None:
            return [index]
        with decoding_errors(self._path):
            return self._tiff.similar(index)

    def _dissimilar(self, similar: list[int]) -> tuple[str, ...]:
        """Return the losses when similar pages are read, and a note on the others."""
        others = sorted(set(range(len(self))) - set(similar))
        if not others:
            return self._further_notes
        named = ", ".join(str(other + 1) for other in others[:_MAX_NAMED])
        named += ", ..." if len(others) > _MAX_NAMED else ""
        kept = f"page {named} differs in size or kind and is kept as it is; --page restores it"
        if len(others) > 1:
            kept = f"pages {named} differ in size or kind and are kept as they are; --page restores one"
        return (kept, *self._further_notes)

    def _check_index(self, index: int) -> None:
        if not 0 <= index < len(self):
            raise InputError(
                f"{self._path} has {len(self)} {self._unit}s, no {self._unit} {index + 1}", "name another"
            )

    def _left_out(self, index: int) -> tuple[str, ...]:
        """Return the losses when only one image is read, one phrase each."""
        try:
            num_images = len(self)
        except InputError:  # the image is read even if the following ones are damaged
            return ("what follows the first image is corrupt and was left out",)
        which = "the first" if index == 0 else f"{self._unit} {index + 1}"
        count = (f"{which} of {num_images} {self._unit}s was read",) if num_images > 1 else ()
        return (*count, *self._further_notes)

    @property
    def _further_notes(self) -> tuple[str, ...]:
        return (*self.notes, *(("the file ends before its last page",) if self.is_cut_off else ()))

    @property
    def _unit(self) -> str:
        return "page" if self._tiff is not None else "image" if self._is_mpo else "frame"

    @property
    def notes(self) -> tuple[str, ...]:
        """Return the losses beside the images, one phrase each."""
        return () if self._tiff is None else self._tiff.notes

    @property
    def _is_mpo(self) -> bool:
        return not self._is_exr and self._pillow.format == "MPO"

    def durations_s(self) -> list[Fraction]:
        """Return the duration of each image in seconds, 0 where the file has none.

        Raises:
            InputError: An image is corrupt.
        """
        if self._tiff is not None:
            return [self._tiff.interval_s] * len(self._tiff)
        return [self._duration_s(index) for index in range(len(self))]

    def _duration_s(self, index: int) -> Fraction:
        with decoding_errors(self._path):
            self._pillow.seek(index)
            self._pillow.load()
            return Fraction(self._pillow.info.get("duration", 0)) / 1000


@contextmanager
def decoding_errors(path: Path) -> Iterator[None]:
    """Convert any exception of a decoder into an `InputError` that names the file.

    Raises:
        InputError: The file is corrupt, too large or not an image.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except InputError:
        raise
    except PermissionError as error:
        raise InputError(f"{path} may not be read", "check the permissions") from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        limit = f"{(Image.MAX_IMAGE_PIXELS or 0) / 1e6:.0f} million pixels"
        raise InputError(f"{path} has more than {limit}", "crop it or scale it down first") from error
    except UnidentifiedImageError as error:
        raise InputError(f"{path} is not an image of a known kind", "convert it to PNG") from error
    except MemoryError as error:
        raise InputError(f"{path} does not fit into memory", "crop it or scale it down first") from error
    except Exception as error:  # decoders raise SyntaxError, struct.error, EOFError, KeyError, ...
        fault = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"{path} is truncated or corrupt ({fault})", "get or export the file again"
        ) from error


def readable_formats() -> list[str]:
    """Return the names of the image formats that can be read with the installed codecs."""
    from av import codecs_available

    Image.init()
    readable = [name for name in _PILLOW_FORMATS if name in Image.OPEN]
    by_plugins = [plugin.format for plugin in PLUGINS if plugin.is_installed]
    return [*readable, *(["EXR"] if "exr" in codecs_available else []), *by_plugins]
