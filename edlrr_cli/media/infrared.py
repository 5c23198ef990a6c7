"""The infrared plane of a scan: a fourth channel, a second page, or a file beside the image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.errors import InputError
from edlrr_cli.media.formats import SIDECAR_SUFFIXES, images_with_stem
from edlrr_cli.media.images import open_images, read_image
from edlrr_cli.media.still_image import StillImage
from edlrr_cli.media.streams import is_stream


@dataclass(frozen=True, eq=False)
class InfraredPlane:
    """The infrared plane of an image.

    Attributes:
        pixels: Float64, shape (h, w), in [0, 1].
        origin: Where it was, as a phrase.
    """

    pixels: NDArray[np.float64]
    origin: str


def read_infrared(path: Path, image: StillImage, page: int = 1) -> InfraredPlane:
    """Read the infrared plane of an image.

    It is the channel of a TIFF that is neither color nor transparency; else the following page in gray, of
    gray images only in a file of two pages; else a file beside the image, ``scan_IR.tif`` or ``scan.ir.tif``
    for ``scan.tif``; else the fourth channel that a TIFF declares to be transparency, as scanner programs do.

    Args:
        path: The file of the image.
        image: The image that was read from it.
        page: Its page, from 1; a file beside the image belongs to the first.

    Raises:
        InputError: There is none, or it has another size than the image.
    """
    if image.extra is not None:
        values = image.extra.values[..., 0]
        return InfraredPlane(_normalized(values), f"channel {image.pixels.shape[2] + 1}")
    plane = _following_page(path, image, page)
    if plane is None and page == 1 and not is_stream(path):
        plane = _sidecar(path, image)
    if plane is not None:
        return plane
    if image.alpha is not None and image.format == "TIFF":
        return InfraredPlane(_normalized(image.alpha), "the channel declared as transparency")
    raise InputError(
        f"{path} has no infrared plane: no fourth channel, no page {page + 1} in gray, no {path.stem}_IR.*",
        "scan with infrared, or use edlrr mask --kind dust",
    )


def without_plane(image: StillImage) -> StillImage:
    """Return an image without the page of its infrared plane among its similar pages.

    It is one of them only in a file of two gray pages, see `read_infrared`.
    """
    is_alone = image.pixels.shape[2] == 1 and image.extra is None and image.alpha is None
    return replace(image, similar_pages={}) if is_alone and len(image.similar_pages) == 1 else image


def _normalized(values: NDArray[Any]) -> NDArray[np.float64]:
    peak = np.iinfo(values.dtype).max if values.dtype.kind == "u" else 1
    return np.asarray(values, np.float64) / peak


def _following_page(path: Path, image: StillImage, page: int) -> InfraredPlane | None:
    if image.format != "TIFF":
        return None
    with open_images(path) as images:
        is_pair = len(images) == 2
        if page >= len(images) or (image.pixels.shape[2] == 1 and not is_pair):
            return None
        plane = images.read(page)
    if plane.pixels.shape[2] != 1 or plane.size_px != image.size_px:
        return None
    return InfraredPlane(plane.pixels[..., 0], f"page {page + 1}")


def _sidecar(path: Path, image: StillImage) -> InfraredPlane | None:
    found = (
        file for suffix in SIDECAR_SUFFIXES for file in images_with_stem(path.parent, path.stem + suffix)
    )
    sidecar = next(found, None)
    if sidecar is None:
        return None
    plane = read_image(sidecar)
    if plane.size_px != image.size_px:
        sizes = [f"{width} x {height}" for height, width in (plane.size_px, image.size_px)]
        raise InputError(
            f"infrared plane {sidecar} is {sizes[0]} pixels, the image is {sizes[1]} (width x height)",
            "scan both with one resolution",
        )
    return InfraredPlane(plane.pixels.mean(axis=2), sidecar.name)
