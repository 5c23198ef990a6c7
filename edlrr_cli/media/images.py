"""Still pictures: any file Pillow can decode becomes floats in [0, 1], for `media.save` to write back.

Files are hostile until decoded: Pillow raises whatever its decoders raise, so they are all
caught at one place (`_decode`) and become one `InputError` that names the file.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from edlrr_cli.errors import InputError
from edlrr_cli.media.deep_color import (
    DeepLevels,
    decode_deep_color,
    has_misread_planes,
    is_deep_color,
)

Levels = NDArray[np.unsignedinteger[Any]]
"""Integer pixels, shape (h, w, c), c = 1 or 3, uint8 or uint16."""

_Level = TypeVar("_Level", bound=np.generic)

READ_FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "PPM", "JPEG2000")
"""Formats that are tried: raster only, nothing that starts another program."""

# What describes the photograph. The tags that describe the file's layout, the orientation (applied
# on reading) and the thumbnail (it would show the damage) are left out.
_EXIF_TAGS = (270, 271, 272, 305, 306, 315, 316, 33432, 40091, 40092, 40093, 40094, 40095)
_EXIF_FOLDERS = (0x8769, 0x8825)  # camera settings, GPS

_TIFF_HEIGHT_TAG = 257
_ORIENTATION_TAG = 274
# What makes the stored pixels upright: exchange rows and columns, then step through both.
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
_MAX_DPI = 100_000


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded still picture and all that is needed to write another one like it.

    Attributes:
        pixels: Float64, shape (h, w, c) with c = 1 (gray) or 3 (RGB), in [0, 1], upright.
        alpha: Uint8 or uint16 by the depth, shape (h, w), ``peak`` = opaque; None without transparency.
        mode: How it is written again: "L", "LA", "RGB" or "RGBA"; with 16 bits "I;16" (gray), "LA;16",
            "RGB;16" or "RGBA;16".
        format: Pillow's name of the file format it came from.
        exif: Descriptive EXIF tags, serialised; empty without.
        icc_profile: Colour profile if it fits the mode; empty without.
        dpi: Horizontal and vertical resolution; None without.
        notes: What reading could not keep, one phrase each, for the user to see.
    """

    pixels: NDArray[np.float64]
    alpha: NDArray[np.unsignedinteger[Any]] | None
    mode: str
    format: str
    exif: bytes
    icc_profile: bytes
    dpi: tuple[float, float] | None
    notes: tuple[str, ...]

    @property
    def peak(self) -> int:
        """Return the largest integer value of a pixel in the file: 255 or 65535."""
        return 65535 if self.mode.endswith(";16") else 255

    @property
    def size_px(self) -> tuple[int, int]:
        """Return (height, width) in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]


def read_picture(path: Path) -> Picture:
    """Read the (first) picture of an image file.

    Gray stays gray, 1-bit becomes gray, a palette becomes RGB, CMYK and YCbCr become RGB, a transparent
    colour becomes alpha. 16 bits are kept in gray, and in colour as far as FFmpeg decodes it (PNG, PPM, TIFF
    in strips); elsewhere a note says that they were read as 8. The EXIF orientation is applied and its tag
    dropped.

    Args:
        path: PNG, JPEG, TIFF, BMP, GIF, WebP, PPM or JPEG 2000 file.

    Returns:
        The picture; values are k / 255 or k / 65535 exactly as rounded, so `save_picture` restores k.

    Raises:
        InputError: Missing, empty, not an image, truncated, corrupt, too large, smaller than
            2 x 2 pixels, of a pixel type without a fixed range (float, 32-bit), or with 16 bits stored
            colour by colour.
    """
    _check_source(path)
    return _decode(path)


def read_reference(path: Path, like: Picture) -> NDArray[np.float64]:
    """Read the pixels of a picture that another one is measured against, shape of ``like.pixels``.

    Raises:
        InputError: See `read_picture`; or the two have not the same size and number of channels.
    """
    reference = read_picture(path)
    kinds = [_kind(of) for of in (reference, like)]
    if kinds[0] != kinds[1]:
        raise InputError(
            f"reference {path} is {kinds[0]}, the image is {kinds[1]}", "give the image before the damage"
        )
    return reference.pixels


def _kind(picture: Picture) -> str:
    height, width, channels = picture.pixels.shape
    return f"{width} x {height} pixels {'gray' if channels == 1 else 'RGB'}"


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


def _decode(path: Path) -> Picture:
    """Open, decode and convert under the one net that turns decoder failures into InputError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            # From a stream: by name Pillow maps plain TIFF files and garbles those stored sideways.
            with path.open("rb") as stream, Image.open(stream, formats=READ_FORMATS) as image:
                return _load(path, image, stream)
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


def _load(path: Path, image: Image.Image, stream: BinaryIO) -> Picture:
    if has_misread_planes(image):
        raise InputError(f"{path} stores its 16-bit colours one after the other", "convert it to PNG")
    if _misses_strips(image):
        raise InputError(f"{path} is truncated or corrupt (rows are missing)", "get or export the file again")
    raw_modes, deep = _raw_modes(image), is_deep_color(image)
    orientation = _orientation(image) if deep else 1  # to load a TIFF turns it, and takes the tag away
    image.load()
    picture = _to_picture(path, image, raw_modes)
    if not deep:
        return picture
    stream.seek(0)
    levels = decode_deep_color(stream.read(), image)
    return _deepened(picture, None if levels is None else _upright(levels, orientation))


