"""Still images from files that Pillow decodes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from edlrr_cli.errors import InputError
from edlrr_cli.media.deep_color import DeepLevels, decode_deep_color, is_deep_color
from edlrr_cli.media.jpeg_tables import JpegTables
from edlrr_cli.media.metadata import descriptive_exif, fitting_profile, profile_notes, stated_dpi
from edlrr_cli.media.orientation import exchanges_sides, orientation_of, upright, upright_dpi
from edlrr_cli.media.plugins import HEIC
from edlrr_cli.media.still_image import StillImage, check_sides
from edlrr_cli.media.tags import jp2
from edlrr_cli.media.tags.read import read_metadata


def still_from_pillow(path: Path, image: Image.Image, stream: BinaryIO) -> StillImage:
    """Decode the current image of a file that Pillow has opened.

    Args:
        path: The file, for messages.
        image: The file, opened; it is decoded here.
        stream: The same file, from which Pillow reads.

    Raises:
        InputError: The image is smaller than 2 x 2 pixels, or cannot be read exactly.
        Exception: The decoder failed; any type.
    """
    raw_modes, deep = _raw_modes(image), is_deep_color(image)
    loses_tag = deep or image.format == "TIFF"  # loading a TIFF applies the orientation and removes the tag
    orientation = orientation_of(image.getexif()) if loses_tag else 1
    image.load()
    if image.format == "JPEG2000":
        image.info["icc_profile"] = jp2.profile_of(stream)
    still = _to_still(path, image, raw_modes)
    orientation = orientation if loses_tag else orientation_of(image.getexif())
    metadata, notes = read_metadata(image, stream, turned=orientation != 1)
    still = replace(
        still,
        dpi=upright_dpi(still.dpi, orientation),
        metadata=metadata,
        is_turned=exchanges_sides(orientation),
        jpeg=JpegTables.from_image(image, turned=exchanges_sides(orientation)),
        notes=(*still.notes, *notes, *_notes_on_depth(image)),
    )
    if not deep:
        return still
    stream.seek(0)
    levels = decode_deep_color(stream.read(), image)
    return _deepened(still, None if levels is None else upright(levels, orientation))


def _notes_on_depth(image: Image.Image) -> tuple[str, ...]:
    """Return a note if the plug-in for HEIC has reduced the depth."""
    bits = image.info.get("bit_depth", 8) if image.format == HEIC.format else 8
    return (f"{bits} bits per color channel were read as 8",) if bits > 8 else ()


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
    check_sides(path, *image.size)
    exif, notes = descriptive_exif(image.getexif)
    plain = _to_plain_mode(path, image, raw_modes)
    mode, alpha, values = plain.mode, None, upright(np.asarray(plain), orientation_of(image.getexif()))
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


def _raw_modes(image: Image.Image) -> tuple[str, ...]:
    """Return the modes in which the file stores its pixels; known only before they are decoded."""
    settings = [tile[3] for tile in getattr(image, "tile", ())]
    return tuple({str(raw[0] if isinstance(raw, tuple) and raw else raw) for raw in settings})
