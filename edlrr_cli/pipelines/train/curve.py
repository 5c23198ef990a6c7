"""The plot of a training run."""

from __future__ import annotations

import io
from collections.abc import Sequence

from matplotlib.figure import Figure

from edlrr_cli.pipelines.train.files import Entry

_LOSS, _RANK, _PSNR = "#222222", "#d1495b", "#00798c"


def draw_training(entries: Sequence[Entry], title: str) -> bytes:
    """Return a PNG: the terms of the loss on the left, the PSNR on held-out images on the right."""
    figure = Figure(figsize=(11, 4.2), dpi=120, layout="constrained")
    left, right = figure.subplots(1, 2)
    steps = [entry.step for entry in entries]
    left.plot(steps, [entry.data for entry in entries], color=_LOSS, label="data term")
    ranked = [(entry.step, entry.rank) for entry in entries if entry.rank is not None]
    if ranked:
        left.plot(*zip(*ranked, strict=True), color=_RANK, label="low-rank term")
    left.set_yscale("log")
    left.set_ylabel("in units of the noise power")
    left.legend()
    right.plot(steps, [entry.psnr for entry in entries], color=_PSNR, marker=".")
    right.set_ylabel("PSNR on held-out images (dB)")
    for axes in (left, right):
        axes.set_xlabel("steps")
        axes.grid(alpha=0.25)
    figure.suptitle(title)
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()
