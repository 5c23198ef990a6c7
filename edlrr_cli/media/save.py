"""Writer of still images: depth, transparency and metadata follow the image that was read."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edlrr_cli.errors import NumericsError, OutputError, UsageError
from edlrr_cli.media.deep_color import encode_deep_png
from edlrr_cli.media.encoding import DEFAULT_ENCODING, Encoding
from edlrr_cli.media.exr import encode_exr
from edlrr_cli.media.files import check_target, write_atomic
from edlrr_cli.media.formats import WRITE_FORMATS
from edlrr_cli.media.outputs import format_of
from edlrr_cli.media.ranged_values import RangedValues
from edlrr_cli.media.still_image import Levels, StillImage
from edlrr_cli.media.streams import STANDARD_OUTPUT, write_standard_output
from edlrr_cli.media.tags.keep import Carried, notes_on
from edlrr_cli.media.tags.metadata import Chunks
from edlrr_cli.media.tags.png import with_chunks
from edlrr_cli.media.tiff_encoder import encode_page, encode_tiff
from edlrr_cli.media.tiff_pages import OtherPages, StoredPage, join_pages

_KEEPS_ALPHA = frozenset({"PNG", "TIFF", "WEBP", "JPEG2000"})
_KEEPS_16_BIT = frozenset({"PNG", "TIFF"})
_KEEPS_CMYK = frozenset({"JPEG", "TIFF"})
_MAX_SIDE_PX = {"JPEG": 65500, "WEBP": 16383}
_SAVE_SETTINGS: dict[str, dict[str, Any]] = {
    "PNG": {"compress_level": 4},  # photographs are as small as with level 6, in less than half of the time
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"lossless": True, "exact": True},
    "BMP": {},
    "JPEG2000": {"irreversible": False},
}


def check_output(
    path: Path,
    *inputs: Path,
    overwrite: bool,
    like: StillImage | None = None,
    encoding: Encoding = DEFAULT_ENCODING,
) -> None:
    """Check that an output image can be written, before any expensive work.

    Args:
        path: The image to be written; its extension selects the format. Or `STANDARD_OUTPUT`.
        *inputs: Files the command reads; the output must not be one of them.
        overwrite: Whether an existing file may be replaced.
        like: The image whose depth, transparency and size the output must keep, if already known.
        encoding: Settings for writing.

    Raises:
        OutputError: See `check_target`; or the extension is unknown, or its format cannot keep
            the transparency, the depth, the colors or the size of ``like``.
        UsageError: The settings do not apply to the format.
    """
    if path is not STANDARD_OUTPUT:
        _check_file(path, encoding)
        check_target(path, *inputs, overwrite=overwrite)
    if like is None:
        return
    file_format = format_of(path, like, encoding)
    if encoding.jpeg_quality is not None and file_format != "JPEG":
        raise UsageError(f"output {path}: {file_format} has no JPEG quality", "leave --jpeg-quality out")
    lost, extensions = _lost(file_format, like)
    if lost:
        raise OutputError(f"output {path}: {file_format} cannot keep {lost}", f"write a {extensions} file")
    limit_px = _MAX_SIDE_PX.get(file_format)
    if limit_px is not None and max(like.size_px) > limit_px:
        raise OutputError(
            f"output {path}: {file_format} is limited to {limit_px} pixels per side", "write a .png file"
        )


def _lost(file_format: str, like: StillImage) -> tuple[str, str]:
    """Return what a format cannot keep, empty if nothing, and the extensions of formats that keep it."""
    if like.extra is not None and file_format != "TIFF":
        return "channels that are neither color nor transparency", ".tif"
    if like.ranged is not None:
        return _lost_from_ranged(file_format, like.ranged, like)
    is_cmyk = like.mode.startswith("CMYK")
    if file_format == "EXR":
        return "whole numbers", ".tif" if is_cmyk else ".png"
    if is_cmyk and file_format not in _KEEPS_CMYK:
        return "CMYK", ".tif or .jpg"
    if like.alpha is not None and file_format not in _KEEPS_ALPHA and (like.alpha < like.peak).any():
        return "the transparency", ".png"
    keeps_16_bit = file_format in _KEEPS_16_BIT or (file_format == "JPEG2000" and like.mode == "I;16")
    if like.peak > 255 and not keeps_16_bit:
        return "16 bits per pixel", ".tif" if is_cmyk else ".png"
    return "", ""


def _lost_from_ranged(file_format: str, ranged: RangedValues, like: StillImage) -> tuple[str, str]:
    if file_format == "TIFF":
        return "", ""
    if not ranged.are_floats:
        return ranged.kind, ".tif"
    if file_format != "EXR":
        return "floats", ".tif or .exr"
    if ranged.values.itemsize > 4:
        return "floats of 64 bits", ".tif"
    if like.alpha is not None and like.pixels.shape[2] == 1:
        return "gray with transparency", ".tif"
    return "", ""


def _check_file(path: Path, encoding: Encoding) -> None:
    """Check that the extension names a format, and the requested one."""
    file_format = WRITE_FORMATS.get(path.suffix.lower())
    if file_format is None:
        known = " ".join(WRITE_FORMATS)
        raise OutputError(f"output {path}: unknown extension {path.suffix!r}", f"use one of {known}")
    if encoding.format is not None and WRITE_FORMATS[f".{encoding.format}"] != file_format:
        raise UsageError(f"output {path} is not a .{encoding.format} file", "leave --format or the name out")


def save_image(
    path: Path,
    pixels: NDArray[np.floating[Any]],
    *,
    like: StillImage,
    overwrite: bool,
    encoding: Encoding = DEFAULT_ENCODING,
) -> None:
    """Write pixels with the mode, depth, transparency and metadata of another image.

    Values are clipped to [0, 1] and rounded to the nearest integer level, so unchanged pixels are
    bit-identical in lossless formats (PNG, TIFF, BMP; WebP and JPEG 2000 are written lossless). JPEG is
    written with the quantization tables and the chroma subsampling of a JPEG that was read, otherwise without
    subsampling at quality 95. WebP has no gray: it stores equal RGB.
    Floats and wide integers keep their dtype: unchanged pixels are exact, others are within the range of the
    image. Premultiplied colors stay so in TIFF and EXR, and are divided by alpha elsewhere.

    Args:
        path: Output file, whose extension selects the format; replaced atomically. Or `STANDARD_OUTPUT`.
        pixels: Floating, shape of ``like.pixels``, nominally in [0, 1]; not modified.
        like: The image whose mode, depth, transparency and metadata are used.
        overwrite: Whether an existing file may be replaced.
        encoding: Settings for writing.

    Raises:
        OutputError: See `check_output`; or writing failed.
        UsageError: See `check_output`; or the shape is not that of ``like.pixels``.
        NumericsError: The pixels contain NaN or Inf.
    """
    check_output(path, overwrite=overwrite, like=like, encoding=encoding)
    if pixels.shape != like.pixels.shape:
        raise UsageError(f"pixels: expected shape {like.pixels.shape}, got {pixels.shape}")
    if not np.isfinite(pixels).all():
        raise NumericsError("pixels: NaN or Inf cannot be written to an image")
    content = _encoded(path, pixels, like, encoding)
    if path is STANDARD_OUTPUT:
        write_standard_output(content)
    else:
        write_atomic(path, content)


def _encoded(path: Path, pixels: NDArray[np.floating[Any]], like: StillImage, encoding: Encoding) -> bytes:
    file_format = format_of(path, like, encoding)
    carried = carried_metadata(file_format, like, encoding)
    with encoding_errors(path, file_format):
        metadata = carried.settings(file_format)
    return carried.finished(file_format, _encoded_pixels(path, pixels, file_format, like, encoding, metadata))


def _encoded_pixels(
    path: Path,
    pixels: NDArray[np.floating[Any]],
    file_format: str,
    like: StillImage,
    encoding: Encoding,
    metadata: dict[str, Any],
) -> bytes:
    if file_format == "TIFF":
        others = like.other_pages.stripped() if encoding.strip_metadata else like.other_pages
        page = _tiff_page(path, pixels, like, metadata)
        with encoding_errors(path, "TIFF"):
            return join_pages(page, others)
    if like.ranged is not None:
        with encoding_errors(path, file_format):
            return encode_exr(stored_values(pixels, like))
    levels = _straight(stored_values(pixels, like), like)
    if like.peak > 255 and levels.shape[2] > 1:
        return _encode_deep(path, levels, **metadata)
    image = _to_image(levels, like)
    if image.mode in ("LA", "RGBA") and file_format not in _KEEPS_ALPHA:
        image = image.convert(image.mode[:-1])
    settings = _save_settings(file_format, like, encoding)
    return encode_image(path, image, file_format, **settings, **metadata)


def _save_settings(file_format: str, like: StillImage, encoding: Encoding) -> dict[str, Any]:
    settings = _SAVE_SETTINGS[file_format]
    if encoding.jpeg_quality is not None:
        return {**settings, "quality": encoding.jpeg_quality}
    return like.jpeg.settings if file_format == "JPEG" and like.jpeg is not None else settings


def _to_image(levels: Levels, like: StillImage) -> Image.Image:
    if like.mode == "CMYK":
        return Image.frombytes("CMYK", like.size_px[::-1], levels.tobytes())
    return Image.fromarray(levels[..., 0] if levels.shape[2] == 1 else levels)


def encoded_page(
    path: Path,
    pixels: NDArray[np.floating[Any]],
    *,
    like: StillImage,
    encoding: Encoding = DEFAULT_ENCODING,
) -> StoredPage:
    """Encode pixels as a page of a TIFF file, which `save_image` writes among ``other_pages``.

    Args:
        path: The file, for messages.
        pixels, like, encoding: See `save_image`.

    Raises:
        OutputError: The encoder failed.
    """
    with encoding_errors(path, "TIFF"):
        metadata = carried_metadata("TIFF", like, encoding).settings("TIFF")
    return _tiff_page(path, pixels, like, metadata)


def _tiff_page(
    path: Path, pixels: NDArray[np.floating[Any]], like: StillImage, metadata: dict[str, Any]
) -> StoredPage:
    values = stored_values(pixels, like)
    meanings: tuple[int, ...] = ()
    if like.extra is not None:
        values, meanings = np.dstack([values, like.extra.values]), like.extra.meanings
    with encoding_errors(path, "TIFF"):
        return encode_page(
            values,
            like.mode,
            layout=like.layout,
            byteorder=like.other_pages.byteorder,
            extra_samples=meanings,
            **metadata,
        )


def _encode_deep(path: Path, levels: Levels, **metadata: Any) -> bytes:
    with encoding_errors(path, "PNG"):
        return encode_deep_png(levels.astype(np.uint16), **metadata)


def as_written(pixels: NDArray[np.floating[Any]], like: StillImage) -> NDArray[np.float64]:
    """Round pixels to the levels of the file that `save_image` writes; lossy formats lose more."""
    if like.ranged is not None:
        return like.ranged.normalized(like.ranged.restored(pixels))
    levels: NDArray[np.float64] = np.rint(np.clip(pixels, 0.0, 1.0) * like.peak)
    return levels / like.peak


def write_png(path: Path, pixels: Levels, chunks: Chunks = ()) -> None:
    """Write integer pixels as a PNG, atomically; an existing file is replaced.

    Args:
        path: Output file.
        pixels: Shape (h, w, c), c = 1 or 3, uint8 or uint16. Not modified.
        chunks: Chunks that describe the color space.

    Raises:
        OutputError: Writing failed.
    """
    gray = pixels.shape[2] == 1
    if pixels.dtype == np.uint16 and not gray:
        content = _encode_deep(path, pixels)
    else:
        image = Image.fromarray(np.ascontiguousarray(pixels[..., 0] if gray else pixels))
        content = encode_image(path, image, "PNG")
    write_atomic(path, with_chunks(content, chunks))


def write_tiff(path: Path, pages: Sequence[Levels]) -> None:
    """Write integer pixels as the pages of a TIFF, atomically; an existing file is replaced.

    Args:
        path: Output file.
        pages: At least one, shape (h, w, c), c = 1 or 3, uint8 or uint16. Not modified.

    Raises:
        OutputError: Writing failed.
    """
    with encoding_errors(path, "TIFF"):
        others = OtherPages({number: encode_page(page) for number, page in enumerate(pages[1:], start=1)})
        content = encode_tiff(pages[0], others=others)
    write_atomic(path, content)


def encode_image(path: Path, image: Image.Image, file_format: str, **settings: Any) -> bytes:
    """Encode an image in memory, which separates encoder errors from disk errors.

    Args:
        path: Path for messages.
        image: Image in a mode that the format supports.
        file_format: Pillow's name of the format.
        **settings: Passed to Pillow's encoder.

    Returns:
        The content of the file.

    Raises:
        OutputError: The encoder failed.
    """
    stream = io.BytesIO()
    with encoding_errors(path, file_format):
        image.save(stream, format=file_format, **settings)
    return stream.getvalue()


@contextmanager
def encoding_errors(path: Path, file_format: str) -> Iterator[None]:
    """Convert any exception of an encoder into an `OutputError` that names the file.

    Raises:
        OutputError: The encoder failed.
    """
    try:
        yield
    except Exception as error:  # encoders raise RuntimeError, struct.error, KeyError, ...
        raise OutputError(
            f"output {path}: {file_format} cannot hold this ({error})", "write a .png"
        ) from error


def stored_values(pixels: NDArray[np.floating[Any]], like: StillImage) -> NDArray[Any]:
    """Return the values of a lossless file: floats or integers, shape (h, w, c), c = 1..5, alpha last.

    Args:
        pixels, like: See `save_image`.
    """
    if like.ranged is not None:
        return _with_alpha(like.ranged.restored(pixels), like)
    depth = np.uint16 if like.peak > 255 else np.uint8
    levels: Levels = np.rint(np.clip(pixels, 0.0, 1.0) * like.peak).astype(depth)
    if like.alpha is not None and "a" in like.mode:  # premultiplied colors must not exceed alpha
        levels = np.where(pixels == like.pixels, levels, np.minimum(levels, like.alpha[..., None]))
    return _with_alpha(levels, like)


def _with_alpha(values: NDArray[Any], like: StillImage) -> NDArray[Any]:
    return values if like.alpha is None else np.dstack([values, like.alpha])


def _straight(levels: Levels, like: StillImage) -> Levels:
    """Divide premultiplied colors by alpha; only TIFF and EXR store them premultiplied."""
    if "a" not in like.mode:
        return levels
    alpha = levels[..., -1:]
    colors = np.rint(levels[..., :-1] * (like.peak / np.maximum(alpha, 1))).clip(0, like.peak)
    return np.dstack([colors.astype(levels.dtype), alpha])


def losses(path: Path, like: StillImage, encoding: Encoding = DEFAULT_ENCODING) -> tuple[str, ...]:
    """Return what `save_image` does not write of an image, one phrase each; empty if all is kept.

    Metadata that the user asked to strip is not listed.
    """
    file_format = format_of(path, like, encoding)
    notes = notes_on(file_format, carried_metadata(file_format, like, encoding))
    if like.other_pages and file_format != "TIFF":
        notes += (f"the other pages were left out, since {file_format} cannot hold them",)
    num_previews = like.other_pages.num_previews if file_format == "TIFF" else 0
    if num_previews == 1:
        notes += ("a preview page is kept as it is, and shows the image before",)
    elif num_previews:
        notes += (f"{num_previews} preview pages are kept as they are, and show the image before",)
    return notes


def carried_metadata(file_format: str, like: StillImage, encoding: Encoding) -> Carried:
    """Return the metadata of an image that a file of a format may hold."""
    becomes_rgb = file_format == "WEBP" and like.pixels.shape[2] == 1
    if encoding.strip_metadata:
        return Carried(b"", like.icc_profile, None, like.metadata.stripped(), becomes_rgb)
    return Carried(like.exif, like.icc_profile, like.dpi, like.metadata, becomes_rgb)
