"""What a page shows of one piece of work, whatever the command."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from edlrr_cli.cli.report.curve import Curve
from edlrr_cli.media.preview import KIND, Preview
from edlrr_cli.pages.render import data_uri

# A picture narrower than this is enlarged by a whole factor.
_MIN_WIDTH_PX = 320


@dataclass(frozen=True)
class Layer:
    """A picture that is laid over others: its name, and what it looks like."""

    name: str
    preview: Preview

    @property
    def source(self) -> str:
        """Return the address of the preview."""
        return data_uri(self.preview.content, KIND)


@dataclass(frozen=True)
class Comparison:
    """Pictures of one size behind a slider.

    Attributes:
        left: What may be seen at the left of the slider, the first one to begin with.
        right: What may be seen at its right.
        overlay: Laid over both when asked for; None without.
        caption: Below; may be empty.
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
        """Return the whole factor by which a small picture is shown larger, 1 for others."""
        return -(-_MIN_WIDTH_PX // self.size_px[1])

    @property
    def scale(self) -> str:
        """Say how large the picture is, and how much of that is shown."""
        (height, width), (_, shown) = self.left[0].preview.of_px, self.size_px
        size = f"{width} × {height} pixels"
        return size if shown == width else f"{size}, shown at {shown / width:.0%}"


@dataclass(frozen=True)
class Section:
    """What is shown of one record.

    Attributes:
        pictures: Reads them, side by side; may raise what reading raises.
        rows: What people read of the record: labels and texts.
        curves: Of the computation.
    """

    pictures: Callable[[], Sequence[Comparison]]
    rows: Sequence[tuple[str, str]]
    curves: Sequence[Curve] = field(default_factory=tuple)


def flat(record: Mapping[str, Any]) -> list[tuple[str, str]]:
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
