"""Image formats by file extension, and the image files of folders and patterns."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edlrr_cli.errors import InputError
from edlrr_cli.media.files import natural_order


@dataclass(frozen=True)
class Format:
    """A file format of still images, all of which can be read.

    Attributes:
        name: Pillow's name; "EXR" is read and written without Pillow, "HEIF" and "JXL" are read by its
            plug-ins, see `edlrr_cli.media.plugins`.
        extensions: Lower-case extensions of its files, with their dots.
        written: The extensions that an output file may have; empty for a format that is only read.
    """

    name: str
    extensions: tuple[str, ...]
    written: tuple[str, ...] = ()


FORMATS = (
    Format("PNG", (".png", ".apng"), written=(".png",)),
    Format("JPEG", (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"), written=(".jpg", ".jpeg")),
    Format("TIFF", (".tif", ".tiff"), written=(".tif", ".tiff")),
    Format("WEBP", (".webp",), written=(".webp",)),
    Format("BMP", (".bmp",), written=(".bmp",)),
    Format("EXR", (".exr",), written=(".exr",)),
    Format("GIF", (".gif",)),
    Format("PPM", (".ppm", ".pgm", ".pbm", ".pnm")),
    Format("JPEG2000", (".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx"), written=(".jp2",)),
    Format("AVIF", (".avif",)),
    Format("HEIF", (".heic", ".heif", ".hif")),
    Format("JXL", (".jxl",)),
)
"""Raster formats only; none of their readers starts another program."""

READ_EXTENSIONS = tuple(extension for each in FORMATS for extension in each.extensions)
"""Extensions by which images are recognized in a folder; a file named explicitly may have any."""

WRITE_FORMATS = {extension: each.name for each in FORMATS for extension in each.written}
"""Name of the output format by lower-case extension."""

RAW_EXTENSIONS = (
    *(".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".dng", ".raf", ".orf", ".rw2"),
    *(".pef", ".srw", ".3fr", ".fff", ".iiq", ".mrw", ".rwl", ".x3f", ".kdc", ".dcr", ".mef", ".mos", ".erf"),
)
"""Extensions of the raw files of cameras, which are not read."""

# Files and folders that operating systems and file servers add to the user's; in lower case.
_SYSTEM_NAMES = frozenset(
    (
        *("thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "system volume information"),  # Windows
        *("__macosx", "lost+found"),  # macOS in archives; Linux
        *("@eadir", "#recycle"),  # Synology, whose thumbnails have image extensions
    )
)


MASK_MODES = ("auto", "white", "black", "alpha")
"""What marks the hole in a mask file; ``"auto"`` decides by the file."""

NAN, ALPHA, INFRARED = "nan", "alpha", "ir"
OWN_MASKS = (NAN, ALPHA, INFRARED)
"""Words that stand for a mask that comes with the image: its pixels without a value, its transparent ones, or
the dust in its infrared plane."""

SIDECAR_SUFFIXES = ("_IR", "_ir", ".IR", ".ir")
"""Endings of the stem of a file that holds the infrared plane of another one."""


def is_image(path: Path) -> bool:
    """Whether a file is an image by its extension."""
    return path.suffix.lower() in READ_EXTENSIONS


def is_own_mask(mask: Path) -> bool:
    """Whether a name is a word for a mask that comes with the image, and not a file."""
    return str(mask) in OWN_MASKS and not mask.exists()


def is_sidecar(path: Path) -> bool:
    """Whether a file is the infrared plane of another one by its name, such as ``scan_IR.tif``."""
    bases = [path.stem.removesuffix(suffix) for suffix in SIDECAR_SUFFIXES if path.stem.endswith(suffix)]
    return any(base and images_with_stem(path.parent, base) for base in bases)


def is_pattern(name: Path) -> bool:
    """Whether a name is a glob pattern such as ``frames/*.png`` and not an existing file."""
    return not name.exists() and glob.has_magic(str(name))


def list_images(folder: Path, *, recursive: bool = False) -> list[Path]:
    """Return the image files of a folder by extension, in natural order, without hidden ones.

    Raises:
        InputError: A folder is missing or cannot be read.
    """
    with _reading(folder):
        return sorted(_images_below(folder, recursive), key=natural_order)


def _images_below(folder: Path, recursive: bool) -> Iterator[Path]:
    for path in visible(folder):
        if path.is_file():
            if is_image(path):
                yield path
        elif recursive and path.is_dir() and not path.is_symlink():
            yield from _images_below(path, recursive)


def require_images(folder: Path) -> list[Path]:
    """Return the image files of a folder as `list_images` does.

    Raises:
        InputError: See `list_images`; or the folder has no images.
    """
    found = list_images(folder)
    if not found:
        known = " ".join(READ_EXTENSIONS)
        raise InputError(f"folder {folder} has no images", f"put files there that end with one of {known}")
    return found


def images_with_stem(folder: Path, stem: str) -> list[Path]:
    """Return the image files of a folder with a given stem, hidden ones included.

    The result is empty if the folder does not exist.

    Raises:
        InputError: The folder cannot be read.
    """
    with _reading(folder):
        entries = folder.iterdir() if folder.is_dir() else ()
        return sorted(path for path in entries if path.stem == stem and is_image(path) and path.is_file())


def visible(folder: Path) -> list[Path]:
    """Return the visible files and folders of a folder in natural order.

    Hidden are names that begin with a dot, such as the AppleDouble files of macOS (``._photo.png``), and the
    files and folders of operating systems (``Thumbs.db``, ``@eaDir``).

    Raises:
        InputError: The folder is missing or cannot be read.
    """
    with _reading(folder):
        return sorted((path for path in folder.iterdir() if not _is_hidden(path.name)), key=natural_order)


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in _SYSTEM_NAMES


def matching(pattern: Path) -> list[Path]:
    """Return the files and folders that match a pattern, in natural order.

    As in a shell, a wildcard matches no leading dot; nor does it match the files and folders of operating
    systems. ``**`` matches any depth. The files may have any extension.
    """
    found = map(Path, glob.iglob(str(pattern), recursive=True))  # noqa: PTH207  # pathlib matches dots
    return sorted((path for path in found if not _matches_system_name(pattern, path)), key=natural_order)


def _matches_system_name(pattern: Path, path: Path) -> bool:
    return any(part.lower() in _SYSTEM_NAMES and part not in pattern.parts for part in path.parts)


@contextmanager
def _reading(folder: Path) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"{folder} is not a folder", "name a folder of images") from error
    except OSError as error:
        fault = f"{error.filename or folder} cannot be read ({error.strerror})"
        raise InputError(fault, "check the permissions") from error