def _misses_strips(image: Image.Image) -> bool:
    """Whether a TIFF has fewer rows than its height, which Pillow would leave black."""
    height = getattr(image, "tag_v2", {}).get(_TIFF_HEIGHT_TAG, 0)
    return bool(max((tile[1][3] for tile in getattr(image, "tile", ())), default=height) < height)


def _deepened(picture: Picture, levels: DeepLevels | None) -> Picture:
    """Exchange the 8 bits of Pillow for 16 where those agree, which finds what FFmpeg misunderstands."""
    if levels is None or not _agree(picture, levels):
        return replace(picture, notes=(*picture.notes, "16 bits per colour channel were read as 8"))
    num_colors = picture.pixels.shape[2]
    return replace(
        picture,
        pixels=levels[..., :num_colors] / np.float64(65535),
        alpha=None if picture.alpha is None else np.array(levels[..., -1]),
        mode=f"{picture.mode};16",
    )


def _agree(picture: Picture, levels: DeepLevels) -> bool:
    height, width, num_colors = picture.pixels.shape
    if levels.shape != (height, width, num_colors + (picture.alpha is not None)):
        return False
    difference = levels[..., :num_colors] / np.float32(257) - (picture.pixels * 255).astype(np.float32)
    return bool(np.abs(difference).max() <= 1)  # Pillow cuts or rounds the lower 8 bits


def _to_picture(path: Path, image: Image.Image, raw_modes: tuple[str, ...]) -> Picture:
    if min(image.size) < _MIN_SIDE_PX:
        size = f"{image.width} x {image.height}"
        raise InputError(f"{path} has {size} pixels, fewer than 2 x 2", "give a larger image")
    exif, exif_notes = _descriptive_exif(image)
    plain = _to_plain_mode(path, image, raw_modes)
    mode, alpha, values = plain.mode, None, _upright(np.asarray(plain), _orientation(image))
    if mode in ("LA", "RGBA"):
        values, alpha = values[..., :-1], np.array(values[..., -1])
    elif mode == "I;16" and "transparency" in image.info:
        mode, alpha = "LA;16", np.where(values == image.info["transparency"], 0, 65535).astype(np.uint16)
    pixels = values.reshape(*values.shape[:2], -1) / np.float64(65535 if mode.endswith(";16") else 255)
    return Picture(
        pixels=pixels,
        alpha=alpha,
        mode=mode,
        format=str(image.format),
        exif=exif,
        icc_profile=_fitting_profile(image.info.get("icc_profile"), gray=pixels.shape[2] == 1),
        dpi=_valid_dpi(image.info.get("dpi")),
        notes=exif_notes,
    )


def _to_plain_mode(path: Path, image: Image.Image, raw_modes: tuple[str, ...]) -> Image.Image:
    """Return the image in one of the modes that `Picture.mode` lists."""
    if image.mode.startswith("I"):
        return _to_gray_16(path, image)
    if image.mode == "F":
        raise InputError(f"{path} has floating-point pixels of unknown range", "convert it to 8 or 16 bit")
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


def _orientation(image: Image.Image) -> int:
    value: object = image.getexif().get(_ORIENTATION_TAG)
    return value if isinstance(value, int) else 1


def _upright(stored: NDArray[_Level], orientation: int) -> NDArray[_Level]:
    exchanged, down, across = _ORIENTATIONS.get(orientation, (False, 1, 1))
    turned = np.swapaxes(stored, 0, 1) if exchanged else stored
    return np.ascontiguousarray(turned[::down, ::across])


def _raw_modes(image: Image.Image) -> tuple[str, ...]:
    """Return how the file stores its pixels; known only before they are decoded."""
    settings = [tile[3] for tile in getattr(image, "tile", ())]
    return tuple({str(raw[0] if isinstance(raw, tuple) and raw else raw) for raw in settings})


def _descriptive_exif(image: Image.Image) -> tuple[bytes, tuple[str, ...]]:
    """Return the tags worth keeping, serialised, and a note if they cannot be read."""
    try:
        source, kept = image.getexif(), Image.Exif()
        for tag in _EXIF_TAGS:
            if tag in source:
                kept[tag] = source[tag]
        for folder in _EXIF_FOLDERS:
            if tags := source.get_ifd(folder):
                kept[folder] = dict(tags)
        return (kept.tobytes() if len(kept) else b""), ()
    except Exception:  # corrupt metadata must not cost the user the picture
        return b"", ("the EXIF data are corrupt and were dropped",)


def _fitting_profile(profile: object, *, gray: bool) -> bytes:
    """Return the ICC profile if its colour space is that of the decoded pixels, else nothing."""
    colour_space = slice(16, 20)  # in the ICC header
    if isinstance(profile, bytes) and profile[colour_space] == (b"GRAY" if gray else b"RGB "):
        return profile
    return b""


def _valid_dpi(dpi: object) -> tuple[float, float] | None:
    try:
        across, down = (float(value) for value in dpi)  # type: ignore[attr-defined]  # a TypeError below
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if 1 <= across <= _MAX_DPI and 1 <= down <= _MAX_DPI else None


def read_extensions() -> frozenset[str]:
    """Return the extensions of the formats that pictures are read from, in lower case with their dots."""
    return frozenset(
        extension for extension, name in Image.registered_extensions().items() if name in READ_FORMATS
    )


def readable_formats() -> list[str]:
    """Return the formats that pictures are read from, as far as Pillow has their codecs here."""
    Image.init()
    return [name for name in READ_FORMATS if name in Image.OPEN]
