"""A denoiser from a file of weights."""

from __future__ import annotations

import functools
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edlrr_cli.tasks.denoise.network import Denoiser

_log = logging.getLogger(__name__)


@functools.cache
def load_denoiser(path: Path | None = None) -> Denoiser:
    """Load the network of a file of weights; None for the shipped ones, for gray and for color.

    Raises:
        InputError: The file is missing, or holds no network of this program.
    """
    from edlrr_cli.media.shipped import COLOR_DENOISER, DENOISER

    return replace(_read(DENOISER), color=_read(COLOR_DENOISER)) if path is None else _read(path)


def _read(path: Path) -> Denoiser:
    from edlrr_cli.media.weights import read_weights
    from edlrr_cli.tasks.denoise.network import Denoiser

    weights = read_weights(path)
    _log.info("weights %s (%s)", path, weights.about.get("arch"))
    return Denoiser.of(weights.tensors, weights.about, name=str(path))
