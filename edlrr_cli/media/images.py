"""Still images: any file that can be decoded becomes floats in [0, 1], which `media.save` writes back.

Files are untrusted: Pillow lets its decoders raise any exception, so all of them are caught in one function
(`_decoding_errors`) and become one `InputError` that names the file.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from edlrr_cli.errors import InputError
from edlrr_cli.media.decoded import DecodedImage, ExtraChannels
from edlrr_cli.media.deep_color import DeepLevels, decode_deep_color, is_deep_color
from edlrr_cli.media.exr import MAGIC as EXR_MAGIC
from edlrr_cli.media.exr import read_exr
from edlrr_cli.media.floats import Floats
from edlrr_cli.media.formats import FORMATS
from edlrr_cli.media.metadata import descriptive_exif, dpi_of, fitting_profile, profile_notes, stated_dpi
from edlrr_cli.media.streams import is_stream, open_input
from edlrr_cli.media.tags import jp2
from edlrr_cli.media.tags.metadata import NONE, Metadata
from edlrr_cli.media.tags.read import read_metadata, read_tiff_tags
from edlrr_cli.media.tiff import MAGICS as TIFF_MAGICS
from edlrr_cli.media.tiff import TiffImages

Levels = NDArray[np.unsignedinteger[Any]]
"""Integer pixels, shape (h, w, c), c = 1, 3 or 4, uint8 or uint16."""

_Level = TypeVar("_Level", bound=np.generic)

_PILLOW_FORMATS = tuple(each.name for each in FORMATS if each.name != "EXR")

_ORIENTATION_TAG, _ICC_PROFILE_TAG = 274, 34675
# How stored pixels are made upright, by orientation: transpose or not, then the steps along rows and columns.
_ORIENTATIONS = {
    2: (False, 1, -1),
    3: (False, -1, -1),
    4: (False, -1, 1),
    5: (True, 1, 1),
    6: (True, 1, -1),
    7: (True, -1, -1),
    8: (True, -1, 1),
}

_MIN_SIDE_PX = 2


@dataclass(frozen=True, eq=False)
class StillImage:
    """A decoded still image with everything needed to write another one like it.

    Attributes:
        pixels: Float64, shape (h, w, c) with c = 1 (gray), 3 (RGB) or 4 (CMYK, 1 = full ink), in [0, 1],
            upright.
        alpha: Shape (h, w) with the dtype of the file, ``peak`` = opaque; None without transparency.
        mode: Mode for writing: "L", "LA", "RGB", "RGBA" or "CMYK"; with 16 bits "I;16" (gray), "LA;16",
            "RGB;16", "RGBA;16" or "CMYK;16"; for floats "L;F", "RGB;F", "LA;F" or "RGBA;F". All with "a" for
            "A" where the colors are premultiplied with alpha.
        format: Pillow's name of the source format.
        exif: Descriptive EXIF tags, serialized; may be empty.
        icc_profile: Color profile if it fits the mode; else empty.
        dpi: Horizontal and vertical resolution; None if unknown.
        notes: Losses on reading, one phrase each, for the user.
        floats: The colors as stored, if they are floats.
        extra: Further channels of a TIFF, upright and otherwise unchanged.
        metadata: XMP, IPTC, texts and other metadata that can be written again.
        is_turned: Whether the EXIF orientation exchanged rows and columns.
    """

    pixels: NDArray[np.float64]
    alpha: NDArray[Any] | None
    mode: str
    format: str
    exif: bytes
    icc_profile: bytes
    dpi: tuple[float, float] | None
    notes: tuple[str, ...]
    floats: Floats | None = None
    extra: ExtraChannels | None = None
    metadata: Metadata = NONE
    is_turned: bool = False

    @property
    def peak(self) -> int:
        """Return the largest integer value of a pixel in the file: 255 or 65535; 1 for floats."""
        if self.floats is not None:
            return 1
        return 65535 if self.mode.endswith(";16") else 255

    @property
    def visible(self) -> NDArray[np.bool_] | None:
        """Return the mask of pixels that are not fully transparent, shape (h, w); None if all are visible."""
        visible = None if self.alpha is None else self.alpha > 0
        return None if visible is None or visible.all() else visible

    def within(self, known: NDArray[np.bool_]) -> StillImage:
        """Return the image with the range of its floats taken from the known, visible pixels.

        Invisible pixels may then lie outside of [0, 1]. An image without floats is returned unchanged.

        Args:
            known: Shape (h, w), True = known pixel.
        """
        if self.floats is None:
            return self
        floats = self.floats.within(known, self.visible)
        return replace(self, floats=floats, pixels=floats.normalized(floats.values))

    def pixels_of(self, other: StillImage) -> NDArray[np.float64]:
        """Return the pixels of another image; floats are normalized by the range of this one."""
        if self.floats is None or other.floats is None:
            return other.pixels
        return self.floats.normalized(other.floats.values)

    @property
    def size_px(self) -> tuple[int, int]:
        """Return (height, width) in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]


