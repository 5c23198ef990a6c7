"""The figure of a penalty: its function, its series, and the error between them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from edlrr_cli.lrr.series import Series, make_function
from edlrr_cli.media.figure import check_figure
from edlrr_cli.media.files import write_atomic
from edlrr_cli.media.images import read_image

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from edlrr_cli.lrr.penalties import Penalty

_NUM_POINTS = 1200
_MARGIN = 1.15  # the axis ends this much beyond what matters
_DEFAULT_RANGE = 10.0  # of penalties that are exact everywhere
_SMALLEST_ERROR = 1e-9  # below it is rounding, not the series
_ROOM = 30  # factor below the smallest usual error that is left to the marks
_EXACT, _SERIES, _LIMIT = "#222222", "#d1495b", "#00798c"
_CHANNEL_COLORS = {1: ("#555555",), 3: ("#c03028", "#2e8b3d", "#2b5fc0")}


def draw_penalty(
    name: str,
    output: Path,
    *,
    image: Path | None = None,
    gamma: float | None = None,
    scale: float | None = None,
    overwrite: bool = False,
) -> str:
    """Draw a penalty over the spectrum of an image, and return a summary of one line.

    Args:
        gamma: Shape of the penalty; None: its default.
        scale: Scale of the singular values; None: the largest fits.

    Raises:
        EdlrrError: The output cannot be written, the image cannot be read, or the series is accurate nowhere.
    """
    check_figure(output, *([] if image is None else [image]), overwrite=overwrite)
    spectrum = None if image is None else centered_spectrum(image)
    subject = study(name, make_function(name, gamma), spectrum, scale)
    write_atomic(output, draw(subject))
    return subject.summary


def centered_spectrum(path: Path) -> NDArray[np.float64]:
    """Return the singular values of an image's channels without their row and column means, (c, k)."""
    channels = np.moveaxis(read_image(path).pixels, 2, 0)
    rows, columns = channels.mean(axis=2, keepdims=True), channels.mean(axis=1, keepdims=True)
    centered = channels - rows - columns + channels.mean(axis=(1, 2), keepdims=True)
    spectrum: NDArray[np.float64] = np.linalg.svd(centered, compute_uv=False)
    return spectrum


@dataclass(frozen=True, eq=False)
class Study:
    """The content of the figure.

    Attributes:
        spectrum: Scaled singular values, (c, k); None without an image.
        end: Where the axis of x ends.
    """

    name: str
    exact: Penalty
    series: Series | None
    spectrum: NDArray[np.float64] | None
    end: float
    summary: str


def study(
    name: str, function: Penalty | Series, sigma: NDArray[np.float64] | None, scale: float | None
) -> Study:
    """Put a function and a spectrum on one axis, x = sigma / scale.

    Args:
        sigma: Singular values, (c, k); None if there is no image.
        scale: None puts the largest singular value where the function wants it.

    Raises:
        NumericsError: The series is accurate nowhere.
    """
    series = function if isinstance(function, Series) else None
    exact = function.penalty if isinstance(function, Series) else function
    ends: list[float] = []
    facts = f"{name}: exact"
    if series is not None:
        bound = series.error_bound(series.x_max)
        facts = f"{name}: order {series.order}, within {bound:.3g} of h up to x_max = {series.x_max:.4g}"
        ends.append(series.x_max)
    spectrum = None
    if sigma is not None:
        largest = float(sigma.max())
        if scale is None:
            scale = largest / function.x_fit if function.x_fit and largest > 0 else 1.0
        spectrum, reach = sigma / scale, largest / scale
        facts += f"; sigma_1 = {largest:.4g} / scale {scale:.4g} = {reach:.4g}"
        if series is not None and reach > series.x_max * (1 + 1e-9):
            facts += " is beyond x_max"
        ends.append(reach)
    end = _MARGIN * max(ends, default=_DEFAULT_RANGE)
    return Study(name, exact, series, spectrum, end or _DEFAULT_RANGE, facts)


def draw(subject: Study) -> bytes:
    """Return the drawing as a PNG."""
    figure = Figure(figsize=(11, 4.4), dpi=120, layout="constrained")
    left, right = figure.subplots(1, 2)
    x = np.linspace(0.0, subject.end, _NUM_POINTS)
    _draw_value(left, subject, x)
    if subject.series is None:
        _draw_slope(right, subject, x)
    else:
        _draw_error(right, subject, subject.series, x)
    for axes in (left, right):
        _draw_spectrum(axes, subject)
        axes.set_xlim(0.0, subject.end)
        axes.set_xlabel("x = singular value / scale")
        axes.grid(alpha=0.25)
        axes.legend(loc="lower right", bbox_to_anchor=(1.0, 0.1))
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()


def _evaluate(function: Penalty | Series, x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(function.value(torch.from_numpy(x)).numpy(), dtype=np.float64)


def _draw_value(axes: Axes, subject: Study, x: NDArray[np.float64]) -> None:
    h = _evaluate(subject.exact, x)
    axes.plot(x, h, color=_EXACT, linewidth=2, label="h(x)")
    if subject.series is not None:
        label = f"series, order {subject.series.order}"
        axes.plot(x, _evaluate(subject.series, x), "--", color=_SERIES, linewidth=2, label=label)
        _draw_x_max(axes, subject.series)
    axes.set_ylim(-0.08 * h.max(), 1.15 * h.max())
    axes.set_title(f"penalty {subject.name}")


def _draw_error(axes: Axes, subject: Study, series: Series, x: NDArray[np.float64]) -> None:
    error = np.abs(_evaluate(series, x) - _evaluate(subject.exact, x))
    bound = series.error_bound(series.x_max)
    shown = np.where(error < _SMALLEST_ERROR, np.nan, error)
    axes.semilogy(x, shown, color=_SERIES, label="|series - h|")
    axes.set_ylim(bottom=max(float(np.quantile(error, 0.02)), _SMALLEST_ERROR) / _ROOM)
    label = f"bound {bound:.3g} up to x_max"
    axes.plot([0.0, series.x_max], [bound, bound], ":", color=_LIMIT, linewidth=2, label=label)
    _draw_x_max(axes, series)
    axes.set_title("error of the series")


def _draw_slope(axes: Axes, subject: Study, x: NDArray[np.float64]) -> None:
    slope = subject.exact.derivative(torch.from_numpy(x[1:])).numpy()
    axes.plot(x[1:], slope, color=_EXACT, linewidth=2, label="h'(x)")
    axes.set_ylim(bottom=-0.08 * float(slope.max()))
    axes.set_title("slope: how strongly a singular value is shrunk")


def _draw_x_max(axes: Axes, series: Series) -> None:
    axes.axvline(series.x_max, color=_LIMIT, linewidth=1.2, label=f"x_max = {series.x_max:.4g}")


def _draw_spectrum(axes: Axes, subject: Study) -> None:
    """Mark the singular values along the axis, one row per channel."""
    if subject.spectrum is None:
        return
    colors = _CHANNEL_COLORS[len(subject.spectrum)]
    for row, (values, color) in enumerate(zip(subject.spectrum, colors, strict=True)):
        height = np.full_like(values, 0.015 + 0.022 * row)
        label = "singular values" if row == 0 else None
        axes.plot(
            values, height, "|", color=color, markersize=6, transform=axes.get_xaxis_transform(), label=label
        )
