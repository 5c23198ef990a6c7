"""The tables of a record of ``edlrr bench mask``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edlrr_cli.bench.markdown import table_of
from edlrr_cli.bench.record import Row


def summary(rows: list[Row]) -> str:
    """Return the means by defect, and what is found in clean photographs."""
    text = table_of(
        [row for row in rows if row["kind"] == "mean"],
        {
            "defect": "{defect}",
            "images": "{num_images}",
            "damaged": _percent("truth_fraction"),
            "recall": "{recall:.3f}",
            "false": _percent("false_fraction"),
            "F": "{f_measure:.3f}",
            "IoU": "{iou:.3f}",
            "PSNR, dB, damaged": "{psnr_damaged:.2f}",
            "true mask": "{psnr_true:.2f}",
            "made mask": "{psnr_made:.2f}",
            "made, --dilate 1": "{psnr_dilated:.2f}",
            "seconds": "{seconds:.2f}",
        },
    )
    return f"{text}\n\n{_clean(rows)}"


def _percent(key: str) -> Callable[[Row], str]:
    return lambda row: f"{100 * row[key]:.2f} %"


def _clean(rows: list[Row]) -> str:
    clean = [row for row in rows if row["kind"] == "clean"]
    parts = []
    for defect in dict.fromkeys(row["defect"] for row in clean):
        fractions = [100 * row["false_fraction"] for row in clean if row["defect"] == defect]
        parts.append(f"{defect} {np.mean(fractions):.3f} % (at most {max(fractions):.3f} %)")
    return f"Found in the photographs without damage, of the pixels: {', '.join(parts)}."