def read_image(path: Path) -> StillImage:
    """Read the (first) image of an image file.

    Gray and CMYK are kept, 1-bit becomes gray, a palette and YCbCr become RGB, a transparent color becomes
    alpha. 16 bits are kept in gray, and in color of PNG, PPM and TIFF; other color is read as 8 bits, with a
    note. Floats (TIFF, EXR) keep their dtype. The EXIF orientation is applied and its tag dropped. Further
    pages and frames are left out, with a note.

    Args:
        path: PNG, JPEG, TIFF, BMP, GIF, WebP, PPM, JPEG 2000 or EXR file, or a stream, see `open_input`.

    Returns:
        The image; values are k / 255 or k / 65535 exactly as rounded, so `save_image` restores k. Floats
        are mapped to [0, 1] by their own range, unless they are within it.

    Raises:
        InputError: The file is missing, empty, not an image, truncated, corrupt, too large, smaller than
            2 x 2 pixels, has NaN or Inf, or cannot be read exactly, such as integers beyond 16 bits.
    """
    with open_images(path) as images:
        image = images.read(0)
        return replace(image, notes=(*image.notes, *images.left_out()))


def read_reference(path: Path, like: StillImage) -> NDArray[np.float64]:
    """Read the pixels of a reference image for ``like``; the shape is that of ``like.pixels``.

    Raises:
        InputError: See `read_image`; or the two differ in size or number of channels.
    """
    reference = read_image(path)
    kinds = [_kind(image) for image in (reference, like)]
    if kinds[0] != kinds[1]:
        raise InputError(
            f"reference {path} is {kinds[0]}, the image is {kinds[1]}", "give the image before the damage"
        )
    return like.pixels_of(reference)


def _kind(image: StillImage) -> str:
    height, width, channels = image.pixels.shape
    colors = {1: "gray", 3: "RGB", 4: "CMYK"}[channels]
    return f"{width} x {height} pixels {colors}{' of floats' if image.floats else ''}"


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
        with _decoding_errors(path):
            # From a stream: given a name, Pillow memory-maps plain TIFF files and garbles rotated ones.
            images = Images(path, stack.enter_context(open_input(path)))
        yield images


class Images:
    """The images of an open file, read one by one."""

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self._path, self._stream = path, stream
        magic = stream.read(len(EXR_MAGIC))
        self._is_exr = magic == EXR_MAGIC
        self._tiff = TiffImages(path, stream) if magic in TIFF_MAGICS else None

    @cached_property
    def _pillow(self) -> Image.Image:
        self._stream.seek(0)
        return Image.open(self._stream, formats=_PILLOW_FORMATS)

    def __len__(self) -> int:
        if self._is_exr:
            return 1
        with _decoding_errors(self._path):
            return len(self._tiff) if self._tiff is not None else getattr(self._pillow, "n_frames", 1)

    def read(self, index: int) -> StillImage:
        """Read the image at an index.

        Raises:
            InputError: See `read_image`.
        """
        with _decoding_errors(self._path):
            decoded = self._decoded(index)
            if decoded is not None:
                return _from_decoded(self._path, decoded)
            self._pillow.seek(index if self._tiff is None else self._tiff.page_index(index))
            return _load(self._path, self._pillow, self._stream)

    def _decoded(self, index: int) -> DecodedImage | None:
        if self._tiff is not None:
            return self._tiff.read(index)
        self._stream.seek(0)
        return read_exr(self._path, self._stream.read()) if self._is_exr else None

    @property
    def is_cut_off(self) -> bool:
        """Whether the file refers to images beyond its end."""
        return self._tiff is not None and self._tiff.is_cut_off

    def left_out(self) -> tuple[str, ...]:
        """Return the losses when only the first image is read, one phrase each."""
        try:
            num_images = len(self)
        except InputError:  # the image is read even if the following ones are damaged
            return ("what follows the first image is corrupt and was left out",)
        unit = "page" if self._tiff is not None else "image" if self._is_mpo else "frame"
        count = (f"the first of {num_images} {unit}s was read",) if num_images > 1 else ()
        return (*count, *self.notes, *(("the file ends before its last page",) if self.is_cut_off else ()))

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
        with _decoding_errors(self._path):
            self._pillow.seek(index)
            self._pillow.load()
            return Fraction(self._pillow.info.get("duration", 0)) / 1000


