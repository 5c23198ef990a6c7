"""The panel of a clip on the page of ``edlrr inpaint``."""

from __future__ import annotations

import numpy as np

from edlrr_cli.media.preview import hole_preview, preview
from edlrr_cli.pipelines.clips.record import clip_lines
from edlrr_cli.pipelines.failures import Record
from edlrr_cli.pipelines.panel import Comparison, Layer, Panel
from edlrr_cli.pipelines.preview_frames import PreviewFrame

_SIDE_PX = 800


def clip_panel(record: Record) -> Panel:
    """Return the panel of a record with ``comparisons``, made by `comparison_of`."""
    return Panel(lambda: record["comparisons"], list(clip_lines(record)))


def comparison_of(shown: PreviewFrame) -> Comparison:
    """Return the comparison of a damaged frame with the restored one."""
    known = shown.layers["hole"][..., 0] == 0
    hole = Layer("show the mask", hole_preview(known, _SIDE_PX))
    caption = f"frame {shown.index}, {shown.time_s:.2f} s, {1 - known.mean():.2%} missing"
    return Comparison([layer_of(shown, "damaged")], [layer_of(shown, "restored")], hole, caption=caption)


def layer_of(shown: PreviewFrame, name: str) -> Layer:
    """Return a layer of a preview frame for the page."""
    pixels = shown.layers[name]
    return Layer(name, preview(pixels / np.iinfo(pixels.dtype).max, _SIDE_PX))
