"""Images and their damage: the folder of the paper's Table 1, or any other folder of images."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.bench.images import block_hole, read_hole, text_hole
from edlrr_cli.errors import InputError, UsageError
from edlrr_cli.lrr.names import nearest
from edlrr_cli.media.formats import list_images
from edlrr_cli.media.images import read_image

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_MASK_FILES = {"block": "block_square_small.bmp", "text": "block_text.bmp"}
_DRAWN = {"block": block_hole, "text": text_hole}


@dataclass(frozen=True, eq=False)
class Case:
    """One image with one kind of damage.

    Attributes:
        clean: Shape (h, w, c), in [0, 1].
        known: Shape (h, w), True = known pixel.
    """

    clean: NDArray[np.float64]
    known: NDArray[np.bool_]

    @property
    def damaged(self) -> NDArray[np.float64]:
        """Return the image with a black hole."""
        return np.where(self.known[..., None], self.clean, 0.0)


class Data:
    """A folder of images.

    The layout is ``FOLDER/images/`` and ``FOLDER/masks/``, as of the paper's data, or images in the folder
    itself. A ``REGISTRY.toml`` selects its files of kind "picture". The mask files of Table 1 are replaced
    by a centered square and lines of text if they are missing.

    Args:
        crop_px: Side of the central square that is used; None for whole images.

    Raises:
        InputError: The folder has no images.
    """

    def __init__(self, folder: Path, *, crop_px: int | None = None) -> None:
        self._masks = folder / "masks"
        self._crop_px = crop_px
        self._paths = {path.stem: path for path in _image_files(folder)}
        if not self._paths:
            raise InputError(f"data {folder} has no images", "give a folder of images")

    @property
    def images(self) -> list[str]:
        """Return the names of the images, which are the stems of the files, in natural order."""
        return list(self._paths)

    def choose(self, names: list[str]) -> list[str]:
        """Return the names after checking that all of them exist.

        Raises:
            UsageError: A name is unknown; the message suggests the closest one.
        """
        for name in names:
            if name not in self._paths:
                raise UsageError(f"no image {name!r} in the data", nearest(name, tuple(self.images)))
        return names

    def fingerprints(self, images: Iterable[str]) -> dict[str, str]:
        """Return a hash of each image and mask file, by which the data of two runs are compared."""
        masks = {name: path for name in _MASK_FILES.values() if (path := self._masks / name).is_file()}
        files = {**{name: self._paths[name] for name in images}, **masks}
        return {name: hashlib.sha256(path.read_bytes()).hexdigest()[:16] for name, path in files.items()}

    def case(self, image: str, corruption: str, seed: int) -> Case:
        """Read an image and generate its damage.

        Args:
            corruption: ``dropNN`` (percent), ``block`` or ``text``.

        Raises:
            InputError: A file cannot be used.
            UsageError: The corruption is unknown.
        """
        clean = self._cropped(read_image(self._paths[image]).pixels)
        height, width = clean.shape[:2]
        rate = drop_rate(corruption)
        if rate is not None:
            return Case(clean, np.random.default_rng(seed).random((height, width)) >= rate)
        path = self._masks / _MASK_FILES[corruption]
        hole = read_hole(path, (height, width)) if path.is_file() else _DRAWN[corruption](height, width)
        return Case(clean, ~hole)

    def _cropped(self, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
        if self._crop_px is None:
            return pixels
        top, left = (max(side - self._crop_px, 0) // 2 for side in pixels.shape[:2])
        return pixels[top : top + self._crop_px, left : left + self._crop_px]


def drop_rate(corruption: str) -> float | None:
    """Return the fraction of missing pixels of ``dropNN``; None for damage by a mask.

    Raises:
        UsageError: The corruption is unknown.

    Example:
        >>> drop_rate("drop50")
        0.5
    """
    if corruption in _MASK_FILES:
        return None
    drop = re.fullmatch(r"drop([1-9]\d?)", corruption)
    if drop is None:
        raise UsageError(
            f"unknown corruption {corruption!r}", f"take drop1 .. drop99, {', '.join(_MASK_FILES)}"
        )
    return int(drop[1]) / 100


def _image_files(folder: Path) -> list[Path]:
    images = folder / "images" if (folder / "images").is_dir() else folder
    files, registry = list_images(images), images / "REGISTRY.toml"
    if not registry.is_file():
        return files
    try:
        entries = tomllib.loads(registry.read_text(encoding="utf-8"))["files"]
        named = {entry["file"] for entry in entries if entry["kind"] == "picture"}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{registry} is no registry ({error!r})", "restore or remove it") from error
    return [path for path in files if path.name in named]
