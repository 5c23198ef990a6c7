"""Expected errors as a picture: black where the result is sure, white where it is not to be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.media.figure import check_figure, gain_of, write_gray


def write_error_map(path: Path, error: NDArray[np.floating[Any]], *, overwrite: bool) -> float:
    """Write expected errors as a gray PNG, amplified so that all but the largest stay below white.

    Args:
        path: Where to, ending in ``.png``. Written beside, then renamed.
        error: Shape (h, w), on [0, 1].
        overwrite: Whether an existing file may be replaced.

    Returns:
        The error that white stands for, on [0, 1].

    Raises:
        OutputError: The extension is not ``.png``, or the file cannot be written.
        NumericsError: NaN or Inf among the errors.
    """
    check_figure(path, overwrite=overwrite)
    gain = gain_of(error)
    write_gray(path, error * gain)
    return 1 / gain
