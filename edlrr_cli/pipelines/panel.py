"""The panel of one input on the page of a command."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from edlrr_cli.media.preview import KIND, Preview
from edlrr_cli.pages.render import data_uri
from edlrr_cli.pipelines.curve import Curve
from edlrr_cli.pipelines.failures import Record

# An image narrower than this is enlarged by a whole factor.
_MIN_WIDTH_PX = 320


@dataclass(frozen=True)
class Layer:
    """An image with its name, laid over others."""

    name: str
    preview: Preview

    @property
    def source(self) -> str:
        """Return the address of the preview."""
        return data_uri(self.preview.content, KIND)


@dataclass(frozen=True)
class Comparison:
    """Images of one size behind a slider.

    Attributes:
        left: The images at the left of the slider, of which the first is shown at first.
        caption: The text below; may be empty.
    """

    left: Sequence[Layer]
    right: Sequence[Layer]
    overlay: Layer | None = None
    caption: str = ""

    @property
    def size_px(self) -> tuple[int, int]:
        """Return the (height, width) of the previews."""
        return self.left[0].preview.size_px

    @property
    def enlarged(self) -> int:
        """Return the whole factor by which a small image is enlarged, 1 for others."""
        return -(-_MIN_WIDTH_PX // self.size_px[1])

    @property
    def scale(self) -> str:
        """Return the size of the image and the fraction of it that is shown, as a text."""
        (height, width), (_, shown) = self.left[0].preview.original_px, self.size_px
        size = f"{width} × {height} pixels"
        return size if shown == width else f"{size}, shown at {shown / width:.0%}"


@dataclass(frozen=True)
class Panel:
    """The panel of one record.

    Attributes:
        images: Reads the images, side by side; may raise what reading raises.
    """

    images: Callable[[], Sequence[Comparison]]
    rows: Sequence[tuple[str, str]]
    curves: Sequence[Curve] = field(default_factory=tuple)


def flat(record: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return every value of a record by name, those of a table within it as ``table.name``.

    Example:
        >>> flat({"psnr": 30.5, "settings": {"prior": "auto", "gamma": None}})
        [('psnr', '30.5'), ('settings.prior', 'auto'), ('settings.gamma', 'none')]
    """
    rows = []
    for name, value in record.items():
        if isinstance(value, Mapping):
            rows += [(f"{name}.{inner}", text) for inner, text in flat(value)]
        else:
            rows.append((name, "none" if value is None else str(value)))
    return rows


def compare_pages(record: Record, compare: Callable[[int, str], Comparison]) -> list[Comparison]:
    """Return the comparison of each page of a record.

    Args:
        compare: Called with the number of the page, and what the names of its layers begin with: the page
            if there are several.
    """
    pages = record["pages"] or [record]
    numbers = [page.get("page", 1) for page in pages]
    return [compare(number, f"page {number}, " if len(pages) > 1 else "") for number in numbers]
