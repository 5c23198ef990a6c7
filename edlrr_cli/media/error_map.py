"""Expected errors as a gray image: black where the result is certain, white where it is uncertain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.media.figure import check_figure, gain_of, write_gray


def write_error_map(path: Path, error: NDArray[np.floating[Any]], *, overwrite: bool) -> float:
    """Write expected errors as a gray PNG, amplified so that all but the largest stay below white.

    Args:
        path: Output file, ending in ``.png``; replaced atomically.
        error: Shape (h, w), on [0, 1].

    Returns:
        The error represented by white, on [0, 1].

    Raises:
        OutputError: The extension is not ``.png``, or the file cannot be written.
        NumericsError: The errors contain NaN or Inf.
    """
    check_figure(path, overwrite=overwrite)
    gain = gain_of(error)
    write_gray(path, error * gain)
    return 1 / gain