@contextmanager
def _decoding_errors(path: Path) -> Iterator[None]:
    """Convert any exception of a decoder into an `InputError` that names the file."""
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


def _from_decoded(path: Path, image: DecodedImage) -> StillImage:
    _check_sides(path, *image.values.shape[1::-1])
    exif, exif_notes = descriptive_exif(lambda: image.tags)
    orientation = _orientation(image.tags)
    stored, extra = upright(image.values, orientation), image.extra
    metadata, tag_notes = read_tiff_tags(image.tags, turned=orientation != 1)
    profile = image.tags.get(_ICC_PROFILE_TAG)
    alpha = stored[..., -1] if image.mode[-1] in "aA" else None
    colors = stored if alpha is None else stored[..., :-1]
    floats = _floats_of(path, stored, colors.shape[2]) if stored.dtype.kind == "f" else None
    fitted = fitting_profile(profile, colors.shape[2])
    return StillImage(
        pixels=floats.normalized(colors) if floats else colors / np.float64(np.iinfo(colors.dtype).max),
        alpha=alpha,
        mode=_mode_of(image),
        format=image.format,
        exif=exif,
        icc_profile=fitted,
        dpi=_turned(dpi_of(image.tags), orientation),
        notes=(*image.notes, *exif_notes, *profile_notes(profile, fitted), *tag_notes),
        floats=floats,
        extra=extra and replace(extra, values=upright(extra.values, orientation)),
        metadata=metadata,
        is_turned=_is_turning(orientation),
    )


def _floats_of(path: Path, stored: NDArray[Any], num_colors: int) -> Floats:
    try:
        Floats.from_values(stored)  # alpha must be finite too
        return Floats.from_values(stored[..., :num_colors])
    except InputError as error:
        raise InputError(f"{path}: {error.message}", error.remedy) from None


def _mode_of(image: DecodedImage) -> str:
    if image.values.dtype == np.uint16:
        return "I;16" if image.mode == "L" else f"{image.mode};16"
    return image.mode if image.values.dtype == np.uint8 else f"{image.mode};F"


def _check_sides(path: Path, width: int, height: int) -> None:
    if min(width, height) < _MIN_SIDE_PX:
        raise InputError(f"{path} has {width} x {height} pixels, fewer than 2 x 2", "give a larger image")


def _load(path: Path, image: Image.Image, stream: BinaryIO) -> StillImage:
    raw_modes, deep = _raw_modes(image), is_deep_color(image)
    loses_tag = deep or image.format == "TIFF"  # loading a TIFF applies the orientation and removes the tag
    orientation = _orientation(image.getexif()) if loses_tag else 1
    image.load()
    if image.format == "JPEG2000":
        image.info["icc_profile"] = jp2.profile_of(stream)
    still = _to_still(path, image, raw_modes)
    orientation = orientation if loses_tag else _orientation(image.getexif())
    metadata, notes = read_metadata(image, stream, turned=orientation != 1)
    still = replace(
        still,
        dpi=_turned(still.dpi, orientation),
        metadata=metadata,
        is_turned=_is_turning(orientation),
        notes=(*still.notes, *notes),
    )
    if not deep:
        return still
    stream.seek(0)
    levels = decode_deep_color(stream.read(), image)
    return _deepened(still, None if levels is None else upright(levels, orientation))


def _deepened(image: StillImage, levels: DeepLevels | None) -> StillImage:
    """Replace the 8 bits of Pillow with 16, unless they disagree: then FFmpeg misread the layout."""
    if levels is None or not _agree(image, levels):
        return replace(image, notes=(*image.notes, "16 bits per color channel were read as 8"))
    num_colors = image.pixels.shape[2]
    return replace(
        image,
        pixels=levels[..., :num_colors] / np.float64(65535),
        alpha=None if image.alpha is None else np.array(levels[..., -1]),
        mode=f"{image.mode};16",
    )


