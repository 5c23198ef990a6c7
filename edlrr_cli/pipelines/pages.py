"""The pages of a TIFF that are restored one after another: their files, and the record of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from edlrr_cli.errors import InputError, UsageError
from edlrr_cli.media.images import num_pages, open_images
from edlrr_cli.media.still_image import StillImage
from edlrr_cli.media.tiff_pages import OtherPages
from edlrr_cli.pipelines.failures import Record

_SUMS, _MEANS = ("seconds", "iterations"), ("missing_fraction",)


def page_of(file: Path, what: str, image: Path, page: int) -> int:
    """Return the page of a file that belongs to a page of an image: the only one, or that of its number.

    Args:
        what: What the file is, for the message.

    Raises:
        InputError: The file has several pages, and the image another number of several.
    """
    num_images, num_files = num_pages(image), num_pages(file)
    if num_files == 1 or num_images == 1:
        return 1
    if num_files != num_images:
        raise InputError(
            f"{what} {file} has {num_files} pages, and {image} has {num_images}",
            "give it one page, or one for each page of the image",
        )
    return page


def refuse_files_of_one_page(image: Path, similar_pages: Mapping[int, int], **files: Path | None) -> None:
    """Refuse files that hold one page, where several pages are restored.

    Args:
        similar_pages: See `edlrr_cli.media.still_image.StillImage`.
        **files: By the name of their option, with underscores.

    Raises:
        UsageError: Several pages are restored, and there is such a file.
    """
    for name, path in files.items():
        if path is not None and similar_pages:
            raise UsageError(
                f"--{name.replace('_', '-')} is for one page, and {len(similar_pages) + 1} of {image} are "
                "restored",
                "name one with --page",
            )


def read_further_page(path: Path, page: int, first: StillImage) -> StillImage:
    """Read a further page of an image; its notes are those that the first one does not have.

    Raises:
        InputError: It is corrupt; the message names it.
    """
    try:
        with open_images(path) as images:
            image = images.read(page - 1)
    except InputError as error:
        raise InputError(
            f"page {page}: {error.message}", f"{error.remedy}, or restore other pages with --page"
        ) from error
    empty = OtherPages(byteorder=first.other_pages.byteorder)
    notes = tuple(note for note in image.notes if note not in first.notes)
    return replace(image, other_pages=empty, notes=notes)


def merged(pages: Sequence[Record]) -> Record:
    """Return the record of all pages: the common values, and under ``pages`` that of each.

    Fraction and seconds are those of all pages; another value in which the pages differ is None. The record
    of a single page is its own, and its ``pages`` None.
    """
    first = pages[0]
    if len(pages) == 1:
        return {**first, "pages": None}
    common = {
        key: value if all(page[key] == value for page in pages) else None for key, value in first.items()
    }
    sums = {key: sum(page[key] for page in pages) for key in _SUMS if key in first}
    means = {key: sum(page[key] for page in pages) / len(pages) for key in _MEANS if key in first}
    notes = [f"page {page['page']}: {note}" for page in pages for note in page["notes"]]
    return {
        **{**common, "page": first["page"], **sums, **means, "notes": notes},
        **({"history": []} if "history" in first else {}),
        "pages": list(pages),
    }
