"""Plot of PSNR against time: a mark per method, with labels that do not overlap.

A method with tuned parameters is a hollow mark without a label, connected to the same method as published.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

from edlrr_cli.bench.table1_means import TUNED, Means
from edlrr_cli.errors import UsageError

_SIZE_IN = (9.4, 6.0)
_AXES = (0.055, 0.14, 0.94, 0.85)  # left, bottom, width, height within the figure
_DPI = 72  # an SVG unit is a point
_FONT_PT = 8.5
_SPAN_DB = 12.0  # marks further below the best are drawn at the lower edge
_LEAST_SECONDS = 1e-3
_MARK_PT = 4.5
_LEADER_PT = 9.0  # a label at a larger distance has a line to its mark
_ACROSS_PT, _PAST_PT = 120.0, 25.0  # cost of a line across a label or a mark, as a distance
_TILT = 0.8  # cost of the vertical distance from the mark
_RADII_PT = np.array([*range(7, 60, 5), *range(60, 200, 12)], dtype=float)
_ANGLES = np.deg2rad(np.arange(0, 360, 22.5))
_UNTOUCHED = "untouched"  # the control that returns its input

_STYLES = {
    "ours": ("o", "#0062a3"),
    "ours, auto": ("*", "#c2002f"),
    "ours, nonlocal": ("P", "#0e7c4a"),
    "ours, local": ("X", "#0e7c4a"),
    "ours, paper's setting": ("s", "#6a3d9a"),
    "compared": ("^", "#b34700"),
    TUNED: ("^", "#b34700"),
    "compared, other settings": ("v", "#b34700"),
    "control": ("D", "#555555"),
}
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))

Boxes = NDArray[np.float64]  # left, bottom, right, top on the last axis
Points = NDArray[np.float64]  # x, y on the last axis


@dataclass(frozen=True)
class Mark:
    """A method in the plot.

    Attributes:
        seconds: Time, at least the minimum of the axis.
        psnr: PSNR in dB.
        base: Name of the published method, if this mark is its tuned variant and both are drawn.
    """

    method: str
    group: str
    label: str
    seconds: float
    psnr: float
    base: str | None = None

    @property
    def color(self) -> str:
        """Return the color of the group."""
        return _STYLES[self.group][1]


def marks(means: Means, corruption: str | None) -> list[Mark]:
    """Return the marks for one corruption, or for the mean over all if it is None."""
    found = []
    for method in means.methods:
        seconds, psnr = (means.value(method, corruption, key) for key in ("seconds", "psnr"))
        if seconds is not None and psnr is not None and method != _UNTOUCHED:
            shown = max(seconds, _LEAST_SECONDS)
            found.append(Mark(method, means.group(method), means.label(method), shown, psnr))
    bases = {f"{mark.method}:tuned": mark.method for mark in found}
    return [replace(mark, base=bases.get(mark.method)) for mark in found]


def document(means: Means) -> str:
    """Draw the mean of all corruptions as an SVG file with embedded glyphs.

    Raises:
        UsageError: There is nothing to draw.
    """
    points = marks(means, None)
    if not points:
        raise UsageError("no method has been measured in every corruption", "name a record of bench table1")
    return _as_svg(points, fonts="path")


def svg(means: Means, corruption: str, *, prefix: str) -> str | None:
    """Draw one corruption.

    Args:
        prefix: Prefix of the ids, unique within the document.

    Returns:
        An ``<svg>`` element for an HTML document; None if there is nothing to draw.
    """
    points = marks(means, corruption)
    if not points:
        return None
    return _for_html(_as_svg(points, fonts="none"), f"PSNR against seconds, {corruption}", prefix)


def _as_svg(points: Sequence[Mark], *, fonts: Literal["path", "none"]) -> str:
    with mpl.rc_context({"svg.fonttype": fonts, "svg.hashsalt": "edlrr", "font.size": _FONT_PT}):
        figure = _drawn(points)
        with io.StringIO() as text:
            figure.savefig(text, format="svg", metadata=_NO_METADATA)
            return text.getvalue()


def _drawn(points: Sequence[Mark]) -> Figure:
    figure = Figure(figsize=_SIZE_IN, dpi=_DPI)
    FigureCanvasAgg(figure)
    axes = figure.add_axes(_AXES)
    _scale(axes, points)
    _draw_marks(axes, points)
    _draw_labels(axes, points)
    return figure


def _scale(axes: Axes, points: Sequence[Mark]) -> None:
    best, worst = (choose(mark.psnr for mark in points) for choose in (max, min))
    low = max(worst, best - _SPAN_DB)
    pad = 0.06 * max(best - low, 1.0)
    times = [mark.seconds for mark in points]
    axes.set(xscale="log", xlabel="seconds per image", ylabel="PSNR, dB")
    axes.set(xlim=(min(times) / 1.6, max(times) * 2.5), ylim=(low - pad, best + pad))
    axes.xaxis.set_major_locator(LogLocator(base=10))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(color="#e4e4e4", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _shown(axes: Axes, mark: Mark) -> tuple[float, float]:
    """Return the position of a mark; marks below the axis are at its lower edge."""
    return mark.seconds, max(mark.psnr, axes.get_ylim()[0])


def _draw_marks(axes: Axes, points: Sequence[Mark]) -> None:
    for mark, base in _pairs(points):
        ends = zip(_shown(axes, base), _shown(axes, mark), strict=True)
        axes.plot(*ends, color=mark.color, linewidth=0.6, alpha=0.6)
    named = set()
    for mark in points:
        axes.plot(
            *_shown(axes, mark),
            marker=_STYLES[mark.group][0],
            markerfacecolor=mark.color if mark.base is None else "white",
            color=mark.color,
            markersize=5.5,
            linestyle="",
            label=None if mark.group in named else mark.group.replace("compared", "baselines"),
            clip_on=False,
            zorder=3,
        )
        named.add(mark.group)
    axes.figure.legend(loc="lower center", ncols=len(_STYLES), frameon=False, handletextpad=0.2)


def _pairs(points: Sequence[Mark]) -> Iterator[tuple[Mark, Mark]]:
    """Yield each tuned mark with its published counterpart."""
    by_method = {mark.method: mark for mark in points}
    yield from ((mark, by_method[mark.base]) for mark in points if mark.base is not None)


def _draw_labels(axes: Axes, points: Sequence[Mark]) -> None:
    floor = axes.get_ylim()[0]
    positions = axes.transData.transform([_shown(axes, mark) for mark in points])
    pairs = [axes.transData.transform([_shown(axes, mark) for mark in pair]) for pair in _pairs(points)]
    lines = np.vstack([np.empty((0, 2)), *(_leader(start, end[None])[0] for start, end in pairs)])
    labeled = [index for index, mark in enumerate(points) if mark.base is None]
    texts = []
    for mark in (points[index] for index in labeled):
        label = mark.label if mark.psnr >= floor else f"{mark.label}, {mark.psnr:.1f} dB"
        texts.append(axes.text(0, 0, label, color=mark.color, transform=None, va="bottom", parse_math=False))
    sizes = np.array([text.get_window_extent().size for text in texts])
    boxes = place_labels(positions, labeled, sizes, axes.get_window_extent().get_points(), lines)
    for text, box, index in zip(texts, boxes, labeled, strict=True):
        _put(text, box, positions[index])
        end = _nearest(box, positions[index])
        if np.hypot(*(end - positions[index])) > _LEADER_PT:
            line = zip(positions[index], end, strict=True)
            axes.plot(*line, color=points[index].color, linewidth=0.5, transform=None, zorder=1)


def _put(text: Text, box: Boxes, mark: Points) -> None:
    """Anchor a label at the side that faces its mark, since the font of the reader may be narrower."""
    left, bottom, right, _ = box
    if right <= mark[0]:
        text.set(position=(right, bottom), ha="right")
    elif left >= mark[0]:
        text.set(position=(left, bottom), ha="left")
    else:
        text.set(position=((left + right) / 2, bottom), ha="center")


def place_labels(
    positions: Points, labeled: Sequence[int], sizes: Points, frame: Points, lines: Points
) -> Boxes:
    """Return a box for every label: near its mark, within the frame, off all marks, labels and lines.

    Labels are placed in the order of the density around their marks, each at the position off all
    marks and labels that minimizes the sum of distance, tilt and crossed lines.

    Args:
        positions: Positions of all marks, shape (n, 2).
        labeled: Indices of the m marks with labels.
        sizes: Width and height of each label, shape (m, 2).
        frame: Lower left and upper right corner, shape (2, 2).
        lines: Points on the lines already drawn, shape (k, 2).

    Returns:
        Left, bottom, right, top of each label, shape (m, 4).
    """
    distances = np.hypot(*(positions[:, None] - positions).transpose(2, 0, 1))
    crowded = np.sort(distances, axis=1)[:, :4].sum(axis=1)
    marks = np.hstack([positions - _MARK_PT, positions + _MARK_PT])
    placed = np.zeros((len(labeled), 4))
    order = sorted(range(len(labeled)), key=lambda slot: crowded[labeled[slot]])
    for rank, slot in enumerate(order):
        start, labels = positions[labeled[slot]], placed[order[:rank]]
        boxes = _candidates(start, sizes[slot], frame)
        covering = _overlap(boxes, np.vstack([marks, labels])).any(axis=1)
        boxes = boxes if covering.all() else boxes[~covering]
        leaders = _leader(start, _nearest(boxes, start))
        cost = np.hypot(*(leaders[:, -1] - start).T)
        cost += _TILT * np.abs(boxes[:, [1, 3]].mean(axis=1) - start[1])
        cost += _ACROSS_PT * _contain(boxes, lines).any(axis=1)
        cost += _ACROSS_PT * _cross(leaders, labels)
        cost += _PAST_PT * _cross(leaders, marks[~_contain(marks, start[None])[:, 0]])
        best = int(cost.argmin())
        placed[slot] = boxes[best]
        lines = np.vstack([lines, leaders[best]])
    return placed


def _candidates(start: Points, size: Points, frame: Points) -> Boxes:
    """Return boxes around a mark within the frame; if there are none, the box at the mark itself."""
    outward = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)
    corners = start + _RADII_PT[:, None, None] * outward - size * (1 - outward) / 2
    boxes = np.concatenate([corners, corners + size], axis=2).reshape(-1, 4)
    inside = (boxes[:, :2] >= frame[0]).all(axis=1) & (boxes[:, 2:] <= frame[1]).all(axis=1)
    return boxes[inside] if inside.any() else np.hstack([start, start + size])[None]


def _overlap(boxes: Boxes, others: Boxes) -> NDArray[np.bool_]:
    """Return whether each box overlaps each of the others, shape (k, n)."""
    (left, bottom, right, top), (l2, b2, r2, t2) = boxes.T[..., None], others.T[:, None]
    return np.asarray((left < r2) & (l2 < right) & (bottom < t2) & (b2 < top))


def _contain(boxes: Boxes, points: Points) -> NDArray[np.bool_]:
    """Return whether each box contains each point, shape (k, n)."""
    return _overlap(boxes, np.hstack([points, points]))


def _leader(start: Points, ends: Points) -> Points:
    """Return points on the lines from a mark to end points, shape (k, 12, 2)."""
    return start + np.linspace(0, 1, 12)[:, None] * (ends[:, None] - start)


def _cross(leaders: Points, boxes: Boxes) -> NDArray[np.bool_]:
    """Return whether each line crosses a box, shape (k,)."""
    hits = _contain(boxes, leaders.reshape(-1, 2)).reshape(len(boxes), *leaders.shape[:2])
    return np.asarray(hits.any(axis=(0, 2)))


def _nearest(boxes: Boxes, point: Points) -> Points:
    """Return the point of each box that is nearest to another point."""
    return np.clip(point, boxes[..., :2], boxes[..., 2:])


def _for_html(document: str, title: str, prefix: str) -> str:
    """Return the element of an SVG file, without declarations and styles, and with unique ids."""
    view_box = re.search(r'viewBox="[^"]*"', document)
    content = re.sub(
        r"<style.*?</style>", "", document.partition("<svg")[2].partition(">")[2], flags=re.DOTALL
    )
    content = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}-", content.replace("xlink:href", "href"))
    assert view_box is not None, "matplotlib writes it"
    return f'<svg {view_box[0]} role="img" aria-label="{html.escape(title)}">{content}'
