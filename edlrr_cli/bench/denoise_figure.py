"""Figure 3: PSNR against the noise level, with and without the low-rank term."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from edlrr_cli.bench.record import Row


@dataclass(frozen=True)
class _Style:
    label: str
    color: str
    line: str
    width: float


# The palette of Okabe and Ito, which is safe for color blindness.
_STYLES = {
    "plain": _Style("DnCNN", "#000000", "-", 2.2),
    "lrr": _Style("DnCNN + low-rank term", "#d55e00", "-", 2.2),
    "windows": _Style("+ low-rank term of windows", "#e69f00", "--", 1.4),
    "groups": _Style("+ low-rank term of similar patches", "#8c510a", "--", 1.4),
    "wide": _Style("+ low-rank term, its images at 0-75", "#cc79a7", "--", 1.2),
    "error": _Style("+ low-rank term on the error", "#999999", ":", 1.4),
    "bias-free": _Style("bias-free DnCNN", "#0072b2", "-.", 1.2),
    "rescaled": _Style("DnCNN, input rescaled", "#009e73", "--", 1.2),
    "blind": _Style("DnCNN trained at 0-55", "#56b4e9", ":", 1.4),
}


def draw_figure(rows: Sequence[Row], test_set: str) -> bytes:
    """Return a PNG with a panel for each training level; the band is the spread over the seeds."""
    scores = [row for row in rows if row["kind"] == "score" and row["set"] == test_set]
    trained = list(dict.fromkeys(row["trained_at"] for row in scores if row["method"] == "plain"))
    figure = Figure(figsize=(12, 4.6), dpi=110, layout="constrained")
    panels = figure.subplots(1, len(trained), sharey=True, squeeze=False)[0]
    for letter, axes, level in zip("abcdefgh", panels, trained, strict=False):
        for method, style in _STYLES.items():
            _draw_curve(axes, [row for row in scores if _belongs(row, method, level)], style)
        axes.axvline(level, color="#bbbbbb", linewidth=1, zorder=0)
        axes.set_title(f"({letter}) trained at {level}")
        axes.set_xlabel("noise level tested")
        axes.grid(alpha=0.25)
    panels[0].set_ylabel(f"PSNR on {test_set} (dB)")
    curves = {line.get_label(): line for axes in panels for line in axes.get_legend_handles_labels()[0]}
    named = [curves[style.label] for style in _STYLES.values() if style.label in curves]
    figure.legend(handles=named, loc="outside lower center", ncols=4, frameon=False)
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()


def _belongs(row: Row, method: str, level: int) -> bool:
    return row["method"] == method and row["trained_at"] in (level, None)


def _draw_curve(axes: Axes, rows: Sequence[Row], style: _Style) -> None:
    by_level: dict[int, list[float]] = {}
    for row in rows:
        by_level.setdefault(row["level"], []).append(row["psnr"])
    if not by_level:
        return
    levels = sorted(by_level)
    means = np.array([np.mean(by_level[level]) for level in levels])
    spread = np.array([np.std(by_level[level]) for level in levels])
    axes.plot(
        levels,
        means,
        style.line,
        color=style.color,
        linewidth=style.width,
        label=style.label,
        marker="." if style.width > 2 else None,
    )
    if spread.any():
        axes.fill_between(levels, means - spread, means + spread, color=style.color, alpha=0.2, linewidth=0)