def _agree(image: StillImage, levels: DeepLevels) -> bool:
    height, width, num_colors = image.pixels.shape
    if levels.shape != (height, width, num_colors + (image.alpha is not None)):
        return False
    difference = levels[..., :num_colors] / np.float32(257) - (image.pixels * 255).astype(np.float32)
    return bool(np.abs(difference).max() <= 1)  # Pillow truncates or rounds the lower 8 bits


def _to_still(path: Path, image: Image.Image, raw_modes: tuple[str, ...]) -> StillImage:
    _check_sides(path, *image.size)
    exif, notes = descriptive_exif(image.getexif)
    plain = _to_plain_mode(path, image, raw_modes)
    mode, alpha, values = plain.mode, None, upright(np.asarray(plain), _orientation(image.getexif()))
    if mode in ("LA", "RGBA"):
        values, alpha = values[..., :-1], np.array(values[..., -1])
    elif mode == "I;16" and "transparency" in image.info:
        mode, alpha = "LA;16", np.where(values == image.info["transparency"], 0, 65535).astype(np.uint16)
    pixels = values.reshape(*values.shape[:2], -1) / np.float64(65535 if mode.endswith(";16") else 255)
    profile = image.info.get("icc_profile")
    fitted = fitting_profile(profile, pixels.shape[2])
    return StillImage(
        pixels=pixels,
        alpha=alpha,
        mode=mode,
        format="JPEG" if image.format == "MPO" else str(image.format),
        exif=exif,
        icc_profile=fitted,
        dpi=stated_dpi(image),
        notes=(*notes, *profile_notes(profile, fitted)),
    )


def _to_plain_mode(path: Path, image: Image.Image, raw_modes: tuple[str, ...]) -> Image.Image:
    """Return the image in one of the modes that `StillImage.mode` lists."""
    if image.mode.startswith("I"):
        return _to_gray_16(path, image)
    if image.mode == "F":
        raise InputError(f"{path} has floats of an unsupported type", "convert it to a float TIFF or EXR")
    if image.mode == "CMYK":
        return image
    transparent = "transparency" in image.info or image.mode in ("LA", "La", "PA", "RGBA", "RGBa")
    gray = image.mode in ("1", "L", "LA", "La") or raw_modes == ("LA;16B",)
    if image.mode == "1":
        image = image.convert("L")
    plain = ("LA" if transparent else "L") if gray else ("RGBA" if transparent else "RGB")
    return image if image.mode == plain else image.convert(plain)


def _to_gray_16(path: Path, image: Image.Image) -> Image.Image:
    """Return native 16-bit gray; mode "I" is 32 bits wide but holds 16-bit files too."""
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 65535:
        raise InputError(f"{path} has 32-bit pixels beyond 16 bits", "convert it to 16 bit")
    return Image.fromarray(values.astype(np.uint16))


def _orientation(exif: Image.Exif) -> int:
    value: object = exif.get(_ORIENTATION_TAG)
    return value if isinstance(value, int) else 1


def _is_turning(orientation: int) -> bool:
    return _ORIENTATIONS.get(orientation, (False, 1, 1))[0]


def upright(stored: NDArray[_Level], orientation: int) -> NDArray[_Level]:
    """Return stored pixels, shape (h, w, ...), turned upright by their EXIF orientation, 1 to 8."""
    exchanged, down, across = _ORIENTATIONS.get(orientation, (False, 1, 1))
    turned = np.swapaxes(stored, 0, 1) if exchanged else stored
    return np.ascontiguousarray(turned[::down, ::across])


def _turned(dpi: tuple[float, float] | None, orientation: int) -> tuple[float, float] | None:
    exchanged, _, _ = _ORIENTATIONS.get(orientation, (False, 1, 1))
    return dpi[::-1] if dpi is not None and exchanged else dpi


def _raw_modes(image: Image.Image) -> tuple[str, ...]:
    """Return the modes in which the file stores its pixels; known only before they are decoded."""
    settings = [tile[3] for tile in getattr(image, "tile", ())]
    return tuple({str(raw[0] if isinstance(raw, tuple) and raw else raw) for raw in settings})


def readable_formats() -> list[str]:
    """Return the names of the image formats that can be read with the installed codecs."""
    from av import codecs_available

    Image.init()
    readable = [name for name in _PILLOW_FORMATS if name in Image.OPEN]
    return [*readable, *(["EXR"] if "exr" in codecs_available else [])]
