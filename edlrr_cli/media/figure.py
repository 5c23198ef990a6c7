"""Comparison figures: images side by side, titles above, numbers below, in one PNG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from edlrr_cli.errors import NumericsError, OutputError, UsageError
from edlrr_cli.media.cmyk import to_rgb
from edlrr_cli.media.files import check_target, write_atomic
from edlrr_cli.media.save import encode_image

_Pixels = NDArray[np.floating[Any]]

MAX_FIGURE_PX = 2400
"""Maximum width of a figure."""

_MIN_PANEL_PX = 240  # smaller images are enlarged by an integer factor
_MARGIN_PX = 12
_CAPTION_GAP_PX = 4
_GAINS = (1, 2, 5, 10, 20, 50, 100)
_GAIN_QUANTILE = 0.99  # this fraction of the error map stays below white
_INK, _PAPER = (0, 0, 0), (255, 255, 255)
_MIN_FONT_PX, _MAX_FONT_PX = 9, 30


@dataclass(frozen=True, eq=False)
class Panel:
    """One image of a figure.

    Attributes:
        title: One line above the image; the built-in font has letters and digits but few symbols.
        pixels: Floating, shape (h, w) or (h, w, c) with c = 1, 3 or 4 (CMYK), displayed on [0, 1].
        caption: Text below the image, lines separated by newlines; may be empty.
    """

    title: str
    pixels: _Pixels
    caption: str = ""


def comparison_panels(
    damaged: _Pixels,
    restored: _Pixels,
    reference: _Pixels | None = None,
    *,
    captions: Mapping[str, str] | None = None,
) -> list[Panel]:
    """Return the panels damaged | restored | reference | error, or damaged | restored | change.

    The error is |restored - reference|, the change |restored - damaged|, averaged over the
    channels and amplified by the gain that its title states.

    Args:
        damaged: Shape (h, w) or (h, w, c), in [0, 1]; not modified.
        restored: Same shape.
        captions: Text below a panel, by its name: damaged, restored, reference, error or change.

    Returns:
        Panels for `write_figure`.

    Raises:
        UsageError: Shapes differ, or a caption has no panel.
    """
    texts = dict(captions or {})
    images = {"damaged": damaged, "restored": restored}
    if reference is not None:
        images["reference"] = reference
    if any(pixels.shape != damaged.shape for pixels in images.values()):
        raise UsageError(f"panels: expected shape {damaged.shape} of all images")
    name, baseline = ("change", damaged) if reference is None else ("error", reference)
    panels = [Panel(title, pixels, texts.pop(title, "")) for title, pixels in images.items()]
    panels.append(_difference_panel(name, restored, baseline, texts.pop(name, "")))
    if texts:
        raise UsageError(f"captions: no panel named {', '.join(texts)}")
    return panels


def _difference_panel(name: str, image: _Pixels, baseline: _Pixels, caption: str) -> Panel:
    difference = np.abs(image - baseline).reshape(*image.shape[:2], -1).mean(axis=2)
    gain = gain_of(difference)
    title = f"{name} x {gain} (white = {1 / gain:g})"
    return Panel(title, np.clip(difference * gain, 0.0, 1.0), caption)


def gain_of(difference: _Pixels) -> int:
    """Return the largest usual gain that keeps nearly all differences, shape (h, w), below white."""
    typical = float(np.quantile(difference, _GAIN_QUANTILE))
    return max([gain for gain in _GAINS if gain * typical <= 1.0], default=1) if typical > 0 else 1


def write_gray(path: Path, pixels: _Pixels) -> None:
    """Write one image, shape (h, w), displayed on [0, 1], as an 8-bit gray PNG.

    Raises:
        OutputError: Writing failed.
        NumericsError: The image contains NaN or Inf.
    """
    write_atomic(path, encode_image(path, to_image(pixels), "PNG"))


def write_figure(path: Path, panels: Sequence[Panel], *, overwrite: bool) -> None:
    """Write panels side by side as a PNG.

    Small images are enlarged by an integer factor without smoothing; large ones are reduced so that
    the figure is at most `MAX_FIGURE_PX` wide; others are shown pixel by pixel.

    Args:
        path: Output file, ending in ``.png``; replaced atomically.
        panels: At least one, in order from left to right.

    Raises:
        OutputError: See `check_figure`; or writing failed.
        NumericsError: A panel contains NaN or Inf.
    """
    write_grid(path, [panels], overwrite=overwrite)


def write_grid(path: Path, rows: Sequence[Sequence[Panel]], *, overwrite: bool) -> None:
    """Write rows of panels as a PNG, each row as in `write_figure`.

    Args:
        path: Output file, ending in ``.png``; replaced atomically.
        rows: At least one, all with the same number of panels of one size.

    Raises:
        OutputError: See `check_figure`; or writing failed.
        NumericsError: A panel contains NaN or Inf.
    """
    check_figure(path, overwrite=overwrite)
    write_atomic(path, encode_image(path, _stacked([_compose(row) for row in rows]), "PNG"))


def check_figure(path: Path, *inputs: Path, overwrite: bool) -> None:
    """Check that a figure can be written, before any expensive work.

    Args:
        path: The figure to be written.
        *inputs: Files the command reads; the figure must not be one of them.

    Raises:
        OutputError: See `check_target`; or the extension is not ``.png``.
    """
    if path.suffix.lower() != ".png":
        raise OutputError(f"figure {path}: expected the extension .png, got {path.suffix!r}", "name it .png")
    check_target(path, *inputs, overwrite=overwrite)


def _compose(panels: Sequence[Panel]) -> Image.Image:
    widest_px = (MAX_FIGURE_PX - _MARGIN_PX) // len(panels) - _MARGIN_PX
    images = [_scaled(to_image(panel.pixels), widest_px) for panel in panels]
    column_px = max(image.width for image in images)
    titles = _typeset([panel.title for panel in panels], column_px, column_px // 16)
    captions = _typeset([panel.caption for panel in panels], column_px, column_px // 18)
    top_px = _MARGIN_PX + titles.height
    bottom_px = top_px + max(image.height for image in images) + _CAPTION_GAP_PX
    width_px = _MARGIN_PX + len(panels) * (column_px + _MARGIN_PX)
    figure = Image.new("RGB", (width_px, bottom_px + captions.height + _MARGIN_PX), _PAPER)
    for index, image in enumerate(images):
        left_px = _MARGIN_PX + index * (column_px + _MARGIN_PX)
        figure.paste(titles.images[index], (left_px, _MARGIN_PX))
        figure.paste(image, (left_px + (column_px - image.width) // 2, top_px))
        figure.paste(captions.images[index], (left_px, bottom_px))
    return figure


def _stacked(rows: Sequence[Image.Image]) -> Image.Image:
    figure = Image.new("RGB", (rows[0].width, sum(row.height for row in rows)), _PAPER)
    top_px = 0
    for row in rows:
        figure.paste(row, (0, top_px))
        top_px += row.height
    return figure


@dataclass(frozen=True)
class _Row:
    """Texts in one font size, one image per column, all of one height."""

    images: list[Image.Image]
    height: int


def _typeset(texts: Sequence[str], column_px: int, wanted_px: int) -> _Row:
    """Draw texts centered in columns, in the largest font up to ``wanted_px`` that fits them all."""
    probe = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    for size in range(min(max(wanted_px, _MIN_FONT_PX), _MAX_FONT_PX), _MIN_FONT_PX - 1, -1):
        font = ImageFont.load_default(size=size)
        boxes = [probe.multiline_textbbox((0, 0), text, font=font) for text in texts]
        if max(right for _, _, right, _ in boxes) <= column_px:
            break
    tallest_px = max(bottom for _, _, _, bottom in boxes)
    height = math.ceil(tallest_px) + size // 2 if tallest_px else 0
    images = [Image.new("RGB", (column_px, height), _PAPER) for _ in texts]
    for image, text in zip(images, texts, strict=True):
        draw = ImageDraw.Draw(image)
        draw.multiline_text((column_px / 2, 0), text, fill=_INK, font=font, anchor="ma", align="center")
    return _Row(images, height)


def to_image(pixels: _Pixels) -> Image.Image:
    """Return pixels, shape (h, w) or (h, w, c), c = 1, 3 or 4 (CMYK), on [0, 1], as an 8-bit image.

    Raises:
        NumericsError: The pixels contain NaN or Inf.
    """
    if not np.isfinite(pixels).all():
        raise NumericsError("panel: NaN or Inf cannot be shown")
    levels = np.rint(to_rgb(np.clip(pixels, 0.0, 1.0)) * 255).astype(np.uint8)
    return Image.fromarray(levels.squeeze(axis=2) if levels.shape[2:] == (1,) else levels)


def _scaled(image: Image.Image, widest_px: int) -> Image.Image:
    """Enlarge a small image by an integer factor, reduce a wide one, and return others unchanged."""
    factor = min(math.ceil(_MIN_PANEL_PX / image.width), widest_px // image.width)
    if factor > 1:
        return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
    if image.width <= widest_px:
        return image
    height = max(1, round(image.height * widest_px / image.width))
    return image.resize((widest_px, height), Image.Resampling.LANCZOS)
