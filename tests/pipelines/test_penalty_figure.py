"""The figure of a penalty over the spectrum of an image."""

from __future__ import annotations

import numpy as np
from PIL import Image

from edlrr_cli.pipelines.penalty_figure import centered_spectrum


def test_centering_removes_the_sum_of_a_row_and_a_column(tmp_path):
    values = np.add.outer(np.arange(20), np.arange(30)).astype(np.uint8)
    Image.fromarray(values).save(tmp_path / "ramp.png")
    assert centered_spectrum(tmp_path / "ramp.png").max() < 1e-12
